"""Letters: written with the change that they tell of, or not at all, and kept until somebody received them."""

import pytest

from clary.store.database import StorageFull
from clary.store.deletion import Target
from clary.store.objects import Objects
from clary.store.outbox import Letter


@pytest.fixture
def objects(database, tmp_path, clock):
    found = Objects(database, tmp_path / "objects", clock)
    found.buckets.create("b", "000000000000", "us-east-1", {})
    return found


def put(objects, key, *destinations):
    def announce(change):
        return [Letter(name, {"key": change.object.key, "sequence": change.sequence}) for name in destinations]

    with objects.incoming() as incoming:
        incoming.write([b"x"])
        objects.put("b", key, incoming.finish(), {}, lambda found: None, announce)


def waiting(objects):
    return [(letter.destination, letter.body["key"]) for letter in objects.outbox.due(100)]


def test_letters_come_in_order_and_stay_until_they_are_received(objects, clock):
    put(objects, "a", "x", "y")
    put(objects, "b")
    put(objects, "c", "x")
    found = objects.outbox.due(100)
    assert waiting(objects) == [("x", "a"), ("y", "a"), ("x", "c")]
    assert found[0].body["sequence"] == found[1].body["sequence"] < found[2].body["sequence"]
    assert [letter.number for letter in objects.outbox.due(2)] == [letter.number for letter in found[:2]]
    objects.outbox.settle([found[0].number], [(found[1].number, clock.now() + 60)])
    assert waiting(objects) == [("x", "c")]
    assert objects.outbox.next_due() == clock.now()
    clock.move(60)
    assert waiting(objects) == [("x", "c"), ("y", "a")]
    assert [letter.attempts for letter in objects.outbox.due(100)] == [0, 1]
    objects.outbox.settle([letter.number for letter in found], [])
    assert (objects.outbox.count(), objects.outbox.next_due()) == (0, None)


def test_the_bell_rings_once_a_letter_is_committed(objects):
    rung = []

    def told(change):
        assert change.gone
        return [Letter("x", {"key": change.object.key})]

    objects.outbox.ring = lambda: rung.append(objects.outbox.count())
    put(objects, "a")
    assert rung == []
    put(objects, "a", "x", "y")
    assert rung == [2]
    objects.delete("b", [Target("a"), Target("none")], lambda bucket, found: found, told)
    assert rung == [2, 3]


def test_what_was_not_written_is_not_told(objects):
    def refuse(found):
        raise KeyError

    with objects.incoming() as incoming, pytest.raises(KeyError):
        objects.put("b", "a", incoming.finish(), {}, refuse, lambda change: [Letter("x", {})])
    assert objects.outbox.count() == 0


def test_on_a_full_disk_neither_the_object_nor_its_letter_is_written(database, objects):
    if database.dialect != "sqlite":
        pytest.skip("fills SQLite's file")
    put(objects, "k", "x")
    objects.outbox.settle([letter.number for letter in objects.outbox.due(10)], [])
    with database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFull):
        put(objects, "large", *["x" * 1000] * 1000)
    assert (objects.outbox.count(), objects.find("b", "large").object) == (0, None)
    assert objects.find("b", "k").object is not None
