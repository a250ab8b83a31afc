"""Objects in the store: what is written is read, listed and removed, whatever else goes on meanwhile."""

import hashlib
import itertools
import os
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from clary.clock import MovedClock
from clary.store.buckets import BucketExists, BucketNotEmpty
from clary.store.deletion import Target
from clary.store.incoming import INLINE_BYTES
from clary.store.object_list import after_prefix
from clary.store.object_rows import drop_parts
from clary.store.objects import NoObject, Objects
from clary.store.uploads import Completion, NoUpload

SMALL = b"small" * 10
LARGE = bytes(range(256)) * 1024  # 256 KiB


@pytest.fixture
def objects(database, tmp_path, clock):
    found = Objects(database, tmp_path / "objects", clock)
    found.buckets.create("b", "000000000000", "us-east-1", {})
    return found


def put(objects, key, data, *, details=None):
    with objects.incoming() as incoming:
        incoming.write([data])
        return objects.put("b", key, incoming.finish(), details or {}, lambda found: None)


def read(objects, key, start=0, length=None):
    def choose(found):
        if found.object is None:
            raise NoObject(key)
        return start, found.object.size - start if length is None else length

    with objects.open("b", key, choose) as opened:
        return b"".join(opened.blocks())


def upload(objects, key, *datas):
    begun = objects.uploads.create("b", key, {"x": 1}, lambda bucket: None)
    for number, data in enumerate(datas, 1):
        with objects.incoming() as incoming:
            incoming.write([data])
            objects.uploads.put_part(begun.id, number, incoming.finish(), {"crc32": str(number)})
    return begun


def everything(upload, found, parts):
    return Completion(parts, "etag-2", upload.details)


def files(objects_folder: Path) -> set[str]:
    return {path.name for path in objects_folder.glob("??/*")}


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_what_is_put_is_read(objects, data):
    stored = put(objects, "key", data, details={"Metadata": {"a": "b"}})
    assert stored.etag == hashlib.md5(data).hexdigest()
    assert read(objects, "key") == data
    found = objects.find("b", "key").object
    assert (found.size, found.details) == (len(data), {"Metadata": {"a": "b"}})


