"""A body on its way from the socket to the store: collected on the event loop, hashed and written in a thread."""

import asyncio
from collections.abc import Callable
from typing import Any

from clary.errors import ServiceError
from clary.services.s3.checksums import DEFAULT
from clary.services.s3.errors import EntityTooLarge
from clary.store.incoming import Incoming
from clary.wire import Call, RequestBody
from clary.wire.checksums import HEADER_PREFIX, Checksum

MAX_BYTES = 5 << 30
# Large enough that a hop to a thread costs nothing beside the hashing, small enough for many uploads at once.
_BATCH = 1 << 18


class MissingContentLength(ServiceError):
    """S3 wants to know the length before it takes a body."""

    code = "MissingContentLength"
    status = 411

    def __init__(self) -> None:
        super().__init__("You must provide the Content-Length HTTP header.")


class BodyChecksum:
    """The checksum to keep of a body: computed here, unless the wire computes it to verify the client's claim."""

    def __init__(self, body: RequestBody, claimed: str | None, wanted: str | None = None) -> None:
        self.algorithm = wanted or claimed or DEFAULT
        self._body = body
        self._claimed = claimed
        self._own = None if claimed == self.algorithm else Checksum(self.algorithm)
        self.hashers = [self._own] if self._own else []

    def value(self) -> str:
        """In base64, once the whole body was received."""
        return self._own.base64() if self._own else self._body.checksums[HEADER_PREFIX + self.algorithm]

    def claim(self) -> dict[str, str]:
        """What the client claimed and the wire verified, by the name of the algorithm."""
        return {self._claimed: self._body.checksums[HEADER_PREFIX + self._claimed]} if self._claimed else {}


def check_length(call: Call, body: RequestBody) -> None:
    """Raise for a body of unknown length, or longer than one request may bring."""
    if body.length is None or not ("content-length" in call.headers or "transfer-encoding" in call.headers):
        raise MissingContentLength
    if body.length > MAX_BYTES:
        raise EntityTooLarge(body.length, MAX_BYTES)


async def receive(body: RequestBody, incoming: Incoming, check_early: Callable[[], Any]) -> list[bytes]:
    """Write all but the end of the body to `incoming`, and return the end for whoever finishes it.

    So a small body takes one hop to a thread, the one that commits it. `check_early` runs in a thread before the
    first write of a large one: nobody should send gigabytes to a bucket that isn't there.
    """
    batch: list[bytes] = []
    size = 0
    writing: asyncio.Future[None] | None = None
    try:
        async for chunk in body.chunks():
            batch.append(chunk)
            size += len(chunk)
            if size >= _BATCH:
                if writing is None:
                    await asyncio.to_thread(check_early)
                else:
                    await writing
                writing = asyncio.ensure_future(asyncio.to_thread(incoming.write, batch))
                batch, size = [], 0
        if writing is not None:
            await writing
    except BaseException:
        if writing is not None:
            # Its outcome no longer matters, but it must be asked for.
            writing.add_done_callback(lambda future: future.cancelled() or future.exception())
        incoming.close()
        raise
    return batch
