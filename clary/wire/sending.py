"""Replies put on the wire: whole ones at once, files and streams chunk by chunk as the client takes them."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from clary.wire.body import Receive
from clary.wire.call import FileSlice
from clary.wire.request import Request
from clary.wire.response import Response, Streamed

Send = Callable[[dict[str, Any]], Awaitable[None]]
FILE_CHUNK = 1024 * 1024


async def send_response(response: Response, request: Request | None, method: str, receive: Receive, send: Send) -> None:
    """Send a reply; the body of one to HEAD is left out. A stream ends early when the client goes away."""
    unread = request.incoming if request and not request.incoming.finished else None
    if unread or request is None:  # what is left of the request's body would be taken for the next request
        response.headers["connection"] = "close"
    bodiless = method == "HEAD" or response.status in (204, 304)
    whole = [response.body] if isinstance(response.body, bytes) else response.body
    if isinstance(whole, list) and not bodiless:
        response.headers["content-length"] = str(sum(map(len, whole)))
    await send({"type": "http.response.start", "status": response.status, "headers": _raw_headers(response.headers)})
    if bodiless:
        _let_go(response.body)
    elif isinstance(whole, list):
        for part in whole:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    else:
        await _send_stream(whole, receive, send)
    if unread:
        await unread.drain()
    await send({"type": "http.response.body", "body": b""})


async def _send_stream(body: Streamed, receive: Receive, send: Send) -> None:
    chunks = _file_chunks(body) if isinstance(body, FileSlice) else body
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        async for chunk in chunks:
            if gone.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    finally:
        gone.cancel()
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


def _let_go(body: bytes | list[bytes] | Streamed) -> None:
    if isinstance(body, FileSlice) and body.file:
        body.file.close()


async def _file_chunks(part: FileSlice) -> AsyncGenerator[bytes, None]:
    """The bytes of a file; the next chunk is read while the last one is sent."""
    file = part.file if part.file else await asyncio.to_thread(part.path.open, "rb")
    loop = asyncio.get_running_loop()
    position, end = part.start, part.start + part.length

    def read_ahead() -> asyncio.Future[bytes]:
        return loop.run_in_executor(None, os.pread, file.fileno(), min(FILE_CHUNK, end - position), position)

    reading = read_ahead()
    try:
        while position < end:
            chunk = await reading
            if not chunk:
                raise OSError(f"{part.path} is shorter than it was")
            position += len(chunk)
            if position < end:
                reading = read_ahead()
            yield chunk
    finally:
        await asyncio.wait([reading])
        file.close()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _raw_headers(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), _raw_value(value)) for name, value in headers.items()]


def _raw_value(value: str) -> bytes:
    if not value.isprintable():  # a line break in stored metadata must not become a header of its own
        value = "".join(letter if letter.isprintable() else " " for letter in value)
    return value.encode("latin-1") if value.isascii() else value.encode()
