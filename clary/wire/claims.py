"""What a client claims of its body: hashes in headers and trailers, computed while it arrives, compared at its end."""

import asyncio
import base64
import hashlib
from typing import Any

from clary.errors import ServiceError
from clary.wire.checksums import HEADER_PREFIX, NAMES, Checksum

BATCH_BYTES = 256 * 1024  # enough at once that a hop to a thread costs little beside it
_SHA256, _MD5 = "x-amz-content-sha256", "content-md5"


class Claims:
    """The claims of one request. Hashing large bodies is a thread's work, while the next bytes arrive.

    `checksums` holds the claimed x-amz-checksum-* by header name, those of the trailer too once they are verified.
    """

    def __init__(self, headers: dict[str, str], *, trailing: bool, hashed: bool = True) -> None:
        self._headers = headers
        self.checksums = {
            key: value for key, value in headers.items() if hashed and key.removeprefix(HEADER_PREFIX) in NAMES
        }
        self._announced = _announced_trailers(headers) if trailing else []
        self._running: dict[str, Any] = {
            name: Checksum(name.removeprefix(HEADER_PREFIX)) for name in [*self.checksums, *self._announced]
        }
        if len(headers.get(_SHA256, "")) == 64:  # else it says that the payload is unsigned or signed in chunks
            self._running[_SHA256] = hashlib.sha256()
        if _MD5 in headers:
            self._running[_MD5] = hashlib.md5(usedforsecurity=False)
        self._batch: list[bytes] = []
        self._size = 0
        self._hashing: asyncio.Future[None] | None = None

    async def update(self, part: bytes) -> None:
        """Take in the next bytes."""
        if not self._running:
            return
        self._batch.append(part)
        self._size += len(part)
        if self._size >= BATCH_BYTES:
            if self._hashing:
                await self._hashing
            self._hashing = asyncio.ensure_future(asyncio.to_thread(self._hash, self._batch))
            self._batch, self._size = [], 0

    async def verify(self, trailers: dict[str, str]) -> None:
        """Raise ServiceError where the bytes or the trailers are not what was claimed."""
        for name in self._announced:
            if name not in trailers:
                message = f"The trailer {name} was announced and did not come"
                raise ServiceError(message, code="MalformedTrailerError", status=400)
            self.checksums[name] = trailers[name]
        if self._hashing:
            await self._hashing
        self._hash(self._batch)
        for name, running in self._running.items():
            self._compare(name, running)

    def _hash(self, batch: list[bytes]) -> None:
        # One long piece: a hash lets go of the interpreter while it runs, and should not do so often.
        content = b"".join(batch)
        for running in self._running.values():
            running.update(content)

    def _compare(self, name: str, running: Any) -> None:
        if name == _SHA256:
            _compare_sha256(self._headers[name], running.hexdigest())
        elif name == _MD5:
            _compare_md5(self._headers[name], running.digest())
        elif running.base64() != self.checksums[name]:
            shown = name.removeprefix(HEADER_PREFIX).upper()
            message = f"The {shown} you specified did not match the calculated checksum."
            raise ServiceError(message, code="BadDigest", status=400)


def _announced_trailers(headers: dict[str, str]) -> list[str]:
    names = [name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()]
    for name in names:
        if not name.startswith(HEADER_PREFIX) or name.removeprefix(HEADER_PREFIX) not in NAMES:
            message = f"The value specified in the x-amz-trailer header is not supported: {name}"
            raise ServiceError(message, code="InvalidRequest", status=400)
    return names


def _compare_sha256(claimed: str, computed: str) -> None:
    if claimed.lower() != computed:
        raise ServiceError(
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            code="XAmzContentSHA256Mismatch",
            status=400,
            fields={"ClientComputedContentSHA256": claimed, "S3ComputedContentSHA256": computed},
        )


def _compare_md5(claimed: str, computed: bytes) -> None:
    try:
        expected = base64.b64decode(claimed, validate=True)
    except ValueError:
        expected = b""
    if len(expected) != 16:
        raise ServiceError("The Content-MD5 you specified was invalid.", code="InvalidDigest", status=400)
    if expected != computed:
        raise ServiceError(
            "The Content-MD5 you specified did not match what we received.",
            code="BadDigest",
            status=400,
            fields={"ExpectedDigest": expected.hex(), "CalculatedDigest": base64.b64encode(computed).decode()},
        )
