"""An answer taken from a worker piece by piece, as it comes, over a connection of its own."""

import asyncio
import time
from collections.abc import AsyncGenerator

from clary.hosting.connection import Connection, Response, WorkerLost, connect

_MOST_WAITING = 256 * 1024  # bytes that are taken in ahead of the reader


class StreamTimeout(WorkerLost):
    """The answer was begun and did not end in time."""


class Streamed:
    """The head of an answer, and the rest as it comes; `close` it where it is not read to its end."""

    def __init__(self, head: Response, connection: "_StreamedConnection") -> None:
        self.status = head.status
        self.headers = head.headers
        self._connection = connection

    async def parts(self, seconds: float) -> AsyncGenerator[bytes, None]:
        """The pieces of the body; StreamTimeout when they have not ended after so many seconds, WorkerLost."""
        end = time.monotonic() + seconds
        try:
            while part := await asyncio.wait_for(self._connection.next_part(), end - time.monotonic()):
                yield part
        except TimeoutError:
            raise StreamTimeout from None
        finally:
            self.close()

    async def read(self, seconds: float) -> bytes:
        """All of the body."""
        return b"".join([part async for part in self.parts(seconds)])

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class _StreamedConnection(Connection):
    """Answers a request as soon as its head is there, and keeps the pieces of the body that nobody took yet."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[bytes] = []
        self._size = 0
        self._end: Exception | bool = False  # True: the answer is whole
        self._news = asyncio.Event()

    async def next_part(self) -> bytes:
        """What has come since; empty at the end of the body."""
        while not self._waiting and not self._end:
            self._news.clear()
            if self._transport is not None:
                self._transport.resume_reading()
            await self._news.wait()
        if not self._waiting and isinstance(self._end, Exception):
            raise self._end
        part, self._waiting, self._size = b"".join(self._waiting), [], 0
        return part

    def on_headers_complete(self) -> None:
        """httptools: the head is whole (that of an interim 1xx doesn't count)."""
        status = self._parser.get_status_code()
        if status >= 200 and self._answer is not None and not self._answer.done():
            self._answer.set_result(Response(status, self._headers, b""))

    def on_body(self, part: bytes) -> None:
        """httptools: a piece of the body."""
        self._waiting.append(part)
        self._size += len(part)
        if self._size > _MOST_WAITING and self._transport is not None:
            self._transport.pause_reading()
        self._news.set()

    def on_message_complete(self) -> None:
        """httptools: the answer is whole."""
        if self._parser.get_status_code() >= 200:
            self._end = True
            self._news.set()

    def _fail(self, error: Exception) -> None:
        super()._fail(error)
        self._end = self._end or error
        self._news.set()


async def open_stream(socket: str, message: bytes, seconds: float) -> Streamed:
    """Send a request and wait for the head of its answer; TimeoutError, WorkerLost, WorkerUnreachable."""
    connection = await connect(_StreamedConnection, socket)
    return Streamed(await connection.request(message, seconds), connection)
