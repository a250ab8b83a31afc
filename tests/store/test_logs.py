from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from clary.clock import MovedClock
from clary.store.database import Database
from clary.store.log_events import Event, Group, Span
from clary.store.logs import Logs

PLACE = ("000000000000", "us-east-1", "/aws/sagemaker/TrainingJobs")
NOW = 1_700_000_000_000


@pytest.fixture
def logs(database: Database, clock: MovedClock) -> Logs:
    return Logs(database, clock)


def messages(events: Iterable[Event]) -> list[str]:
    return [event.message for event in events]


def test_append_creates_what_is_missing_and_keeps_the_position(logs: Logs) -> None:
    assert logs.position(*PLACE, "job/algo-1") == 0
    logs.append(*PLACE, "job/algo-1", [(1_700_000_000.25, "one"), (1_700_000_000.5, "two")], position=8)
    logs.append(*PLACE, "job/algo-1", [], position=12)
    assert logs.position(*PLACE, "job/algo-1") == 12
    stream = logs.stream(*PLACE, "job/algo-1")
    assert stream and (stream.first_event, stream.last_event) == (NOW + 250, NOW + 500)
    assert (stream.created, stream.last_ingestion, stream.stored_bytes) == (NOW, NOW, 6 + 2 * 26)
    events = list(logs.read(*PLACE, "job/algo-1"))
    assert messages(events) == ["one", "two"]
    assert (events[0].time, events[0].ingested, events[0].stream) == (NOW + 250, NOW, "job/algo-1")


def test_any_text_comes_back(logs: Logs) -> None:
    texts = ["\0 nul", "ü 漢字 🙂", " \t", "x" * 300_000]
    logs.append(*PLACE, "s", [(0.001 * number, text) for number, text in enumerate(texts)])
    assert messages(logs.read(*PLACE, "s")) == texts


def test_events_of_one_millisecond_stay_in_their_order_and_late_ones_find_their_place(logs: Logs) -> None:
    logs.append(*PLACE, "s", [(2.0, "b1"), (2.0, "b2"), (3.0, "c")])
    logs.append(*PLACE, "s", [(1.0, "a"), (2.0, "b3")])
    assert messages(logs.read(*PLACE, "s")) == ["a", "b1", "b2", "b3", "c"]
    assert messages(logs.read(*PLACE, "s", Span(descending=True))) == ["c", "b3", "b2", "b1", "a"]


