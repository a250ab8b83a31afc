"""The other side of s3_transfer.py: a plain uvicorn app that knows just enough of multipart and ranges.

Parts are written at their place of one file, which is synced when the upload is completed. Nothing is checked, signed,
hashed or recorded. Started as `s3_plain.py FOLDER PORT`.
"""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn

PART = 8 << 20  # the transfer manager's
BLOCK = 1 << 20

folder = Path(sys.argv[1])


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    name = scope["path"].rsplit("/", 1)[-1]
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    headers = {key.decode(): value.decode() for key, value in scope["headers"]}
    match scope["method"]:
        case "POST" if "uploads" in query:
            await reply(send, 200, f"<R><Bucket>b</Bucket><Key>{name}</Key><UploadId>1</UploadId></R>".encode())
        case "POST":
            await drain(receive)
            await asyncio.to_thread(sync, folder / name)
            await reply(send, 200, b'<R><ETag>"x"</ETag></R>')
        case "PUT" if "partNumber" in query:
            await take(receive, folder / name, (int(query["partNumber"][0]) - 1) * PART)
            await reply(send, 200, b"", [(b"etag", b'"x"')])
        case "HEAD":
            size = (folder / name).stat().st_size
            about = [(b"content-length", str(size).encode()), (b"etag", b'"x"'), (b"accept-ranges", b"bytes")]
            await reply(send, 200, b"", about)
        case "GET":
            await give(send, folder / name, headers.get("range", ""))


async def take(receive: Any, path: Path, position: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    waiting, size, more = [], 0, True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        waiting.append(message["body"])
        size += len(message["body"])
        if size >= BLOCK or not more:
            await asyncio.to_thread(os.pwritev, descriptor, waiting, position)
            position += size
            waiting, size = [], 0
    os.close(descriptor)


async def give(send: Any, path: Path, span: str) -> None:
    size = path.stat().st_size
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", span)
    start, end = (int(found[1]), int(found[2] or size - 1) + 1) if found else (0, size)
    headers = [(b"content-length", str(end - start).encode()), (b"etag", b'"x"')]
    headers += [(b"content-range", f"bytes {start}-{end - 1}/{size}".encode())]
    await send({"type": "http.response.start", "status": 206, "headers": headers})
    with path.open("rb", buffering=0) as file:
        while start < end:
            block = await asyncio.to_thread(os.pread, file.fileno(), min(BLOCK, end - start), start)
            start += len(block)
            await send({"type": "http.response.body", "body": block, "more_body": start < end})


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


async def drain(receive: Any) -> None:
    while (await receive()).get("more_body", False):
        pass


async def reply(send: Any, status: int, body: bytes, headers: Any = ()) -> None:
    named = {name for name, _ in headers}
    length = [] if b"content-length" in named else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="warning",
        access_log=False,
    )
