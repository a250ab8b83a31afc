"""A Describe that waits: clients that do nothing but poll for an end get their answer when there is one.

The SageMaker SDKs look 5 s after they started a job and then only every 30 s; boto3's waiters every 30 to 120 s. Their
first look is held open, so that short jobs don't take the client's long pauses. Everyone else is answered at once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clary.store.records import Key, Record
    from clary.wire import Call

SDK_SECONDS = 20.0
WAITER_SECONDS = 45.0  # botocore gives up reading after 60 s

# The SDKs tail the log between two looks, so one at a job that runs for longer is answered at once.
SDK_YOUNG = 40.0

_SDK = re.compile(r"AWS-SageMaker-Python-SDK|SageMakerSDK")
_WAITER = re.compile(r"\sm/(?:[A-Za-z0-9+\-]+,)*B(?:,|\s|$)")  # botocore's feature list; B is a waiter


async def hold(
    call: Call,
    key: Key,
    settled: Callable[[Record], bool],
    began: Callable[[Record], float] = lambda record: record.created,
) -> Record | None:
    """The record; for a client that polls, as soon as it is settled or the client's patience ends. Holds no thread."""
    record = await _read(call, key)
    if record is None or settled(record):
        return record
    seconds = patience(call.headers.get("user-agent", ""), call.rooms.clock.now() - began(record))
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    with call.rooms.changes.watch(key) as watch:
        while loop.time() < end:
            record = await _read(call, key)
            if record is None or settled(record):
                break
            try:
                await watch.wait(end - loop.time())
            except asyncio.CancelledError:
                break  # the server ends: the client had better hear how things stand than lose its connection
    return record


def patience(user_agent: str, age: float) -> float:
    """How many seconds a client waits gladly for a resource of this age; 0 for one that doesn't just poll."""
    if _WAITER.search(user_agent):
        return WAITER_SECONDS
    return SDK_SECONDS if _SDK.search(user_agent) and age < SDK_YOUNG else 0.0


async def _read(call: Call, key: Key) -> Record | None:
    return await asyncio.to_thread(call.rooms.records.get, key)
