"""Versions in the store, against a plain reading of the rules: what a key leads to, what is listed, what is gone."""

import random

import pytest

from clary.store.buckets import BucketNotEmpty
from clary.store.deletion import Target
from clary.store.object_rows import NULL
from clary.store.objects import Objects
from clary.store.uploads import Completion

LARGE = 70_000


@pytest.fixture
def objects(database, tmp_path, clock):
    found = Objects(database, tmp_path / "objects", clock)
    found.buckets.create("b", "000000000000", "us-east-1", {}, versioned=True)
    return found


def put(objects, key, data=b"x"):
    with objects.incoming() as incoming:
        incoming.write([data])
        return objects.put("b", key, incoming.finish(), {}, lambda found: None)


def complete(objects, key, data):
    begun = objects.uploads.create("b", key, {}, lambda bucket: None)
    with objects.incoming() as incoming:
        incoming.write([data])
        objects.uploads.put_part(begun.id, 1, incoming.finish(), {})
    return objects.uploads.complete(begun.id, lambda upload, found, parts: Completion(parts, "etag", {}))


def delete(objects, key, version=""):
    target = Target(key, version)
    return objects.delete("b", [target], lambda bucket, found: [target])[target]


def read(objects, key, version=""):
    with objects.open("b", key, lambda found: (0, found.object.size), version) as opened:
        return b"".join(opened.blocks())


def turn(objects, versioning):
    def change(bucket):
        bucket.versioning = versioning

    objects.buckets.change("b", change)


def listed(objects, **query):
    """All pages of a listing as (key, version, latest), and the common prefixes."""
    found, prefixes, place = [], [], ("", "")
    while True:
        page = objects.list_versions("b", after=place[0], after_version=place[1], **query)
        found += [(item.key, item.object.version, item.latest) for item in page.items]
        prefixes += page.prefixes
        place = page.last
        if not place[0]:
            return found, prefixes


def test_an_overwritten_object_stays_as_a_version(objects):
    first, second = put(objects, "k", b"1"), put(objects, "k", b"2" * LARGE)
    third = complete(objects, "k", b"3" * LARGE)
    assert (read(objects, "k"), read(objects, "k", first.version)) == (b"3" * LARGE, b"1")
    assert read(objects, "k", second.version) == b"2" * LARGE
    assert listed(objects)[0] == [("k", third.version, True), ("k", second.version, False), ("k", first.version, False)]
    assert [item.version for item in objects.list("b").objects] == [third.version]


def test_a_delete_marker_hides_the_object_until_it_is_deleted(objects):
    kept = put(objects, "k", b"1")
    marker = delete(objects, "k").marker
    found = objects.find("b", "k")
    assert (found.object, found.marker) == (None, marker)
    assert objects.list("b").objects == []
    assert read(objects, "k", kept.version) == b"1"
    assert objects.find("b", "k", marker.version).marker == marker
    assert delete(objects, "k", marker.version).object == marker
    assert read(objects, "k") == b"1"
    delete(objects, "k", kept.version)
    objects.buckets.delete("b", lambda bucket: None)


def test_a_bucket_with_nothing_but_a_version_or_a_marker_is_not_empty(objects):
    marker = delete(objects, "k").marker
    with pytest.raises(BucketNotEmpty):
        objects.buckets.delete("b", lambda bucket: None)
    delete(objects, "k", marker.version)
    objects.buckets.delete("b", lambda bucket: None)


def test_there_is_one_null_version_and_its_bytes_go_when_it_is_replaced(objects, tmp_path):
    turn(objects, "")
    put(objects, "k", b"0" * LARGE)
    turn(objects, "Enabled")
    middle = put(objects, "k", b"1" * LARGE)
    turn(objects, "Suspended")
    put(objects, "k", b"2" * LARGE)
    put(objects, "k", b"3" * LARGE)
    objects.settle()
    assert listed(objects)[0] == [("k", NULL, True), ("k", middle.version, False)]
    assert len(list((tmp_path / "objects").glob("??/*"))) == 2
    assert delete(objects, "k").marker.version == NULL
    objects.settle()
    assert len(list((tmp_path / "objects").glob("??/*"))) == 1
    assert listed(objects)[0] == [("k", NULL, True), ("k", middle.version, False)]


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_writes_and_deletions(objects, clock, tmp_path, seed):
    """A list of versions a key, newest first, is the whole model."""
    chance = random.Random(seed)
    model: dict[str, list[tuple[str, bytes | None]]] = {}
    versioning = "Enabled"
    for step in range(120):
        key = chance.choice(["a", "b/1", "b/2", "c"])
        there = model.setdefault(key, [])
        action = chance.choice(["put", "put", "delete", "version", "turn", "clock", "details"])
        if action in ("put", "delete"):
            data = f"{step}".encode() * chance.choice([1, LARGE]) if action == "put" else None
            made = put(objects, key, data) if action == "put" else delete(objects, key).marker
            assert (made.version == NULL) == (versioning == "Suspended")
            if made.version == NULL:
                there[:] = [item for item in there if item[0] != NULL]
            there.insert(0, (made.version, data))
        elif action == "version" and there:
            version, data = there.pop(chance.randrange(len(there)))
            assert delete(objects, key, version).object.is_marker == (data is None)
        elif action == "turn":
            versioning = chance.choice(["Enabled", "Suspended"])
            turn(objects, versioning)
        elif action == "clock":
            clock.move(chance.choice([-1.0, 1e-7, 1.0]))
        elif action == "details" and any(data is not None for _, data in there):
            version = chance.choice([version for version, data in there if data is not None])
            objects.change("b", key, lambda found: found.object.details.update(seen=True), version=version)
            assert objects.find("b", key, version).object.details == {"seen": True}
    expected = [(key, version, place == 0) for key in sorted(model) for place, (version, _) in enumerate(model[key])]
    for limit in (1, 2, 1000):
        assert listed(objects, limit=limit) == (expected, [])
        inside = [item for item in expected if item[0].startswith("b/")]
        assert listed(objects, limit=limit, prefix="b/") == (inside, [])
        outside = [item for item in expected if not item[0].startswith("b/")]
        assert listed(objects, limit=limit, delimiter="/") == (outside, ["b/"] if inside else [])
    for key, there in model.items():
        newest = there[0][1] if there else None
        found = objects.find("b", key)
        assert (found.object is None) == (newest is None)
        assert [item.key for item in objects.list("b", prefix=key).objects] == ([] if newest is None else [key])
        for version, data in there:
            if data is not None:
                assert read(objects, key, version) == data
    objects.settle()
    large = sum(len(data or b"") >= LARGE for there in model.values() for _, data in there)
    assert len(list((tmp_path / "objects").glob("??/*"))) == large


def test_versions_are_deleted_page_by_page(objects):
    """As boto3's `bucket.object_versions.delete()` does it: each page goes before the next is asked for."""
    for key in ("a", "b"):
        for _ in range(3):
            put(objects, key)
        delete(objects, key)
        put(objects, key)
    place, seen = ("", ""), 0
    while True:
        page = objects.list_versions("b", after=place[0], after_version=place[1], limit=2)
        for item in page.items:
            delete(objects, item.key, item.object.version)
        seen, place = seen + len(page.items), page.last
        if not place[0]:
            break
    assert seen == 10
    objects.buckets.delete("b", lambda bucket: None)
