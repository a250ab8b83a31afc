"""Records that end the process which converts them, as a fault in native code does: all others are delivered."""

import base64
import io
import json

import pyarrow.parquet as pq
import pytest

from clary.delivery import converter, life
from clary.delivery.converter import FATAL
from clary.delivery.converter_program import MALFORMED
from clary.delivery.plan import Conversion

CONVERSION = Conversion(database="d", table="t")
WAITS = (5, 10, 20, 40, 80, 160)
"""Seconds between the tries of a delivery."""

PROGRAM = """
import os, sys
sys.path.append(sys.argv[2])
from clary.delivery import converter_program as program
do = program._Obeying._do
def _do(self, order, records):
    if {condition}:
        os.kill(os.getpid(), 9)
    return do(self, order, records)
program._Obeying._do = _do
program.main()
"""


@pytest.fixture
def deadly(monkeypatch):
    """Let processes that convert die in a condition."""

    def deadly(condition):
        monkeypatch.setattr(converter, "_PROGRAM", PROGRAM.format(condition=condition))

    return deadly


def rows(house):
    """What was converted, and what was not by its data: code and message."""
    numbers, failed = [], {}
    for (bucket, key), body in house.objects.items():
        if "format-conversion-failed" in key:
            for row in map(json.loads, body.splitlines()):
                failed[base64.b64decode(row["rawData"])] = row["ErrorCode"], row["ErrorMessage"]
        elif bucket == "lake":
            numbers += pq.read_table(io.BytesIO(body)).column("n").to_pylist()
    return numbers, failed


def test_records_that_end_the_process_are_found_and_the_rest_is_delivered(make, deadly):
    deadly("records and b'deadly' in records.text")
    house = make(conversion=CONVERSION)
    fatal = b'{"n":1,"deadly":1}'
    house.put(b'{"n":0}', fatal, b'{"n":"x"}', b'{"n":3}')
    house.pass_time()
    house.die()
    house.pass_time(0)
    for wait in WAITS[:2]:
        house.pass_time(wait)
    assert house.objects == {}  # each life counts its own three ends
    house.pass_time(WAITS[2])
    numbers, failed = rows(house)
    assert numbers == [0, 3]
    assert failed.pop(fatal) == (FATAL, "The process that converts records ends by this record")
    assert [code for code, _ in failed.values()] == [MALFORMED]
    assert not house.deliveries.backlog("id").records


def test_records_are_not_told_apart_without_end(make, deadly, monkeypatch):
    monkeypatch.setattr(life, "_CAREFUL_ENDS", 1)
    monkeypatch.setattr(converter, "_MOST_ENDS", 1)
    deadly("records and b'deadly' in records.text")
    house = make(conversion=CONVERSION)
    fatal = [b'{"n":%d,"deadly":1}' % number for number in range(2)]
    house.put(b'{"n":2}', b'{"n":3}', *fatal)
    house.pass_time()
    house.pass_time(WAITS[0])
    numbers, failed = rows(house)
    told = "The process that converts records ends by one of 2 records, of which this is one"
    assert (numbers, failed) == ([2, 3], dict.fromkeys(fatal, (FATAL, told)))


def test_a_batch_whose_process_always_ends_goes_to_the_errors(make, deadly):
    deadly("isinstance(order, program.Open)")
    house = make(conversion=CONVERSION, log=("group", "stream"))
    house.put(b'{"n":1}', b'{"n":2}')
    for wait in (300, *WAITS[:-1]):
        house.pass_time(wait)
    assert house.objects == {}
    house.pass_time(WAITS[-1])
    told = "The process that converts these records has ended 6 times."
    assert rows(house) == ([], dict.fromkeys((b'{"n":1}', b'{"n":2}'), (FATAL, told)))
    assert [json.loads(line)["errorCode"] for _, line in house.logged] == ["InternalError"] * 6 + [FATAL]
