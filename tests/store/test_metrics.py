import pytest

from clary.clock import MovedClock
from clary.store.database import Database
from clary.store.metrics import Bucket, Datum, Metrics, Series, Summary

PLACE = ("000000000000", "us-east-1")
NOW = 1_700_000_000
JOB = {"TrainingJobName": "job", "Host": "algo-1"}


@pytest.fixture
def metrics(database: Database, clock: MovedClock) -> Metrics:
    return Metrics(database, clock)


def put(metrics: Metrics, *values: float, at: float = NOW, source: str = "", **more: object) -> None:
    data = [Datum("loss", JOB, value, at + index, **more) for index, value in enumerate(values)]
    metrics.put(*PLACE, "Jobs", data, source=source)


def read(metrics: Metrics, period: int = 60, start: int = NOW, end: int = NOW + 86_400, **more: object) -> list[Bucket]:
    return metrics.statistics(*PLACE, ("Jobs", "loss", JOB), start, end, period, **more)


def test_values_are_summed_up_by_period(metrics: Metrics) -> None:
    put(metrics, 1.0, 2.0, 6.0)
    put(metrics, -4.0, at=NOW + 150.7)
    assert read(metrics) == [
        Bucket(NOW, "None", Summary(3, 9, 1, 6)),
        Bucket(NOW + 120, "None", Summary(1, -4, -4, -4)),
    ]
    assert [bucket.time for bucket in read(metrics, period=1)] == [NOW, NOW + 1, NOW + 2, NOW + 150]
    assert read(metrics, period=300) == [Bucket(NOW, "None", Summary(4, 5, -4, 6))]
    assert read(metrics, start=NOW + 1, end=NOW + 2) == [Bucket(NOW + 1, "None", Summary(1, 2, 2, 2))]


def test_series_are_told_apart_by_every_part_of_their_place(metrics: Metrics) -> None:
    put(metrics, 1.0)
    for place, series in (
        (PLACE, ("Jobs", "loss", {"TrainingJobName": "job"})),
        (PLACE, ("Jobs", "Loss", JOB)),
        (PLACE, ("Jobs2", "loss", JOB)),
        (("000000000000", "eu-west-1"), ("Jobs", "loss", JOB)),
    ):
        assert metrics.statistics(*place, series, NOW, NOW + 60, 60) == []
    turned = dict(reversed(JOB.items()))
    assert metrics.statistics(*PLACE, ("Jobs", "loss", turned), NOW, NOW + 60, 60)


def test_units_are_kept_apart(metrics: Metrics) -> None:
    put(metrics, 1.0, unit="Seconds")
    put(metrics, 2.0, unit="Milliseconds")
    assert [(bucket.unit, bucket.summary.sum) for bucket in read(metrics)] == [("Milliseconds", 2), ("Seconds", 1)]
    assert [bucket.summary.sum for bucket in read(metrics, unit="Seconds")] == [1]


def test_samples_come_back_unless_only_a_summary_is_known(metrics: Metrics) -> None:
    put(metrics, 3.0)
    put(metrics, 0.0, summary=Summary(5, 12, 1, 4, [(1, 2), (2, 1), (4, 2)]))
    put(metrics, 0.0, summary=Summary(2, 14, 7, 7))
    put(metrics, 0.0, at=NOW + 60, summary=Summary(2, 5, 1, 4))
    first, second = read(metrics, samples=True)
    assert sorted(first.summary.samples or []) == [(1, 2), (2, 1), (3, 1), (4, 2), (7, 2)]
    assert (first.summary.count, first.summary.sum, first.summary.minimum, first.summary.maximum) == (8, 29, 1, 7)
    assert second.summary == Summary(2, 5, 1, 4)
    plain = read(metrics)
    assert [bucket.summary.sum for bucket in plain] == [29, 5]


def test_resolution_is_what_times_are_rounded_down_to(metrics: Metrics) -> None:
    put(metrics, 1.0, at=NOW + 39.9, resolution=60)
    put(metrics, 1.0, at=NOW + 39.9, resolution=1)
    times = [bucket.time for bucket in read(metrics, period=1, start=NOW - 60)]
    assert times == [(NOW + 39) // 60 * 60, NOW + 39]


def test_what_a_source_repeats_is_stored_once(metrics: Metrics) -> None:
    put(metrics, 1.0, 2.0, source="job@0")
    put(metrics, 1.0, 2.0, source="job@0")
    put(metrics, 1.0, 2.0, 4.0, source="job@0")  # the follower had read one line more
    put(metrics, 8.0, source="job@100")
    put(metrics, 16.0)
    put(metrics, 16.0)
    assert read(metrics)[0].summary.sum == 47


def test_series_are_listed_page_by_page(metrics: Metrics, clock: MovedClock) -> None:
    for name in ("b", "a"):
        for job in ("1", "2"):
            data = [Datum(name, {"Job": job, "Host": "x"}, 1.0, clock.now())]
            metrics.put(*PLACE, "Jobs", data)
        clock.move(100)
    metrics.put(*PLACE, "Other", [Datum("a", {}, 1.0, clock.now())])
    found, after = metrics.series(*PLACE)
    assert after is None
    assert [(one.namespace, one.name, one.dimensions.get("Job")) for one in found] == [
        ("Jobs", "a", "1"),
        ("Jobs", "a", "2"),
        ("Jobs", "b", "1"),
        ("Jobs", "b", "2"),
        ("Other", "a", None),
    ]
    pages: list[Series] = []
    after = None
    for expected in (2, 2, 1):
        page, after = metrics.series(*PLACE, after=after, limit=2)
        assert len(page) == expected
        pages += page
    assert (pages, after) == (found, None)
    assert metrics.series(*PLACE, limit=5) == (found, None)
    assert metrics.series(*PLACE, namespace="Other")[0] == found[4:]
    assert metrics.series(*PLACE, name="a")[0] == [*found[:2], found[4]]
    assert metrics.series(*PLACE, dimensions=[("Job", "2"), ("Host", None)])[0] == [found[1], found[3]]
    assert metrics.series(*PLACE, since=NOW + 50)[0] == [*found[:2], found[4]]


def test_what_is_older_than_fifteen_months_goes(metrics: Metrics, clock: MovedClock) -> None:
    put(metrics, 1.0, source="s")
    metrics.put(*PLACE, "Jobs", [Datum("old", {}, 1.0, NOW)])
    clock.move(400 * 86_400)
    put(metrics, 2.0, at=clock.now())
    assert [bucket.summary.sum for bucket in read(metrics, end=NOW + 500 * 86_400)] == [1, 2]
    clock.move(60 * 86_400)
    put(metrics, 4.0, at=clock.now())
    assert [bucket.summary.sum for bucket in read(metrics, end=NOW + 500 * 86_400)] == [2, 4]
    assert [one.name for one in metrics.series(*PLACE)[0]] == ["loss"]
