"""Deliveries on a folder, without a server."""

from dataclasses import replace

import pytest

from clary.clock import MovedClock
from clary.delivery import Deliveries, Plan
from clary.delivery.host import Column, Host
from clary.delivery.plan import Place
from clary.delivery.scope import Scope
from clary.store.database import Database
from clary.store.records import Records


class Died(BaseException):
    """The server was killed."""


class House:
    """Deliveries on a folder, opened again when asked; `objects` is what lies in S3."""

    def __init__(self, folder, plan):
        self.folder, self.plan, self.clock = folder, plan, MovedClock()
        self.database = Database(f"sqlite:///{folder / 'state.db'}")
        self.objects, self.logged, self.problems = {}, [], []
        self.open()

    def open(self):
        unexpected = Host(**dict.fromkeys(Host.__slots__, lambda *_: pytest.fail("not expected")))
        host = replace(
            unexpected,
            put_object=self.put_object,
            object_exists=lambda bucket, key: (bucket, key) in self.objects,
            append_log=lambda scope, group, stream, events: self.logged.extend(events),
            count=lambda *_: None,
            columns=lambda *_: [Column("n", "int")],
            hang_up=lambda: None,
        )
        self.deliveries = Deliveries(self.clock, host, Records(self.database, self.clock), self.folder / "deliveries")
        self.deliveries._begin_due = lambda: 60.0  # only the test's own thread delivers
        self.deliveries.recover([self.plan])

    def put_object(self, bucket, key, path):
        problem = self.problems.pop(0) if self.problems else None
        if isinstance(problem, Exception):
            raise problem
        assert (bucket, key) not in self.objects
        self.objects[bucket, key] = path.read_bytes()
        if problem:
            raise problem

    def put(self, *data):
        self.deliveries.put(self.plan.id, list(data))

    def pass_time(self, seconds=300):
        self.clock.move(seconds)
        self.deliveries.deliver_due()

    def die(self):
        """Go on as after a kill -9."""
        self.deliveries.close()
        self.open()

    def lines(self):
        return sorted(b"".join(self.objects.values()).splitlines())


@pytest.fixture
def make(tmp_path):
    made = []

    def make(**options):
        place = Place(bucket="lake", prefix="p/")
        scope = Scope("000000000000", "us-east-1")
        plan = Plan(id="id", name="hose", arn="arn", scope=scope, version=1, **{"place": place, **options})
        made.append(House(tmp_path, plan))
        return made[-1]

    yield make
    for house in made:
        house.deliveries.close()
        house.database.close()
