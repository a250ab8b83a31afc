"""What the hosts of one job tell each other: every host gives some arrays and gets those of all.

The first host listens, the others connect and send, the first sends everything to each. A message is the count of its
arrays as 8 bytes, then each as npy with its length before it; nothing is ever unpickled.
"""

import io
import os
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from clary.algorithms.base import Run, Stopped
from clary.errors import AlgorithmError

PORT = 7077
"""Where the first host listens, unless CLARY_EXCHANGE_PORT says another: on a node that several jobs share."""
PATIENCE = 0.2
"""Seconds between two attempts to reach a host that isn't listening yet, and between two looks at `run.stopping`."""
_LENGTH = struct.Struct("<Q")


def gather(run: Run, arrays: Sequence[np.ndarray], offset: int = 0) -> list[list[np.ndarray]]:
    """Every host's arrays, in the order of the hosts; each host must call it. Raises AlgorithmError, Stopped.

    `offset` takes a port of its own for an exchange that follows another at once.
    """
    port = int(os.environ.get("CLARY_EXCHANGE_PORT", PORT)) + offset
    try:
        return _collect(run, arrays, port) if run.first else _contribute(run, arrays, port)
    except (OSError, EOFError, ValueError) as error:
        raise AlgorithmError(f"{run.host} lost the connection to the job's other hosts: {error}") from None


def _collect(run: Run, arrays: Sequence[np.ndarray], port: int) -> list[list[np.ndarray]]:
    """The first host's part."""
    found: dict[int, list[np.ndarray]] = {0: list(arrays)}
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server((run.host, port), backlog=len(run.hosts)))
        server.settimeout(PATIENCE)
        peers: list[socket.socket] = []
        while len(peers) < len(run.hosts) - 1:
            try:
                peer, _ = server.accept()
            except TimeoutError:
                _check_stop(run)
                continue
            peer.settimeout(None)
            peers.append(stack.enter_context(peer))
            rank, *theirs = _receive(peer)
            found[int(rank)] = theirs
        server.close()  # a host that has its answer may call for the next exchange at once: it shall wait for that one
        everything = [array for rank in range(len(run.hosts)) for array in found[rank]]
        for peer in peers:
            _send(peer, everything)
    return [found[rank] for rank in range(len(run.hosts))]


def _contribute(run: Run, arrays: Sequence[np.ndarray], port: int) -> list[list[np.ndarray]]:
    """Any other host's part."""
    with _connect(run, port) as peer:
        _send(peer, [np.array(run.rank), *arrays])
        everything = _receive(peer)
    each = len(everything) // len(run.hosts)
    return [everything[place : place + each] for place in range(0, len(everything), each)]


def _connect(run: Run, port: int) -> socket.socket:
    while True:
        try:
            peer = socket.create_connection((run.hosts[0], port))
        except ConnectionRefusedError:  # it still reads its shard
            _check_stop(run)
            time.sleep(PATIENCE)
        else:
            return peer


def _check_stop(run: Run) -> None:
    if run.stopping:
        raise Stopped


def _send(peer: socket.socket, arrays: Sequence[np.ndarray]) -> None:
    peer.sendall(_LENGTH.pack(len(arrays)))
    for array in arrays:
        data = io.BytesIO()
        np.save(data, array, allow_pickle=False)
        peer.sendall(_LENGTH.pack(data.tell()))
        peer.sendall(data.getbuffer())


def _receive(peer: socket.socket) -> list[np.ndarray]:
    with peer.makefile("rb") as stream:
        (count,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
        return [
            np.load(io.BytesIO(_read(stream, *_LENGTH.unpack(_read(stream, _LENGTH.size)))), allow_pickle=False)
            for _ in range(count)
        ]


def _read(stream: io.BufferedReader, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("a host ended before it had sent its part")
    return data
