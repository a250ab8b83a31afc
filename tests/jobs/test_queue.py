"""First come, first served, by cores and memory."""

import pytest

from clary.jobs.instances import Capacity, capacity_of
from clary.jobs.queue import Queue


class Line:
    """A queue and who has begun."""

    def __init__(self, cores, memory=100.0):
        self.queue = Queue(Capacity(cores, memory))
        self.begun, self.asked = [], []

    def enter(self, name, cores, memory=1.0, interrupt=None):
        return self.queue.enter(name, Capacity(cores, memory), lambda: self.begun.append(name), interrupt)

    def enter_spot(self, name, cores, goes=True):
        """A spot job that is noted when it is asked to go."""
        return self.enter(name, cores, interrupt=lambda: self.asked.append(name) or goes)


def test_nobody_overtakes():
    line = Line(4)
    assert line.enter("a", 3)
    assert not line.enter("b", 2)
    assert not line.enter("c", 1)
    line.queue.leave("a")
    assert line.begun == ["a", "b", "c"]


def test_memory_counts_too():
    line = Line(8, memory=10)
    assert line.enter("a", 1, memory=6)
    assert not line.enter("b", 1, memory=6)
    line.queue.leave("a")
    assert line.begun == ["a", "b"]


def test_who_wants_more_than_there_is_runs_alone():
    line = Line(2)
    assert line.enter("huge", 96, memory=4096)
    assert not line.enter("next", 1)
    line.queue.leave("huge")
    assert line.begun == ["huge", "next"]


def test_who_withdraws_makes_room_for_those_behind():
    line = Line(4)
    line.enter("a", 2)
    line.enter("b", 4)
    line.enter("c", 2)
    assert line.begun == ["a"]
    assert line.queue.withdraw("b")
    assert not line.queue.withdraw("b")
    assert line.begun == ["a", "c"]


def test_a_job_that_runs_since_before_a_restart_counts_though_there_is_no_room():
    line = Line(2)
    line.queue.take("a", Capacity(2, 1))
    line.queue.take("b", Capacity(2, 1))
    assert not line.enter("c", 1)
    line.queue.leave("a")
    assert line.begun == []
    line.queue.leave("b")
    assert line.begun == ["c"]


def test_spot_jobs_wait_behind_all_others():
    line = Line(2)
    line.enter("a", 2)
    line.enter_spot("spot 1", 1)
    line.enter("b", 2)
    line.enter_spot("spot 2", 1)
    line.queue.leave("a")
    assert line.begun == ["a", "b"]
    line.queue.leave("b")
    assert line.begun == ["a", "b", "spot 1", "spot 2"]
    assert line.asked == []


def test_the_youngest_spot_jobs_make_room_for_a_job_that_waits():
    line = Line(4)
    for name in ("1", "2", "3"):
        line.enter_spot(name, 1)
    line.enter("a", 1)
    assert line.asked == []
    assert not line.enter("b", 2)
    assert line.asked == ["3", "2"]
    line.enter_spot("4", 1)
    line.enter("c", 1)
    assert line.asked == ["3", "2"]  # for those behind nobody is asked yet
    line.queue.leave("3")
    line.enter_spot("3", 1)
    line.queue.leave("2")
    assert line.begun == ["1", "2", "3", "a", "b"]
    assert line.asked == ["3", "2", "1"]  # now for c
    line.queue.leave("1")
    assert line.begun == ["1", "2", "3", "a", "b", "c"]
    line.queue.leave("b")
    assert line.begun[6:] == ["4", "3"]


def test_no_spot_job_goes_where_that_is_not_enough():
    line = Line(4)
    line.enter("a", 2)
    line.enter_spot("spot", 1)
    line.enter("b", 4)
    assert line.asked == []
    line.queue.leave("a")
    assert line.asked == ["spot"]


def test_a_spot_job_that_ends_by_itself_may_be_asked_again():
    line = Line(1)
    line.enter_spot("spot", 1, goes=False)
    line.enter("a", 1)
    line.enter("b", 1)
    assert line.asked == ["spot", "spot"]
    line.queue.leave("spot")
    assert line.begun == ["spot", "a"]


def test_a_closed_queue_admits_nobody():
    line = Line(2)
    line.enter("a", 2)
    line.enter("b", 2)
    line.queue.close()
    line.queue.leave("a")
    assert line.begun == ["a"]


@pytest.mark.parametrize(
    ("type_", "capacity"),
    [
        ("ml.m5.large", (2, 8.0)),
        ("ml.m5.xlarge", (4, 16.0)),
        ("ml.c5.4xlarge", (16, 32.0)),
        ("ml.r5.24xlarge", (96, 768.0)),
        ("ml.p3.2xlarge", (8, 64.0)),
        ("ml.trn1.32xlarge", (128, 512.0)),
    ],
)
def test_an_instance_type_says_what_it_has(type_, capacity):
    assert capacity_of(type_) == capacity
