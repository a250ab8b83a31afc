"""The server's side: a process that stands for a program on a node. Its log, signals, end and files are that program's.

It runs in a host's sandbox as any program of a job does, so the job's supervisor treats it as one.
"""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import clary
from clary.cluster.node import PIECE, About, NodeHost
from clary.cluster.plan import ML, NAMESPACE, RelayPlan, actor_name
from clary.cluster.tree import pack, unpack

LOOK_SECONDS = 0.25
PLACE_SECONDS = 120.0
CALL_SECONDS = 60.0
CLOSE_SECONDS = 5.0
LOST_SECONDS = 20.0  # until Ray knows that a node is gone


class ClusterProblem(Exception):
    """The cluster can't run the host; the message is the reason of the job's failure."""


class Peer(NamedTuple):
    """A host of the job on the cluster."""

    actor: Any
    about: About


class Pieces:
    """A file that sends what is written to it to an actor, a piece at a time."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        """Keep the bytes; send them when there are enough."""
        self._waiting += data
        while len(self._waiting) >= PIECE:
            self._send(PIECE)
        return len(data)

    def close(self) -> None:
        """Send what is left."""
        self._send(len(self._waiting))

    def _send(self, size: int) -> None:
        _ask(self._actor.receive.remote(bytes(self._waiting[:size])))
        del self._waiting[:size]


class Answers:
    """A file whose bytes an actor gives, a piece at a time."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._position = 0
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        if not self._rest:
            self._rest = _ask(self._actor.give_back.remote(self._position))
            self._position += len(self._rest)
        found, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return found


def main(arguments: Sequence[str]) -> int:
    """Run the host that the first argument describes; its exit status."""
    plan = msgspec.json.decode(arguments[0], type=RelayPlan)
    ml = Path(ML)
    signals: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    try:
        return _run(plan, ml, signals)
    except ClusterProblem as problem:
        (ml / "output" / "failure").write_text(f"ClientError: {problem}")
        return 1


def _run(plan: RelayPlan, ml: Path, signals: list[int]) -> int:
    import ray

    _connect(plan.address)
    options = {"name": plan.name, "num_cpus": plan.program.threads, "scheduling_strategy": "SPREAD"}
    actor: Any = ray.remote(NodeHost).options(**options).remote()
    try:
        peers = _meet(plan, actor)
        pieces = Pieces(actor)
        pack(ml, pieces)  # type: ignore[arg-type]
        pieces.close()
        addresses = {host: peer.about.address for host, peer in peers.items()}
        port = peers[plan.hosts[0]].about.port
        if missing := _ask(actor.start.remote(msgspec.json.encode(plan), addresses, port)):
            raise ClusterProblem(missing)
        status = _follow(actor, signals)
        if status:
            _blame_lost(peers)
        unpack(Answers(actor), ml)  # type: ignore[arg-type]
        return status
    except ray.exceptions.RayActorError as problem:
        raise ClusterProblem(f"the node that {plan.host} ran on was lost: {problem}") from problem
    except (ray.exceptions.RayError, ConnectionError) as problem:
        raise ClusterProblem(f"the Ray cluster at {plan.address} failed {plan.host}: {problem}") from problem
    finally:
        with suppress(ray.exceptions.RayError, ConnectionError):  # its node may be gone
            ray.get(actor.close.remote(), timeout=CLOSE_SECONDS)
        ray.shutdown()


def _connect(address: str) -> None:
    import ray

    host, _, port = address.removeprefix("ray://").partition(":")
    limit = time.monotonic() + PLACE_SECONDS
    try:
        socket.create_connection((host, int(port)), CALL_SECONDS).close()  # Ray itself would try for half a minute
    except OSError as problem:
        raise ClusterProblem(f"the Ray cluster at {address} can't be reached: {problem}") from problem
    while True:
        try:
            ray.init(address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
            return
        except (OSError, RuntimeError) as problem:
            if time.monotonic() > limit:  # until then it may only have too much to do to take a client in time
                raise ClusterProblem(f"the Ray cluster at {address} takes no client: {problem}") from problem


def _meet(plan: RelayPlan, actor: Any) -> dict[str, Peer]:
    """Wait until every host of the job has its node."""
    import ray

    limit = time.monotonic() + PLACE_SECONDS
    peers: dict[str, Peer] = {}
    while len(peers) < len(plan.hosts):
        host = plan.hosts[len(peers)]
        try:
            other = actor if host == plan.host else ray.get_actor(actor_name(plan.job, host))
            about = About(*ray.get(other.about.remote(), timeout=max(1.0, limit - time.monotonic())))
        except (ValueError, ray.exceptions.GetTimeoutError):  # not there yet, or without a node yet
            if time.monotonic() > limit:
                raise ClusterProblem(
                    f"the Ray cluster at {plan.address} gave {host} no node with {plan.program.threads} free CPUs "
                    f"in {PLACE_SECONDS:.0f} seconds"
                ) from None
            time.sleep(LOOK_SECONDS)
            continue
        if about.version != clary.__version__:
            raise ClusterProblem(
                f"the node at {about.address} has Clary {about.version}, and the server {clary.__version__}"
            )
        peers[host] = Peer(other, about)
    return peers


def _follow(actor: Any, signals: list[int]) -> int:
    """Print what the program prints and pass signals on, until it has ended."""
    position = 0
    while True:
        while signals:
            _ask(actor.signal.remote(signals.pop(0)))
        data, status = _ask(actor.look.remote(position))
        position += len(data)
        os.write(sys.stdout.fileno(), data)
        if status is not None:
            return int(status) if status >= 0 else 128 - int(status)
        if not data:
            time.sleep(LOOK_SECONDS)


def _blame_lost(peers: dict[str, Peer]) -> None:
    """Raise where another host's node was lost: this one then failed for that, and the loss is what is to be told."""
    import ray

    limit = time.monotonic() + LOST_SECONDS
    for host, peer in peers.items():
        try:
            ray.get(peer.actor.about.remote(), timeout=LOST_SECONDS)
            continue
        except (ray.exceptions.RayActorError, ray.exceptions.GetTimeoutError):
            pass  # its node is gone, or it has just ended itself
        while time.monotonic() < limit:
            nodes = ray.nodes()  # type: ignore[no-untyped-call]
            if not any(node["NodeID"] == peer.about.node and node["Alive"] for node in nodes):
                raise ClusterProblem(f"the node that {host} ran on was lost")
            time.sleep(LOOK_SECONDS)


def _ask(reference: Any) -> Any:
    import ray

    return ray.get(reference, timeout=CALL_SECONDS)
