"""XGBoost on several hosts: they find each other, then boost as one over XGBoost's own all-reduce, a shard each."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from xgboost import collective
from xgboost.tracker import RabitTracker

from clary.algorithms.base import Run
from clary.algorithms.exchange import gather
from clary.algorithms.log_lines import log_of

log = log_of("xgboost")


@contextmanager
def joined(run: Run, has_data: bool) -> Iterator[bool]:
    """Inside, XGBoost works on the rows of all hosts that have data; yields whether this host is one of them."""
    if len(run.hosts) == 1:
        yield has_data
        return
    log.info("Distributed node training with %d hosts: %s", len(run.hosts), list(run.hosts))
    members = sum(bool(flag) for (flag,) in gather(run, [np.array(has_data)]))
    tracker = _start_tracker(run, members) if run.first and members else None
    address = json.dumps(tracker.worker_args() if tracker else {}).encode()
    # The first exchange's socket may still be closing, so the second has a port of its own.
    ((told,), *_) = gather(run, [np.frombuffer(address, np.uint8)], offset=1)
    if not has_data:
        log.warning("Host %s has no data and takes no part in the training", run.host)
        yield False
        return
    with collective.CommunicatorContext(
        dmlc_communicator="rabit", dmlc_task_id=f"{run.rank:04}", **json.loads(told.tobytes())
    ):
        yield True
    if tracker:
        tracker.wait_for()


def add_up(numbers: np.ndarray) -> np.ndarray:
    """The sum over all hosts, on each of them."""
    if collective.get_world_size() == 1:
        return numbers
    return np.asarray(collective.allreduce(numbers, collective.Op.SUM)).reshape(numbers.shape)


def largest(number: int) -> int:
    """The largest over all hosts, on each of them."""
    if collective.get_world_size() == 1:
        return number
    return int(collective.allreduce(np.array([number], np.int64), collective.Op.MAX)[0])


def _start_tracker(run: Run, members: int) -> RabitTracker:
    tracker = RabitTracker(n_workers=members, host_ip=socket.gethostbyname(run.host), sortby="task")
    tracker.start()
    return tracker