def test_read_keeps_to_its_span_and_goes_on_from_where_it_was(logs: Logs) -> None:
    logs.append(*PLACE, "s", [(number // 2, str(number)) for number in range(10)])
    assert messages(logs.read(*PLACE, "s", Span(start=1000, end=3000))) == ["2", "3", "4", "5"]
    first = list(islice(logs.read(*PLACE, "s"), 3))
    assert messages(first) == ["0", "1", "2"]
    after = (first[-1].time, first[-1].number)
    assert messages(logs.read(*PLACE, "s", Span(after=after))) == ["3", "4", "5", "6", "7", "8", "9"]
    assert messages(logs.read(*PLACE, "s", Span(after=after, descending=True))) == ["1", "0"]
    assert messages(logs.read(*PLACE, "absent")) == []


@pytest.mark.parametrize("descending", [False, True])
def test_filter_merges_the_streams_by_time(logs: Logs, descending: bool) -> None:
    # More than a batch in one stream, and streams that begin where others have ended.
    for stream, start, count in (("a", 0, 1200), ("b", 600, 3), ("b2", 5000, 2), ("c", 0, 1)):
        logs.append(*PLACE, stream, [(start + number, f"{stream}{number}") for number in range(count)])
    events = list(logs.filter(*PLACE, Span(descending=descending)))
    order = [(event.time, event.stream_id, event.number) for event in events]
    assert order == sorted(order, reverse=descending)
    assert len(set(order)) == 1206
    for cut in (1, 2, 500, 601, 1205):
        rest = Span(descending=descending, after=events[cut - 1][:3])
        assert list(logs.filter(*PLACE, rest)) == events[cut:]
    some = logs.filter(*PLACE, Span(start=600_000, end=602_000, descending=descending))
    assert sorted(messages(some)) == ["a600", "a601", "b0", "b1"]
    assert {event.stream for event in logs.filter(*PLACE, prefix="b")} == {"b", "b2"}
    assert {event.stream for event in logs.filter(*PLACE, names=["b", "c"])} == {"b", "c"}
    assert list(logs.filter("000000000000", "us-east-1", "absent")) == []


def test_groups_are_listed_by_name(logs: Logs) -> None:
    for name in ("b", "a/2", "B", "a/1"):
        assert logs.create_group(*PLACE[:2], name, {"tags": {"n": name}})
    assert not logs.create_group(*PLACE[:2], "b")
    logs.create_group("000000000000", "eu-west-1", "z")
    assert [group.name for group in logs.groups(*PLACE[:2])] == ["B", "a/1", "a/2", "b"]
    assert [group.name for group in logs.groups(*PLACE[:2], after="a/1", limit=1)] == ["a/2"]
    assert [group.name for group in logs.groups(*PLACE[:2], prefix="a/")] == ["a/1", "a/2"]
    assert [group.name for group in logs.groups(*PLACE[:2], contains="b")] == ["b"]
    found = logs.group(*PLACE[:2], "b")
    assert found and found.settings == {"tags": {"n": "b"}}


def test_streams_are_listed_by_name_or_by_their_last_event(logs: Logs) -> None:
    for name, time in (("a", 5), ("b", 1), ("c", 9), ("d", 5)):
        logs.append(*PLACE, name, [(time, "x")])
    logs.create_stream(*PLACE, "empty")
    assert [stream.name for stream in logs.streams(*PLACE)] == ["a", "b", "c", "d", "empty"]
    assert [stream.name for stream in logs.streams(*PLACE, after=["d"], descending=True, limit=2)] == ["c", "b"]
    assert [stream.name for stream in logs.streams(*PLACE, prefix="c")] == ["c"]
    by_time = [stream.name for stream in logs.streams(*PLACE, by_last_event=True, descending=True)]
    assert by_time == ["c", "d", "a", "b", "empty"]
    beyond = logs.streams(*PLACE, by_last_event=True, descending=True, after=[5000, "d"])
    assert [stream.name for stream in beyond] == ["a", "b", "empty"]


def test_deleting_takes_the_events_along(logs: Logs, database: Database) -> None:
    logs.append(*PLACE, "a", [(1, "x")], position=3)
    logs.append(*PLACE, "b", [(1, "x")])
    assert logs.delete_stream(*PLACE, "a")
    assert not logs.delete_stream(*PLACE, "a")
    assert (messages(logs.read(*PLACE, "a")), logs.position(*PLACE, "a")) == ([], 0)
    assert logs.delete_group(*PLACE)
    assert not logs.delete_group(*PLACE)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM log_events").scalar_one() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM log_streams").scalar_one() == 0
    assert not logs.create_stream(*PLACE, "a")  # a stream needs its group
    assert logs.create_group(*PLACE)
    assert logs.create_stream(*PLACE, "a")
    assert not logs.create_stream(*PLACE, "a")
    assert messages(logs.read(*PLACE, "a")) == []


def keep(days: int | None) -> object:
    def change(group: Group) -> None:
        group.retention_days = days

    return change


def test_retention_hides_and_then_deletes_old_events(logs: Logs, clock: MovedClock, database: Database) -> None:
    logs.append(*PLACE, "s", [(clock.now(), "old")])
    clock.move(12 * 3600)
    logs.append(*PLACE, "s", [(clock.now(), "new")])
    logs.append(*PLACE, "silent", [(clock.now() - 3600, "old too")])
    assert logs.change_group(*PLACE, keep(1))
    clock.move(12 * 3600 + 1)
    assert messages(logs.read(*PLACE, "s")) == ["new"]
    clock.move(3600 * 11)
    assert messages(logs.filter(*PLACE)) == ["new"]
    logs.append(*PLACE, "s", [])  # more than an hour since the last sweep
    group = logs.group(*PLACE)
    assert group and (group.retention_days, group.stored_bytes) == (1, 3 + 26)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM log_events").scalar_one() == 1
    stream = logs.stream(*PLACE, "silent")
    assert stream and (stream.first_event, stream.last_event) == (None, None)
    logs.change_group(*PLACE, keep(None))
    clock.move(1e9)
    assert messages(logs.read(*PLACE, "s")) == ["new"]


def test_writers_of_one_stream_lose_nothing(logs: Logs) -> None:
    def write(worker: int) -> None:
        for number in range(5):
            logs.append(*PLACE, "s", [(1.0, f"{worker}-{number}"), (1.0, f"{worker}-{number}b")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    found = messages(logs.read(*PLACE, "s"))
    assert len(set(found)) == len(found) == 80
    assert [text for text in found if text.startswith("3-")] == [f"3-{n}{b}" for n in range(5) for b in ("", "b")]
