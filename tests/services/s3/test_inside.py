"""What other rooms do with objects."""

import hashlib
import tempfile
from pathlib import Path

import pytest

from clary.services.s3 import inside
from clary.services.s3.errors import NoSuchBucket, NoSuchKey


def test_other_rooms_put_list_and_fetch(server, s3, bucket, tmp_path):
    rooms = server.house.rooms
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    inside.put_object_file(rooms, bucket, "a/model", path, content_type="application/x-tar")
    found = s3.get_object(Bucket=bucket, Key="a/model")
    assert (found["Body"].read(), found["ContentType"]) == (path.read_bytes(), "application/x-tar")
    (listed,) = inside.list_objects(rooms, bucket, "a/")
    assert (listed.key, listed.size, listed.etag) == ("a/model", 3_000_000, found["ETag"].strip('"'))
    inside.fetch_object(rooms, bucket, "a/model", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == path.read_bytes()


@pytest.fixture
def near(server):
    """A folder in the file system of the server's data."""
    with tempfile.TemporaryDirectory(dir=server.house.settings.data_dir.parent) as folder:
        yield Path(folder)


def test_files_are_taken_without_a_copy_and_become_objects_at_once(server, s3, bucket, near):
    rooms, bodies = server.house.rooms, {"t/large": b"x" * 3_000_000, "t/small": b"small", "t/empty": b""}
    files = [(bucket, key, near / key[2:]) for key in bodies]
    for _, key, path in files:
        path.write_bytes(bodies[key])
    with inside.taking_files(rooms, files) as put:
        assert list(inside.list_objects(rooms, bucket, "t/")) == []
        put()
    large = files[0][2].stat()
    assert (large.st_nlink, large.st_mode & 0o777) == (2, 0o444)
    assert files[1][2].stat().st_nlink == 1  # it lies in the database
    for key, body in bodies.items():
        found = s3.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")  # botocore checks it
        assert found["Body"].read() == body
        assert (found["ETag"], "ChecksumCRC64NVME" in found) == (f'"{hashlib.md5(body).hexdigest()}"', True)


def test_files_that_no_object_came_of_are_nowhere_else(server, bucket, near):
    rooms, files = server.house.rooms, [near / "one", near / "other"]
    for path in files:
        path.write_bytes(b"x" * 100_000)
    wanted = [(bucket, "n/one", files[0]), ("s3-test-none", "n/other", files[1])]
    with pytest.raises(NoSuchBucket), inside.taking_files(rooms, wanted) as put:
        put()
    assert list(inside.list_objects(rooms, bucket, "n/")) == []
    with inside.taking_files(rooms, wanted[:1]):
        pass
    assert [path.stat().st_nlink for path in files] == [1, 1]


def test_a_listing_has_no_end_at_a_thousand(server, bucket):
    objects = server.house.rooms.objects
    with objects.incoming() as incoming:
        content = incoming.finish()
    for number in range(1001):
        objects.put(bucket, f"{number:04}", content, {"Metadata": {}}, lambda found: None)
    assert [item.key for item in inside.list_objects(server.house.rooms, bucket, "")] == [
        f"{number:04}" for number in range(1001)
    ]


def test_what_is_not_there(server, bucket, tmp_path):
    rooms = server.house.rooms
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(NoSuchBucket):
        list(inside.list_objects(rooms, "s3-test-none", ""))
    with pytest.raises(NoSuchBucket):
        inside.fetch_object(rooms, "s3-test-none", "k", tmp_path / "target")
    with pytest.raises(NoSuchKey):
        inside.fetch_object(rooms, bucket, "k", tmp_path / "target")
    with pytest.raises(NoSuchBucket):
        inside.put_object_file(rooms, "s3-test-none", "k", tmp_path / "file")
