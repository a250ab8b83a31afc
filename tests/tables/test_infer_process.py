"""The process that looks at files: it may crash, hang or be stopped, and the next file finds another one."""

import os
import signal
import threading
from pathlib import Path

import pytest

from clary.sandbox import WarmParent, kernel
from clary.tables import infer_process
from clary.tables.classify_file import Classifier
from clary.tables.infer_process import Inspector, Stopped, Unreadable, clear_leftovers
from tests.main_job import wait_until

CSV = b"id,name\n1,Ada\n2,Bob\n"


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    parent = WarmParent((), tmp_path_factory.mktemp("warm"))
    yield parent
    parent.close()


@pytest.fixture
def inspector(warm, tmp_path):
    made = Inspector(warm, tmp_path / "crawl", [Classifier(grok=("slow", "(a|aa)+$", ""))])
    yield made
    made.close()


def look(inspector, content, read=None):
    def slice_(start, length):
        return content[start : start + length]

    return inspector.inspect("file", len(content), read or slice_)


def test_what_a_file_is_comes_back(inspector):
    found = look(inspector, CSV)
    assert (found.classification, [name for name, _ in found.columns]) == ("csv", ["id", "name"])
    assert look(inspector, b'{"a":1}').classification == "json"


def test_a_file_that_ends_the_process_does_not_end_the_crawl(inspector):
    look(inspector, CSV)

    def crash(*_):
        watcher, started = inspector._process
        for pid in (*kernel.children_of(watcher), watcher):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not kernel.is_running(watcher, started), "it did not end")
        return b""

    with pytest.raises(Unreadable, match="the process that read it ended"):
        look(inspector, CSV, crash)
    assert look(inspector, CSV).classification == "csv"


def test_a_file_that_takes_too_long_is_given_up(inspector, monkeypatch):
    look(inspector, CSV)
    with pytest.raises(Unreadable, match="grok pattern"):
        look(inspector, b"a" * 60 + b"!\n")  # the pattern's own limit
    monkeypatch.setattr(infer_process, "FILE_SECONDS", 0.05)
    with pytest.raises(Unreadable, match="took longer than"):
        look(inspector, b"a" * 60 + b"!\n")
    monkeypatch.undo()
    assert look(inspector, CSV).classification == "csv"


def test_a_file_that_became_shorter_is_no_trouble(inspector):
    assert look(inspector, CSV, lambda *_: b"").classification == "UNKNOWN"


def test_reads_never_reach_beyond_the_file(inspector):
    asked = []

    def read(start, length):
        asked.append((start, length))
        return b"PAR1"[start : start + length]

    with pytest.raises(Unreadable):
        look(inspector, b"PAR1", read)
    assert all(0 <= start <= start + length <= 4 for start, length in asked)


def test_it_can_be_stopped_from_another_thread(inspector):
    def read(*_):
        threading.Thread(target=inspector.stop).start()
        inspector._stopped.wait(10)
        return CSV

    with pytest.raises(Stopped):
        look(inspector, CSV, read)
    with pytest.raises(Stopped):
        look(inspector, CSV)


def test_nothing_is_left(warm, tmp_path):
    inspector = Inspector(warm, tmp_path / "crawl")
    look(inspector, CSV)
    sockets = inspector._sockets
    inspector.close()
    assert not sockets.exists()
    assert not Path(tmp_path / "crawl").exists()


def test_what_a_killed_server_left_is_cleared(warm, tmp_path):
    inspector = Inspector(warm, tmp_path / "crawls" / "0")
    look(inspector, CSV)
    clear_leftovers(tmp_path / "crawls")
    assert not inspector._sockets.exists()
    assert not Path(tmp_path / "crawls").exists()
    inspector.close()
