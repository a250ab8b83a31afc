"""The least HTTP/1.1 client that a worker needs: kept connections over a Unix socket, one request at a time each."""

import asyncio
from typing import NamedTuple, TypeVar, cast

import httptools


class WorkerLost(Exception):
    """The worker did not answer: it closed the connection, or sent no HTTP."""


class WorkerUnreachable(WorkerLost):
    """No connection could be made, so nothing was sent."""


class Response(NamedTuple):
    """What a worker answered; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """One connection to a worker."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Response] | None = None
        self._transport: asyncio.Transport | None = None
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        return self._transport is not None and not self._transport.is_closing() and self._answer is None

    async def request(self, message: bytes, seconds: float) -> Response:
        """Send a whole request and wait for the whole response; TimeoutError, WorkerLost."""
        if self._transport is None or self._transport.is_closing():
            raise WorkerLost("the connection is closed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()
        self._answer = answer
        timer = loop.call_later(seconds, self._time_is_over)
        self._transport.write(message)
        try:
            return await answer
        finally:
            timer.cancel()
            if not answer.done() or answer.cancelled() or answer.exception():
                self.close()  # what is still to come must not answer the next request
            self._answer = None

    def close(self) -> None:
        """Close for good."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: closed by the worker or by us."""
        self._fail(WorkerLost(str(error or "the worker closed the connection")))

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came in."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(WorkerLost(f"the worker answered no HTTP: {error}"))
            self.close()

    def on_message_begin(self) -> None:
        """httptools: a response starts."""
        self._headers = {}
        self._parts = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        """httptools: a piece of the body."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """httptools: the response is whole (an interim 1xx is only announced by it)."""
        status = self._parser.get_status_code()
        if status < 200:
            return
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Response(status, self._headers, body))
        if not self._parser.should_keep_alive():
            self.close()

    def _time_is_over(self) -> None:
        self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


Kind = TypeVar("Kind", bound=Connection)


class Pool:
    """The connections to one worker. Belongs to the event loop that uses it."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self._idle: list[Connection] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    async def request(self, message: bytes, seconds: float) -> Response:
        """Send a request over an idle connection, or a new one; TimeoutError, WorkerLost, WorkerUnreachable."""
        connection = self._take() or await connect(Connection, self.socket)
        response = await connection.request(message, seconds)
        if connection.usable:
            self._idle.append(connection)
        return response

    def close(self) -> None:
        """Close the idle connections; call it on the loop that used them."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> Connection | None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # those of another loop are its own to close
            self._loop, self._idle = loop, []
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None


async def connect(kind: type[Kind], socket: str) -> Kind:
    """A new connection to a worker; WorkerUnreachable."""
    try:
        _, connection = await asyncio.get_running_loop().create_unix_connection(kind, socket)
    except OSError as error:
        raise WorkerUnreachable(f"the worker can't be reached: {error.strerror}") from None
    return connection


def compose(method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """A request as bytes; empty headers are left out."""
    lines = [f"{method} {path} HTTP/1.1\r\nHost: algo-1\r\nContent-Length: {len(body)}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers if value]
    return "".join([*lines, "\r\n"]).encode("latin-1") + body
