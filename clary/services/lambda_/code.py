"""The code of functions and layers: taken from a request or from S3, kept, and offered for download."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from clary.errors import ServiceError
from clary.functions import BadArchive
from clary.functions.archive import UNZIPPED_BYTES
from clary.services.lambda_.errors import InvalidParameterValueException, RequestEntityTooLargeException
from clary.services.lambda_.function_record import FUNCTION_KIND, VERSION_KIND
from clary.services.s3 import inside as objects
from clary.store.pages import BadToken, seal, unseal

if TYPE_CHECKING:
    from clary.wire import Call, Rooms

PAGE = "/_clary/lambda/code"
LAYER_VERSION_KIND = "lambda-layer-version"
ZIPPED_BYTES = 52_428_800
_LINK_SECONDS = 600.0
_REPLACED_SECONDS = 60.0
_SEAL = "lambda-code"
_ARCHIVE = re.compile(r"[0-9a-f]{64}")


def store(call: Call, source: dict[str, Any]) -> str:
    """Keep the archive that a request holds or names; hold `archives.keeping` until a record tells of it."""
    content = _content(call, source)
    try:
        return call.rooms.functions.archives.store(content)
    except BadArchive as problem:
        if str(problem).startswith("Unzipped size"):
            raise InvalidParameterValueException(str(problem)) from None
        raise InvalidParameterValueException(
            f"Could not unzip uploaded file. Please check your file, then try to upload again. ({problem})"
        ) from None


def _content(call: Call, source: dict[str, Any]) -> bytes:
    content, bucket, key = source.get("ZipFile"), source.get("S3Bucket"), source.get("S3Key")
    version = source.get("S3ObjectVersion") or ""
    if content is not None and (bucket or key or version):
        raise InvalidParameterValueException(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
    if content is not None:
        if len(content) > ZIPPED_BYTES:
            raise RequestEntityTooLargeException(f"Zipped size must be smaller than {ZIPPED_BYTES} bytes")
        return bytes(content)
    if not bucket or not key:
        raise InvalidParameterValueException("Please provide a source for function code.")
    try:
        return objects.read_object(call.rooms, bucket, key, UNZIPPED_BYTES, version)[0]
    except ServiceError as problem:
        raise InvalidParameterValueException(
            f"Error occurred while GetObject. S3 Error Code: {problem.code}. S3 Error Message: {problem.message}"
        ) from None


def location(call: Call, archive: str) -> str:
    """A URL from which an archive can be had for ten minutes."""
    token = seal([archive, call.rooms.clock.now() + _LINK_SECONDS], _SEAL)
    return f"{call.base_url}{PAGE}?token={quote(token)}"


def remove_unused_soon(rooms: Rooms) -> None:
    """Do that when all events are begun that still ask for code that was replaced."""
    rooms.background.run_later("lambda-code", lambda: remove_unused(rooms), _REPLACED_SECONDS)


def remove_unused(rooms: Rooms) -> None:
    """Remove the archives that no function, version or layer is made of, and no process runs."""
    rooms.functions.archives.keep_only(lambda: _used(rooms) | rooms.functions.archives_in_use())


def _used(rooms: Rooms) -> set[str]:
    used: set[str] = set()
    for kind in (FUNCTION_KIND, VERSION_KIND):
        for record in rooms.records.every(kind):
            configuration = record.body["Configuration"]
            used |= {configuration["Archive"], *configuration.get("LayerArchives", ())}
    return used | {record.body["Archive"] for record in rooms.records.every(LAYER_VERSION_KIND)}


def download(rooms: Rooms) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """The page behind `location`."""

    async def page(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        status, body = await asyncio.to_thread(_look_up, rooms, token)
        headers = [(b"content-type", b"application/zip"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return page


def _look_up(rooms: Rooms, token: str) -> tuple[int, bytes]:
    try:
        archive, until = unseal(token, _SEAL)
        if not _ARCHIVE.fullmatch(str(archive)):  # tokens can be forged; who knows a hash has seen the code
            return 404, b"There is no such code."
        if float(str(until)) < rooms.clock.now():
            return 403, b"The link has expired: ask for another one by GetFunction."
        return 200, rooms.functions.archives.read(str(archive))
    except (BadToken, FileNotFoundError):
        return 404, b"There is no such code."
