"""What other rooms do with objects."""

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
