"""The HTTP client against workers that answer in every way HTTP allows, and in some it doesn't."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from clary.hosting.connection import Pool, Response, WorkerLost, WorkerUnreachable, compose

REQUEST = compose("POST", "/invocations", [("Content-Type", "text/csv"), ("Accept", "")], b"1,2")


def run(tmp_path: Path, replies: list[bytes], work: Callable[[Pool], Awaitable[object]]) -> tuple[object, list[int]]:
    """Serve the replies in turn, hanging up after one that is cut short.

    Returns what the work returned and how many requests each connection had.
    """
    served: list[int] = []
    left = list(replies)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(0)
        number = len(served) - 1
        while left:
            try:
                await reader.readuntil(b"\r\n\r\n1,2")
            except asyncio.IncompleteReadError:
                break
            served[number] += 1
            reply = left.pop(0)
            for piece in (reply[:20], reply[20:]):
                writer.write(piece)
                await asyncio.sleep(0.001)
            if b"\r\n\r\n" not in reply:
                break
        writer.close()

    async def main() -> object:
        server = await asyncio.start_unix_server(serve, tmp_path / "s")
        pool = Pool(str(tmp_path / "s"))
        try:
            return await work(pool)
        finally:
            pool.close()
            server.close()
            await asyncio.sleep(0.01)

    return uvloop.run(main()), served


def ok(body: bytes, *headers: bytes) -> bytes:
    return b"".join(
        [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body), *(b"%s\r\n" % h for h in headers), b"\r\n", body]
    )


def test_a_request_as_bytes() -> None:
    assert REQUEST == (
        b"POST /invocations HTTP/1.1\r\nHost: algo-1\r\nContent-Length: 3\r\nContent-Type: text/csv\r\n\r\n1,2"
    )


def test_a_connection_is_used_again(tmp_path: Path) -> None:
    async def work(pool: Pool) -> list[Response]:
        return [await pool.request(REQUEST, 5) for _ in range(3)]

    found, served = run(tmp_path, [ok(b"a", b"X-One: 1"), ok(b""), ok(b"c")], work)
    assert found[0] == Response(200, {"content-length": "1", "x-one": "1"}, b"a")
    assert [response.body for response in found] == [b"a", b"", b"c"]
    assert served == [3]


def test_chunked_and_interim_answers(tmp_path: Path) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"late")

    async def work(pool: Pool) -> list[bytes]:
        return [(await pool.request(REQUEST, 5)).body for _ in range(2)]

    assert run(tmp_path, [chunked, interim], work) == ([b"abcde", b"late"], [2])


def test_a_worker_that_closes_after_each_answer(tmp_path: Path) -> None:
    async def work(pool: Pool) -> list[bytes]:
        return [(await pool.request(REQUEST, 5)).body for _ in range(2)]

    assert run(tmp_path, [ok(b"a", b"Connection: close"), ok(b"b")], work) == ([b"a", b"b"], [1, 1])


@pytest.mark.parametrize("reply", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_no_answer(tmp_path: Path, reply: bytes) -> None:
    async def work(pool: Pool) -> bytes:
        with pytest.raises(WorkerLost):
            await pool.request(REQUEST, 5)
        return (await pool.request(REQUEST, 5)).body

    assert run(tmp_path, [reply, ok(b"next")], work)[0] == b"next"


def test_too_late(tmp_path: Path) -> None:
    async def work(pool: Pool) -> bytes:
        with pytest.raises(TimeoutError):
            await pool.request(REQUEST.replace(b"1,2", b"1,3"), 0.05)  # the server never sees its end
        return (await pool.request(REQUEST, 5)).body

    assert run(tmp_path, [ok(b"next")], work) == (b"next", [0, 1])


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(WorkerUnreachable):
        asyncio.run(Pool(str(tmp_path / "none")).request(REQUEST, 1))