def test_up_to_64_kib_lie_in_the_database_and_more_in_a_read_only_file(objects, tmp_path):
    put(objects, "inline", b"x" * INLINE_BYTES)
    assert files(tmp_path / "objects") == set()
    put(objects, "file", b"x" * (INLINE_BYTES + 1))
    (name,) = files(tmp_path / "objects")
    path = tmp_path / "objects" / name[:2] / name
    assert path.read_bytes() == b"x" * (INLINE_BYTES + 1)
    assert path.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("first", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("second", [SMALL + b"2", LARGE + b"2"], ids=["small", "large"])
def test_overwriting_and_deleting_leave_no_file_behind(objects, tmp_path, first, second):
    put(objects, "key", first)
    put(objects, "key", second)
    assert read(objects, "key") == second
    objects.settle()
    assert len(files(tmp_path / "objects")) == (len(second) > INLINE_BYTES)
    objects.delete("b", [Target("key"), Target("other")], lambda bucket, found: found)
    assert objects.find("b", "key").object is None
    assert files(tmp_path / "objects") == set()


def test_a_range_is_read_from_the_parts_that_hold_it(objects):
    datas = [LARGE, SMALL, LARGE[::-1]]
    begun = upload(objects, "key", *datas)
    objects.uploads.complete(begun.id, everything)
    whole = b"".join(datas)
    edge = len(LARGE)
    for start, length in [(0, len(whole)), (edge - 1, 3), (edge, len(SMALL)), (edge + 5, 100), (len(whole) - 1, 1)]:
        assert read(objects, "key", start, length) == whole[start : start + length]


def test_completing_moves_no_byte_and_drops_the_parts_that_were_not_chosen(objects, tmp_path):
    put(objects, "key", LARGE)
    begun = upload(objects, "key", LARGE, LARGE + b"2", LARGE + b"3")
    inodes = {path.stat().st_ino for path in (tmp_path / "objects").glob("??/*")}
    made = objects.uploads.complete(begun.id, lambda *given: Completion(given[2][1:], "etag-2", {}))
    assert (made.id, made.parts, made.etag) == (begun.id, 2, "etag-2")
    assert read(objects, "key") == LARGE + b"2" + LARGE + b"3"
    objects.settle()
    left = {path.stat().st_ino for path in (tmp_path / "objects").glob("??/*")}
    assert left < inodes
    assert len(left) == 2
    with pytest.raises(NoUpload):
        objects.uploads.complete(begun.id, everything)


def test_a_part_uploaded_again_replaces_the_first(objects, tmp_path):
    begun = upload(objects, "key", LARGE)
    with objects.incoming() as incoming:
        incoming.write([LARGE + b"again"])
        objects.uploads.put_part(begun.id, 1, incoming.finish(), {})
    assert [part.size for part in objects.uploads.parts(begun.id)] == [len(LARGE) + 5]
    assert len(files(tmp_path / "objects")) == 1


def test_aborting_an_upload_or_deleting_its_bucket_removes_its_parts(objects, tmp_path):
    objects.uploads.abort(upload(objects, "one", LARGE, LARGE).id, lambda found: None)
    assert files(tmp_path / "objects") == set()
    begun = upload(objects, "two", LARGE)
    objects.buckets.delete("b", lambda bucket: None)
    assert files(tmp_path / "objects") == set()
    assert objects.uploads.get(begun.id) is None


def test_a_part_that_comes_after_the_end_of_its_upload_is_refused_and_dropped(objects, tmp_path):
    begun = upload(objects, "key", SMALL)
    objects.uploads.abort(begun.id, lambda found: None)
    with objects.incoming() as incoming, pytest.raises(NoUpload):
        incoming.write([LARGE])
        objects.uploads.put_part(begun.id, 1, incoming.finish(), {})
    assert files(tmp_path / "objects") == set()


def test_a_refused_put_changes_nothing(objects, tmp_path):
    put(objects, "key", SMALL)

    def refuse(found):
        assert found.object.size == len(SMALL)
        raise ZeroDivisionError

    with objects.incoming() as incoming, pytest.raises(ZeroDivisionError):
        incoming.write([LARGE])
        objects.put("b", "key", incoming.finish(), {}, refuse)
    assert read(objects, "key") == SMALL
    assert files(tmp_path / "objects") == set()


def test_a_copy_of_a_large_object_is_a_link_that_outlives_its_source(objects, tmp_path):
    put(objects, "key", LARGE)
    with objects.open("b", "key", lambda found: (0, found.object.size)) as opened:
        content = objects.copy(opened)
    objects.put("b", "copy", content, {}, lambda found: None)
    assert len({path.stat().st_ino for path in (tmp_path / "objects").glob("??/*")}) == 1
    objects.delete("b", [Target("key")], lambda bucket, found: found)
    assert read(objects, "copy") == LARGE


@pytest.mark.parametrize("parts", [1, 2])
def test_an_opened_object_is_read_to_its_end_though_it_is_overwritten(objects, tmp_path, parts):
    if parts == 1:
        put(objects, "key", LARGE)
    else:
        objects.uploads.complete(upload(objects, "key", LARGE, LARGE).id, everything)
    opened = objects.open("b", "key", lambda found: (0, found.object.size))
    put(objects, "key", SMALL)
    assert b"".join(opened.blocks()) == LARGE * parts
    assert len(files(tmp_path / "objects")) == parts
    opened.close()
    assert files(tmp_path / "objects") == set()


def test_an_object_opened_and_forgotten_keeps_no_file(objects, tmp_path):
    put(objects, "key", LARGE)
    objects.open("b", "key", lambda found: (0, found.object.size))
    objects.delete("b", [Target("key")], lambda bucket, found: found)
    assert files(tmp_path / "objects") == set()


def test_a_reader_that_comes_while_the_file_is_being_removed_looks_again(objects, monkeypatch):
    put(objects, "key", LARGE)
    removing, go_on = threading.Event(), threading.Event()
    unlink = os.unlink

    def unlink_slowly(path):
        removing.set()
        go_on.wait(30)
        unlink(path)

    writer = threading.Thread(target=put, args=(objects, "key", LARGE + b"new"))

    def choose(found):
        if not removing.is_set():
            monkeypatch.setattr(os, "unlink", unlink_slowly)
            writer.start()
            assert removing.wait(30)
        return 0, found.object.size

    with objects.open("b", "key", choose) as opened:
        go_on.set()
        writer.join(30)
        assert b"".join(opened.blocks()) == LARGE + b"new"


def test_readers_see_whole_objects_while_a_writer_replaces_them(objects):
    versions = [bytes([number]) * (INLINE_BYTES + number) for number in range(20)]
    put(objects, "key", versions[0])
    stop = threading.Event()
    problems = []

    def keep_reading():
        while not stop.is_set():
            data = read(objects, "key")
            if data not in versions:
                problems.append(data[:10])

    readers = [threading.Thread(target=keep_reading) for _ in range(2)]
    for reader in readers:
        reader.start()
    for version in versions:
        put(objects, "key", version)
    stop.set()
    for reader in readers:
        reader.join(timeout=30)
    assert problems == []


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_fetch_gives_a_read_only_file(objects, tmp_path, data):
    put(objects, "key", data)
    objects.fetch("b", "key", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == data
    assert (tmp_path / "target").stat().st_mode & 0o777 == 0o444
    put(objects, "key", b"other")
    assert (tmp_path / "target").read_bytes() == data
    with pytest.raises(NoObject):
        objects.fetch("b", "none", tmp_path / "none")


def test_fetch_joins_parts_and_links_a_single_file(objects, tmp_path):
    objects.uploads.complete(upload(objects, "parts", LARGE, SMALL).id, everything)
    objects.fetch("b", "parts", tmp_path / "parts")
    assert (tmp_path / "parts").read_bytes() == LARGE + SMALL
    assert (tmp_path / "parts").stat().st_mode & 0o777 == 0o444
    put(objects, "file", LARGE)
    objects.fetch("b", "file", tmp_path / "file")
    assert (tmp_path / "file").stat().st_nlink == 2


def test_parts_that_were_joined_once_are_one_file_from_then_on(objects, tmp_path):
    made = objects.uploads.complete(upload(objects, "parts", LARGE, SMALL, LARGE[::-1]).id, everything)
    whole, parts = LARGE + SMALL + LARGE[::-1], objects.uploads.parts(made.id)
    objects.fetch("b", "parts", tmp_path / "first")
    objects.settle()
    (name,) = files(tmp_path / "objects")
    objects.fetch("b", "parts", tmp_path / "second")
    assert (tmp_path / "objects" / name[:2] / name).samefile(tmp_path / "second")
    assert (tmp_path / "first").samefile(tmp_path / "second")
    for start, length in [(0, len(whole)), (len(LARGE) - 1, 3), (len(LARGE) + 5, 10), (len(whole) - 1, 1)]:
        assert read(objects, "parts", start, length) == whole[start : start + length]
    told = [(part.number, part.size, part.start, part.etag, part.checksums) for part in parts]
    left = [(part.number, part.size, part.start, part.etag, part.checksums) for part in objects.uploads.parts(made.id)]
    assert left == told
    assert objects.sweep() == 0
    put(objects, "parts", SMALL)
    objects.settle()
    assert files(tmp_path / "objects") == set()
    assert (tmp_path / "second").read_bytes() == whole


def test_parts_that_are_overwritten_while_they_are_joined_leave_no_file(objects, tmp_path):
    objects.uploads.complete(upload(objects, "parts", LARGE, LARGE).id, everything)
    with objects._database.write() as connection:
        objects.fetch("b", "parts", tmp_path / "first")
        objects.fetch("b", "parts", tmp_path / "second")  # both wait for the transaction
        connection.execute(sa.text("DELETE FROM objects"))
        gone = drop_parts(connection, [part.owner for part in connection.execute(sa.text("SELECT owner FROM parts"))])
    objects._blobs.remove(gone)
    objects.settle()
    assert files(tmp_path / "objects") == set()
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes() == LARGE + LARGE


def test_bucket_names_are_unique_in_all_accounts_and_only_empty_buckets_are_deleted(objects):
    with pytest.raises(BucketExists) as taken:
        objects.buckets.create("b", "111111111111", "eu-west-1", {})
    assert taken.value.bucket.account == "000000000000"
    put(objects, "key", SMALL)
    with pytest.raises(BucketNotEmpty):
        objects.buckets.delete("b", lambda bucket: None)
    assert [bucket.name for bucket in objects.buckets.list("000000000000")] == ["b"]
    assert list(objects.buckets.list("111111111111")) == []


def test_the_sweep_leaves_what_is_stored_being_written_or_being_read(objects, tmp_path):
    put(objects, "key", LARGE)
    upload(objects, "parts", LARGE)
    draft = objects.incoming()
    draft.write([LARGE])
    put(objects, "overwritten", LARGE)
    opened = objects.open("b", "overwritten", lambda found: (0, found.object.size))
    put(objects, "overwritten", SMALL)
    rubbish = tmp_path / "objects" / "ab" / ("ab" * 16)
    rubbish.parent.mkdir(exist_ok=True)
    rubbish.write_bytes(b"left behind")
    assert objects.sweep() == 1
    assert not rubbish.exists()
    assert len(files(tmp_path / "objects")) == 4
    draft.close()
    opened.close()
    assert len(files(tmp_path / "objects")) == 2


KEYS = ["", "a", "a/", "a/b", "a/c/d", "a0", "b/", "b/x", "c%", "c+ d", "é", "\uffff", "\U0001f600", "\U0010ffff"]


@pytest.mark.parametrize("delimiter", ["", "/", "/b"])
@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_pages_of_a_listing_are_the_whole_listing(objects, delimiter, limit):
    """Against a plain reading of the rules, for every prefix."""
    keys = [key for key in KEYS if key] + [f"many/{number:03}" for number in range(100)]
    for key in keys:
        put(objects, key, b"")
    for prefix in [*KEYS, "many", "nothing"]:
        expected = set()
        for key in keys:
            if key.startswith(prefix):
                end = key.find(delimiter, len(prefix)) if delimiter else -1
                expected.add(key if end < 0 else key[: end + len(delimiter)])
        listed, after = [], ""
        for _ in itertools.count():
            page = objects.list("b", prefix=prefix, delimiter=delimiter, after=after, limit=limit)
            names = sorted([item.key for item in page.objects] + page.prefixes)
            assert len(names) <= limit
            listed += names
            after = page.last
            if not after:
                break
        assert listed == sorted(expected)


def test_a_listing_goes_on_after_the_common_prefix_of_the_key_it_starts_after(objects):
    for key in ["a/1", "a/2", "b"]:
        put(objects, key, b"")
    page = objects.list("b", delimiter="/", after="a/1")
    assert ([item.key for item in page.objects], page.prefixes) == (["b"], [])
    assert [item.key for item in objects.list("b", after="a/1").objects] == ["a/2", "b"]


def test_the_string_after_a_prefix_is_a_legal_one():
    assert after_prefix("a") == "b"
    assert after_prefix("a\U0010ffff") == "b"
    assert after_prefix("\ud7ff") == "\ue000"
    assert after_prefix("\U0010ffff") is None
    assert after_prefix("") is None


def test_a_full_disk_is_an_error_that_leaves_the_old_object(objects, tmp_path, monkeypatch):
    from clary.store.database import StorageFull

    put(objects, "key", SMALL)

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with objects.incoming() as incoming, pytest.raises(StorageFull):
            incoming.write([LARGE])
    assert read(objects, "key") == SMALL
    assert files(tmp_path / "objects") == set()


def test_times_come_from_the_clock(database, tmp_path):
    clock = MovedClock(1000.0)
    objects = Objects(database, tmp_path / "objects", clock)
    objects.buckets.create("b", "000000000000", "us-east-1", {})
    clock.move(5)
    assert put(objects, "key", SMALL).modified == 1005.0
