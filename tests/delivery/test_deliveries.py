"""Deliveries to a place that fails or dies when a test wants: nothing is lost, and nothing doubled by a restart."""

import base64
import errno
import io
import json

import msgspec
import pyarrow.parquet as pq
import pytest

from clary.delivery import columns, source
from clary.delivery.plan import Conversion, Place, Split
from clary.delivery.records import Record
from clary.delivery.split import split_records
from clary.errors import ServiceError
from tests.delivery.conftest import Died


def test_what_was_put_survives_and_is_delivered_once(make):
    house = make()
    house.put(b"a\n", b"b\n")
    house.die()
    house.put(b"c\n")
    assert house.deliveries.backlog("id") == (3, 6, int(house.clock.now() * 1000))
    house.pass_time()
    house.die()
    house.pass_time()
    assert house.lines() == [b"a", b"b", b"c"]
    assert not house.deliveries.backlog("id").records
    assert sum(file.stat().st_size for file in house.folder.glob("deliveries/logs/**/*.log")) == 0
    assert not list(house.folder.glob("deliveries/batches/*/*"))


@pytest.mark.parametrize("puts", [1, 2, 3])
def test_a_death_between_objects_doubles_none_of_them(make, puts):
    house = make(backup=Place(bucket="backup"), conversion=Conversion(database="d", table="t"), size=10**6)
    house.put(b'{"n":1}', b'{"n":"x"}', b'{"n":2}')
    house.problems = [None] * (puts - 1) + [Died()]
    with pytest.raises(Died):
        house.pass_time()
    assert len(house.objects) == puts
    house.die()
    house.put(b'{"n":3}')
    house.pass_time(0)
    assert len(house.objects) == 3  # the batch's own three; what came later waits
    [backup] = [body for (bucket, _), body in house.objects.items() if bucket == "backup"]
    assert backup == b'{"n":1}{"n":"x"}{"n":2}'
    [failed] = [body for (_, key), body in house.objects.items() if "failed" in key]
    assert json.loads(failed)["ErrorMessage"].startswith("Data does not match the schema")


def test_all_blocks_of_a_batch_tell_what_does_not_fit(make, monkeypatch):
    monkeypatch.setattr(columns, "_BLOCK", 100)
    house = make(conversion=Conversion(database="d", table="t"), backup=Place(bucket="lake", prefix="p/"))
    for number in range(60):
        house.put(b'{"n":%d}' % number, b'{"n":"%d wrong"}' % number)
    monkeypatch.setattr(source, "_CHUNK", 100)
    house.pass_time()
    bodies = {key: body for (_, key), body in house.objects.items()}
    assert len(bodies) == 3
    [failed] = [body for key, body in bodies.items() if "format-conversion-failed" in key]
    numbers = [int(base64.b64decode(json.loads(line)["rawData"])[6:].split()[0]) for line in failed.splitlines()]
    assert numbers == list(range(60))
    [rows] = [body for key, body in bodies.items() if key.endswith(".parquet")]
    assert pq.read_table(io.BytesIO(rows)).column("n").to_pylist() == list(range(60))


def test_a_full_disk_and_a_failing_place_are_tried_again(make):
    house = make(log=("group", "stream"))
    house.put(b"a\n")
    house.problems = [OSError(errno.ENOSPC, "No space left on device"), ServiceError("slow", code="SlowDown")]
    house.pass_time()
    assert house.objects == {}
    house.pass_time(4.9)
    assert len(house.logged) == 1
    assert "No space left on device" in json.loads(house.logged[0][1])["message"]
    house.pass_time(0.1)
    assert json.loads(house.logged[1][1])["errorCode"] == "SlowDown"
    house.pass_time(10)
    assert house.lines() == [b"a"]


def test_a_changed_plan_counts_for_what_was_not_begun(make):
    house = make(backup=Place(bucket="backup"))
    house.put(b"a\n")
    house.problems = [ServiceError("no", code="NoSuchBucket")]
    house.pass_time()
    house.deliveries.change(msgspec.structs.replace(house.plan, version=2, place=Place(bucket="second")))
    house.problems = [None, ServiceError("no", code="NoSuchBucket")]
    house.pass_time(5)
    house.deliveries.change(msgspec.structs.replace(house.plan, version=3, place=Place(bucket="third")))
    house.pass_time(10)
    house.put(b"b\n")
    house.pass_time(300)
    names = sorted((bucket, key.rpartition("/")[2][:7]) for bucket, key in house.objects)
    assert names == [("backup", "hose-2-"), ("backup", "hose-3-"), ("second", "hose-2-"), ("third", "hose-3-")]


def test_a_stream_that_is_removed_leaves_nothing(make):
    house = make()
    house.put(b"a\n")
    house.deliveries.remove("id")
    house.pass_time()
    house.deliveries.close()
    assert not list(house.folder.glob("deliveries/logs/id*"))
    assert house.objects == {}


def parts(data, kind="JSON", delimiter=b""):
    found, failed = split_records([Record(data, 0)], Split(kind=kind, delimiter=delimiter))
    return [record.data for record in found] + [item.code for item in failed]


def test_splitting():
    assert parts(b'{"a": 1}{"a":2} \n {"a" :3}') == [b'{"a": 1}', b'{"a":2}', b'{"a" :3}']
    assert parts(b'[{"a":[1,2]} , {"b":"]"}]{"c":1}') == [b'{"a":[1,2]}', b'{"b":"]"}', b'{"c":1}']
    assert parts(b"[]") == []
    for wrong in (b"7", b'{"a":1', b"\xff", b"x"):
        assert parts(wrong) == ["DynamicPartitioning.DeaggregationFailed"]
    assert parts(b"a,b,,c,", "DELIMITED", b",") == [b"a", b"b", b"", b"c"]
