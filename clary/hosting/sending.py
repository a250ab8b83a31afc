"""Put a request to a worker, whole or streamed; while the worker is being restarted, wait for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from clary.hosting.connection import Response, WorkerLost, WorkerUnreachable
from clary.hosting.streaming import Streamed, open_stream
from clary.hosting.worker import Worker

_LOOK_SECONDS = 0.02

Answered = TypeVar("Answered")


async def send(worker: Worker, message: bytes, end: float) -> Response:
    """Send a request and take the whole answer; TimeoutError at `end` (monotonic), WorkerLost."""
    return await _when_up(worker, end, lambda seconds: worker.pool.request(message, seconds))


async def send_for_stream(worker: Worker, message: bytes, end: float) -> Streamed:
    """Send a request and take the head of the answer, the body to come."""
    return await _when_up(worker, end, lambda seconds: open_stream(worker.pool.socket, message, seconds))


async def wait_until_up(worker: Worker, end: float) -> None:
    """Until the worker takes requests; TimeoutError."""
    while not worker.up:
        if time.monotonic() >= end:
            raise TimeoutError
        await asyncio.sleep(_LOOK_SECONDS)


async def _when_up(worker: Worker, end: float, request: Callable[[float], Awaitable[Answered]]) -> Answered:
    while True:
        await wait_until_up(worker, end)
        try:
            return await request(end - time.monotonic())
        except WorkerUnreachable:
            if time.monotonic() >= end:
                raise TimeoutError from None
            await asyncio.sleep(_LOOK_SECONDS)  # it has just ended
        except WorkerLost:
            worker.doubt()
            raise
