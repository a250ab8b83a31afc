"""A multipart/form-data body (RFC 7578) as it arrives: its fields, then the bytes of the file that comes after them."""

import re
from collections.abc import AsyncGenerator

from clary.errors import ServiceError
from clary.wire.body import Incoming

MOST_FIELD_BYTES = 20 * 1024
_MOST_REST = 64 * 1024
_NAME = re.compile(r';\s*name="((?:\\"|[^"])*)"', re.IGNORECASE)
_FILE_NAME = re.compile(r';\s*filename="((?:\\"|[^"])*)"', re.IGNORECASE)
_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)


class MalformedForm(ServiceError):
    """The body is no form."""

    code = "MalformedPOSTRequest"
    status = 400

    def __init__(self) -> None:
        super().__init__("The body of your POST request is not well-formed multipart/form-data.")


class FieldsTooLarge(ServiceError):
    """What comes before the file is too much."""

    code = "MaxPostPreDataLengthExceededError"
    status = 400

    def __init__(self) -> None:
        super().__init__("Your POST request fields preceding the upload file were too large.")


class Form:
    """One form: first ask for `fields`, then for `file`."""

    def __init__(self, incoming: Incoming, content_type: str) -> None:
        found = _BOUNDARY.search(content_type)
        if not found:
            raise MalformedForm
        self._delimiter = f"\r\n--{found[1] or found[2]}".encode("latin-1")
        self._pieces = incoming.pieces()
        self._buffer = bytearray(b"\r\n")
        self._left = MOST_FIELD_BYTES
        self.file_name: str | None = None
        """The last part of the name that the file has on the client's disk, if the client tells one."""

    async def fields(self) -> list[tuple[str, str]]:
        """Names and values of all that comes before the part "file"; what comes after it is not looked at."""
        found: list[tuple[str, str]] = []
        await self._until(self._delimiter)
        while (end := await self._take(2)) == b"\r\n":
            head = (await self._until(b"\r\n\r\n")).decode("utf-8", "replace")
            named = _NAME.search(head)
            if named is None:
                raise MalformedForm
            if named[1].lower() == "file":
                path = _FILE_NAME.search(head)
                self.file_name = re.split(r"[/\\]", path[1])[-1] if path else None
                return found
            found.append((named[1], (await self._until(self._delimiter)).decode("utf-8", "replace")))
        if end != b"--":
            raise MalformedForm
        return found

    async def file(self) -> AsyncGenerator[bytes, None]:
        """The bytes of the file."""
        buffer, size = self._buffer, len(self._delimiter) - 1
        while (end := buffer.find(self._delimiter)) < 0:
            if len(buffer) > size:
                yield bytes(buffer[:-size])
                del buffer[:-size]
            await self._more()
        yield bytes(buffer[:end])
        rest = 0
        async for piece in self._pieces:
            rest += len(piece)
            if rest > _MOST_REST:
                return

    async def _until(self, mark: bytes) -> bytes:
        """What comes before a mark, which is taken too."""
        while (end := self._buffer.find(mark)) < 0:
            if len(self._buffer) > self._left:
                raise FieldsTooLarge
            await self._more()
        self._left -= end
        if self._left < 0:
            raise FieldsTooLarge
        found = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return found

    async def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._more()
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        return found

    async def _more(self) -> None:
        piece = await anext(self._pieces, b"")
        if not piece:
            raise MalformedForm
        self._buffer += piece
