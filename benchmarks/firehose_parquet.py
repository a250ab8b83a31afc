"""Firehose's JSON to Parquet, from the records in its log to the objects in S3, against pyarrow on the same bytes.

`python benchmarks/firehose_parquet.py [records]`
"""

import io
import json
import random
import re
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.json
import pyarrow.parquet

from clary.clock import MovedClock
from clary.delivery import Deliveries, Plan
from clary.delivery.host import Column, Host
from clary.delivery.plan import MIB, Conversion, Place
from clary.delivery.scope import Scope
from clary.services.s3.inside import put_object_file
from clary.store.database import Database
from clary.store.objects import Objects
from clary.store.records import Records

RECORDS, SIZE, BATCH, ROUNDS = 1_000_000, 300, 500, 3
COLUMNS = {
    "belt_id": "bigint",
    "building_number": "int",
    "belt_temp": "double",
    "outside_temp": "double",
    "power_consumption": "double",
    "name": "string",
    "measured": "timestamp",
    "running": "boolean",
    "note": "string",
}


class House:
    """The rooms that a delivery needs."""

    def __init__(self, folder):
        self.clock = MovedClock(time.time())
        database = Database(f"sqlite:///{folder / 'state.db'}")
        self.objects = Objects(database, folder / "objects", self.clock)
        self.objects.buckets.create("lake", "000000000000", "us-east-1", {})
        host = replace(
            Host(**dict.fromkeys(Host.__slots__, lambda *_: None)),
            put_object=lambda bucket, key, path: put_object_file(self, bucket, key, path),
            object_exists=lambda *_: False,
            append_log=print,
            columns=lambda *_: [Column(*row) for row in COLUMNS.items()],
        )
        self.deliveries = Deliveries(self.clock, host, Records(database, self.clock), folder / "deliveries")


def make_record(number, chance):
    """One record of SIZE bytes."""
    row = {
        "belt_id": number,
        "building_number": chance.randrange(100),
        "belt_temp": chance.random() * 100,
        "outside_temp": chance.random() * 40,
        "power_consumption": chance.random() * 1000,
        "name": f"belt-{number % 1000}",
        "measured": f"2026-01-01T00:{number // 60 % 60:02d}:{number % 60:02d}.{number % 1000:03d}Z",
        "running": number % 2 == 0,
        "note": "",
    }
    row["note"] = "x" * (SIZE - 1 - len(json.dumps(row)))
    return json.dumps(row).encode() + b"\n"


def deliver(records, folder):
    """Seconds from the log to the objects; MiB that it took at most more than before, and in all where it converts."""
    house = House(folder)
    plan = Plan(
        id="benchmark",
        name="benchmark",
        arn="arn:aws:firehose:us-east-1:000000000000:deliverystream/benchmark",
        scope=Scope("000000000000", "us-east-1"),
        version=1,
        size=128 * MIB,
        seconds=10**9,
        place=Place(bucket="lake"),
        conversion=Conversion(database="lake", table="belts"),
    )
    house.deliveries.open(plan)
    life = house.deliveries._lives["benchmark"]
    with life._working:  # nothing is delivered before all is there
        for start in range(0, len(records), BATCH):
            house.deliveries.put("benchmark", records[start : start + BATCH])
        house.clock.move(10**9)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = time.perf_counter()
    life.deliver()
    seconds = time.perf_counter() - begin
    assert not life.backlog().records
    told = Path(f"/proc/{house.deliveries._converters._idle._process.pid}/status").read_text()
    converting = int(re.search(r"VmHWM:\s+(\d+)", told)[1]) / 1024
    house.deliveries.close()
    return seconds, converting, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def convert_with_pyarrow(text, path):
    """Seconds that pyarrow alone takes."""
    begin = time.perf_counter()
    pyarrow.parquet.write_table(pyarrow.json.read_json(io.BytesIO(text)), path)
    return time.perf_counter() - begin


def main():
    """Both sides in turns; the best of each."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    chance = random.Random(1)
    records = [make_record(number, chance) for number in range(count)]
    text = b"".join(records)
    ours, theirs, memory, converting = [], [], [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
            seconds, there, megabytes = deliver(records, Path(name))
            converting.append(there)
            ours.append(seconds)
            memory.append(megabytes)
            theirs.append(convert_with_pyarrow(text, Path(name) / "file.parquet"))
    print(f"{count:,} records of {SIZE} B, best of {ROUNDS}")
    print(f"  pyarrow read_json + write_table  {min(theirs):6.2f} s")
    print(f"  Firehose, log to S3 objects      {min(ours):6.2f} s   {min(ours) / min(theirs):.2f} x")
    print(f"  memory beyond that before it     {memory[0]:6.0f} MiB")
    print(f"  memory of the converting process {max(converting):6.0f} MiB")


if __name__ == "__main__":
    main()
