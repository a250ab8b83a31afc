"""Values and counts on their way to CloudWatch."""

from clary.clock import MovedClock
from clary.errors import ServiceError
from clary.hosting.readings import INSTANCES, INVOCATIONS, NONE, Readings, Series
from clary.jobs.host import Scope
from tests.hosting.conftest import House

SCOPE = Scope("000000000000", "us-east-1")
TIME = Series(SCOPE, INVOCATIONS, (("EndpointName", "e"),), "ModelLoadingTime", "Microseconds")
COUNT = Series(SCOPE, INSTANCES, (("EndpointName", "e"),), "LoadedModelCount", NONE)


def test_values_of_a_series_are_put_together(house: House) -> None:
    readings = Readings(house.host(), MovedClock(100.0))
    for value in (1.0, 3.0, 3.0):
        readings.add(TIME, value)
    readings.flush()
    readings.flush()
    [datum] = house.metrics
    assert (datum.name, datum.dimensions, datum.unit, datum.timestamp) == (
        "ModelLoadingTime",
        {"EndpointName": "e"},
        "Microseconds",
        100.0,
    )
    assert (datum.summary.count, datum.summary.sum, datum.summary.minimum, datum.summary.maximum) == (3, 7, 1, 3)


def test_counts_are_looked_at_every_minute_while_they_are_watched(house: House) -> None:
    clock = MovedClock(100.0)
    readings = Readings(house.host(), clock)
    forget = [readings.watch(lambda: (COUNT, 2.0)), readings.watch(lambda: (COUNT, 5.0))]
    readings.flush()
    assert not house.metrics
    clock.move(61)
    readings.flush()
    readings.flush()
    assert [datum.summary.sum for datum in house.metrics] == [7.0]  # one value an instance
    assert house.metrics[0].summary.count == 2
    forget[0]()
    forget[0]()
    clock.move(60)
    readings.flush()
    assert house.metrics[1].summary.sum == 5.0


def test_a_full_disk_loses_values_and_nothing_else(house: House) -> None:
    readings = Readings(house.host(), MovedClock(100.0))
    put = readings._host.put_metrics

    def fail(*_: object) -> None:
        raise ServiceError("no space left")

    object.__setattr__(readings._host, "put_metrics", fail)
    readings.add(TIME, 1.0)
    readings.flush()
    object.__setattr__(readings._host, "put_metrics", put)
    readings.add(TIME, 2.0)
    readings.flush()
    assert [datum.summary.sum for datum in house.metrics] == [2.0]
