"""What AWS's serializers may be told is done to the files: read back from their own bytes."""

import io
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import orc, parquet

from clary.formats.protobuf import read_fields
from clary.tables.columnar import ColumnFile

BLOOM, DICTIONARY = (7, 8), 3  # kinds of streams in ORC


def write(tmp_path, rows, kind="orc", **options):
    """The bytes of a file with a table's rows."""
    path = tmp_path / f"file-{len(list(tmp_path.iterdir()))}"
    file = ColumnFile(path, rows.schema, kind, options)
    file.write(rows)
    file.close()
    return path.read_bytes()


def streams(body):
    """The (kind, type number) of every stream in an ORC file that isn't compressed."""
    postscript = dict(read_fields(body[-1 - body[-1] : -1]))
    end = len(body) - 1 - body[-1]
    found = set()
    for field, value in read_fields(body[end - postscript[1] : end]):
        if field == 3:
            stripe = dict(read_fields(value))
            start = stripe.get(1, 0) + stripe.get(2, 0) + stripe.get(3, 0)
            footer = read_fields(body[start : start + stripe[4]])
            parts = [dict(read_fields(part)) for number, part in footer if number == 1]
            found |= {(part.get(1, 0), part.get(2, 0)) for part in parts}
    return found


ROWS = pa.table(
    {
        "a": pa.array(range(2000)),
        "nested": pa.array([{"x": n, "y": [str(n)]} for n in range(2000)]),
        "pairs": pa.array([[("k", n)] for n in range(2000)], pa.map_(pa.string(), pa.int32())),
        "text": pa.array([str(n % 50) for n in range(2000)]),
        "when": pa.array([datetime(2026, 1, 1)] * 2000, pa.timestamp("ms")),
        "day": pa.array([date(2026, 1, 1)] * 2000),
        "money": pa.array([Decimal("1.50")] * 2000, pa.decimal128(10, 2)),
        "raw": pa.array([b"x"] * 2000),
        "yes": pa.array([True] * 2000),
    }
)


@pytest.mark.parametrize(
    ("columns", "numbers"),
    [
        (["a"], {1}),
        (["nested"], {3, 5}),
        (["pairs"], {7, 8}),
        (["text"], {9}),
        (["a", "text", "day"], {1, 9, 11}),
        ([], set()),
        (["gone"], set()),
    ],
)
def test_bloom_filters_are_those_of_the_named_columns(tmp_path, columns, numbers):
    body = write(tmp_path, ROWS, Compression="NONE", BloomFilterColumns=columns)
    assert {number for kind, number in streams(body) if kind in BLOOM} == numbers


def test_every_column_may_have_a_bloom_filter(tmp_path):
    body = write(tmp_path, ROWS, Compression="NONE", BloomFilterColumns=ROWS.column_names)
    assert orc.ORCFile(io.BytesIO(body)).read().num_rows == 2000


def test_a_smaller_chance_of_false_answers_takes_more_room(tmp_path):
    options = {"Compression": "NONE", "BloomFilterColumns": ["a"]}
    small, large = (
        write(tmp_path, ROWS, **options, BloomFilterFalsePositiveProbability=chance) for chance in (0.5, 0.0001)
    )
    assert len(large) > len(small) + 1000


def test_the_options_of_orc(tmp_path):
    rows = pa.table({"text": pa.array([f"value {n % 50}" for n in range(60_000)])})
    plain, keyed = (write(tmp_path, rows, Compression="NONE", DictionaryKeyThreshold=share) for share in (0.0, 1.0))
    assert DICTIONARY not in {kind for kind, _ in streams(plain)}
    assert DICTIONARY in {kind for kind, _ in streams(keyed)}
    found = orc.ORCFile(io.BytesIO(write(tmp_path, rows, RowIndexStride=1000, FormatVersion="V0_11")))
    assert (found.row_index_stride, found.file_version) == (1000, "0.11")
    wide = pa.table({"n": np.random.default_rng(1).random(3_000_000)})
    sizes = 8 * 1024 * 1024, 64 * 1024 * 1024
    bodies = (write(tmp_path, wide, Compression="NONE", StripeSizeBytes=size) for size in sizes)
    assert [orc.ORCFile(io.BytesIO(body)).nstripes for body in bodies] == [3, 1]


def test_the_options_of_parquet(tmp_path):
    rows = pa.table({"text": pa.array([f"value {n % 50}" for n in range(60_000)])})
    for asked in (False, True):
        found = parquet.ParquetFile(
            io.BytesIO(write(tmp_path, rows, kind="parquet", EnableDictionaryCompression=asked))
        )
        assert found.metadata.row_group(0).column(0).has_dictionary_page is asked
    small, large = (
        write(tmp_path, rows, kind="parquet", Compression="UNCOMPRESSED", PageSizeBytes=size)
        for size in (65536, 1024 * 1024)
    )
    assert len(small) > len(large)
    first, second = (write(tmp_path, rows, kind="parquet", WriterVersion=version) for version in ("V1", "V2"))
    assert first != second
    assert parquet.read_table(io.BytesIO(second)) == rows
