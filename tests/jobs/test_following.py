"""From bytes in a file to events and metrics, whatever a program prints."""

from types import SimpleNamespace

import pytest
from job_house import make_spec

from clary.clock import MovedClock
from clary.errors import ServiceError, ValidationException
from clary.jobs import Host, MetricSpec
from clary.jobs.follow import CHUNK, EVENT_MAX, Follower, split_events
from clary.jobs.journal import Journal, read_journal
from clary.jobs.metrics import Scraper, compile_patterns, find_values


def test_lines_are_events_and_the_open_end_waits():
    assert split_events(b"one\ntwo\nthr", last=False) == (["one", "two"], 8)
    assert split_events(b"thr", last=True) == (["thr"], 3)
    assert split_events(b"", last=True) == ([], 0)


def test_empty_lines_are_no_events_but_are_passed():
    assert split_events(b"\n\r\n\na\n", last=False) == (["a"], 6)


def test_control_characters_are_written_as_sagemakers_log_agent_writes_them():
    assert split_events(b"[0]\ttrain\r 50%\r100%\r\n\x1b[0m\n", last=False)[0] == [
        "[0]#011train#015 50%#015100%",
        "#033[0m",
    ]


def test_what_is_no_utf8_is_replaced():
    assert split_events(b"caf\xe9 \xc3\xa9\n", last=False)[0] == ["caf� é"]


def test_a_line_longer_than_an_event_becomes_several_and_no_character_is_cut():
    text = "é" * EVENT_MAX  # twice as many bytes
    events, taken = split_events(text.encode() + b"\nnext\n", last=False)
    assert "".join(events[:-1]) == text
    assert events[-1] == "next"
    assert max(len(event.encode()) for event in events) <= EVENT_MAX
    assert taken == 2 * EVENT_MAX + 6


class Store:
    """Logs and metrics that can refuse."""

    def __init__(self):
        self.events, self.position, self.data, self.full = [], 0, {}, False

    def host(self):
        def append(scope, group, stream, events, position):
            if self.full:
                raise ServiceError("the disk is full", status=507)
            self.events += events
            self.position = position

        def put(scope, namespace, data, source):
            self.data.setdefault(source, []).extend(data[len(self.data.get(source, [])) :])

        nothing = dict.fromkeys(
            ("list_objects", "fetch_object", "put_object", "delete_object", "state_changed", "credentials")
        )
        return Host(**nothing, append_log=append, log_position=lambda *_: self.position, put_metrics=put)


@pytest.fixture
def store():
    return Store()


def follower(store, tmp_path):
    spec = make_spec("job", "", metrics=[MetricSpec("loss", r"loss=(\S+)")])
    scraper = Scraper(store.host(), spec, tmp_path / "metrics.json")
    return Follower(store.host(), MovedClock(), spec, tmp_path / "log", "job/algo-1-1", scraper), scraper


def test_a_metric_is_stored_once_though_its_line_is_read_again(store, tmp_path):
    (tmp_path / "log").write_text("loss=3\n")
    store.full = True
    first, _ = follower(store, tmp_path)
    with pytest.raises(ServiceError):
        first.pump()
    assert store.events == []
    store.full = False
    (tmp_path / "log").write_text("loss=3\nloss=2\n")
    second, scraper = follower(store, tmp_path)
    assert second.pump()
    assert not second.pump()
    assert [event for _, event in store.events] == ["loss=3", "loss=2"]
    assert [datum.value for data in store.data.values() for datum in data] == [3.0, 2.0]
    assert scraper.final() == [{"MetricName": "loss", "Value": 2.0, "Timestamp": 1_700_000_000.0}]


def test_a_restarted_follower_goes_on_where_the_store_is_and_knows_the_last_metrics(store, tmp_path):
    (tmp_path / "log").write_text("loss=3\nhalf")
    follower(store, tmp_path)[0].pump()
    again, scraper = follower(store, tmp_path)
    assert not again.pump()
    (tmp_path / "log").write_text("loss=3\nhalf a line")
    assert again.pump(last=True)
    assert [event for _, event in store.events] == ["loss=3", "half a line"]
    assert scraper.final()[0]["Value"] == 3.0


def test_a_flood_is_moved_in_chunks(store, tmp_path):
    line = b"x" * 99 + b"\n"
    (tmp_path / "log").write_bytes(line * (2 * CHUNK // 100 + 1))
    moving, _ = follower(store, tmp_path)
    rounds = 0
    while moving.pump(last=True):
        rounds += 1
    assert rounds == 3
    assert len(store.events) == 2 * CHUNK // 100 + 1


@pytest.mark.parametrize(
    ("pattern", "line", "found"),
    [
        (r"loss=(\S+)", "epoch 1 loss=0.5 loss=0.4", [0.5]),
        (r"\d+\.\d+", "at 0.25", [0.25]),
        (r"loss=(\S+)", "loss=nan", []),
        (r"loss=(\S+)", "loss=inf", []),
        (r"loss=(\S+)", "loss=soon", []),
        (r"a(b)?", "a", []),
        (r".*\[[0-9]+\].*#011validation-auc:(\S+)", "[7]#011train-auc:0.1#011validation-auc:0.9", [0.9]),
    ],
)
def test_values_are_the_first_group_where_it_is_a_number(pattern, line, found):
    assert [value for _, value in find_values(compile_patterns([MetricSpec("m", pattern)]), line)] == found


def test_a_pattern_that_would_take_for_ever_is_given_up_alone(tmp_path):
    put = []
    host = SimpleNamespace(put_metrics=lambda scope, namespace, data, source: put.extend(data))
    metrics = [MetricSpec("endless", "(a|aa)+$"), MetricSpec("loss", r"loss=(\S+)")]
    scraper = Scraper(host, make_spec("slow", "", metrics=metrics), tmp_path / "memory")
    scraper.scan(["a" * 40 + "! loss=0.5", "loss=0.25"], 1.0, "log")
    assert [(datum.name, datum.value) for datum in put] == [("loss", 0.5), ("loss", 0.25)]
    assert [row["MetricName"] for row in scraper.final()] == ["loss"]


def test_a_pattern_that_is_none_is_refused_by_name():
    with pytest.raises(ValidationException, match="'train:loss'"):
        compile_patterns([MetricSpec("train:loss", "(")])


def test_a_torn_line_of_a_journal_is_passed_over_and_written_over(tmp_path):
    path = tmp_path / "journal"
    Journal(path).append({"n": 1})
    with path.open("ab") as file:
        file.write(b'{"n": 2')
    assert read_journal(path)[0] == [{"n": 1}]
    Journal(path).append({"n": 3})
    assert read_journal(path)[0] == [{"n": 1}, {"n": 3}]
    _, place = read_journal(path)
    assert read_journal(path, place) == ([], place)
