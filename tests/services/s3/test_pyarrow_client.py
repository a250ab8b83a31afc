"""pyarrow's own S3 client, which is the AWS SDK for C++."""

import itertools

import pyarrow as pa
import pytest
from pyarrow import fs, parquet

_numbers = itertools.count()


@pytest.fixture
def files(server, aws):
    """A file system and the name of a bucket of its own."""
    bucket = f"arrow-{next(_numbers)}"
    aws("s3").create_bucket(Bucket=bucket)
    return fs.S3FileSystem(
        access_key="test", secret_key="test", region="us-east-1", endpoint_override=server.url
    ), bucket


def test_files_are_written_listed_and_read(files):
    system, bucket = files
    rows = b"0123456789" * 1000
    with system.open_output_stream(f"{bucket}/folder/rows.bin") as stream:
        stream.write(rows)
    assert system.open_input_stream(f"{bucket}/folder/rows.bin").read() == rows
    opened = system.open_input_file(f"{bucket}/folder/rows.bin")
    opened.seek(9_990)
    assert opened.read() == rows[:10]
    [info] = system.get_file_info(fs.FileSelector(f"{bucket}/folder", recursive=True))
    assert (info.path, info.size) == (f"{bucket}/folder/rows.bin", 10_000)


def test_tables_are_written_and_read(files):
    system, bucket = files
    table = pa.table({"a": list(range(1000)), "day": ["2026-01-01", "2026-01-02"] * 500})
    parquet.write_to_dataset(table, f"{bucket}/t", partition_cols=["day"], filesystem=system)
    found = parquet.read_table(f"{bucket}/t", filesystem=system, filters=[("day", "=", "2026-01-02")])
    assert sorted(found["a"].to_pylist()) == list(range(1, 1000, 2))


def test_what_is_not_there_is_told(files):
    system, bucket = files
    with pytest.raises(FileNotFoundError):
        system.open_input_file(f"{bucket}/nothing")
