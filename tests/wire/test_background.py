import threading

import pytest

from clary.wire import background
from clary.wire.background import Background


@pytest.fixture
def room():
    room = Background()
    yield room
    room.close()


def test_a_name_that_waits_is_not_queued_twice(room):
    busy, ended, done = threading.Event(), threading.Event(), []
    room.run("slow", lambda: busy.wait(10))
    for number in range(3):
        room.run("quick", lambda number=number: done.append(number))
    room.run("last", ended.set)
    busy.set()
    assert ended.wait(10)
    assert done == [0]


def test_what_comes_while_work_is_done_is_done_afterwards(room):
    runs, ended = [], threading.Event()

    def work():
        runs.append(len(runs))
        room.run("work", work) if len(runs) < 3 else ended.set()

    room.run("work", work)
    assert ended.wait(10)
    assert runs == [0, 1, 2]


def test_work_that_fails_is_tried_again_and_holds_nobody_up(room, monkeypatch, caplog):
    monkeypatch.setattr(background, "RETRY_SECONDS", 0.01)
    tries, ended, other = [], threading.Event(), threading.Event()

    def work():
        tries.append(1)
        if len(tries) < 3:
            raise OSError("the disk is full")
        ended.set()

    room.run("work", work)
    room.run("other", other.set)
    assert other.wait(10)
    assert ended.wait(10)
    assert "work failed and is tried again" in caplog.text


def test_a_later_run_takes_the_place_of_one_before(room):
    ended = threading.Event()
    room.run_later("work", lambda: 1 / 0, 3600)
    room.run_later("work", ended.set, 0)
    assert ended.wait(10)


def test_after_the_end_nothing_begins():
    room = Background()
    room.run_later("later", lambda: 1 / 0, 0.5)
    room.close()
    room.run("work", lambda: 1 / 0)
    room.run_later("later", lambda: 1 / 0, 0)
