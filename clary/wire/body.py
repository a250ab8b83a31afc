"""Request bodies: read whole under a limit, or handed on as a stream; checked against what the client claims."""

import asyncio
import base64
import hashlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from clary.errors import ServiceError
from clary.wire.checksums import HEADER_PREFIX, NAMES, Checksum
from clary.wire.chunked import ChunkedDecoder, IncompleteBody, Signer

Receive = Callable[[], Awaitable[dict[str, Any]]]
DRAIN_SECONDS, DRAIN_BYTES = 5.0, 64 * 1024 * 1024
UNSIGNED = ("", "UNSIGNED-PAYLOAD")


class ClientGone(IncompleteBody):
    """The client closed the connection before its body was whole."""


class RequestTooLarge(ServiceError):
    """The body is larger than the settings allow."""

    code = "RequestEntityTooLargeException"
    status = 413


class Incoming:
    """The body as it comes off the wire."""

    def __init__(self, receive: Receive, headers: dict[str, str], limit: int) -> None:
        self.headers = headers
        self.finished = headers.get("content-length", "") in ("", "0") and "transfer-encoding" not in headers
        self.started = False
        self._receive = receive
        self._limit = limit

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as sent; raises ClientGone."""
        self.started = True
        while not self.finished:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            self.finished = not message.get("more_body", False)
            if piece := message.get("body", b""):
                yield piece

    async def read(self) -> bytes:
        """The whole body, gzip undone; raises RequestTooLarge."""
        if self.finished:
            return b""
        self._check_size(int(self.headers.get("content-length") or 0))
        pieces, size = [], 0
        async for piece in self.pieces():
            size += len(piece)
            self._check_size(size)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def drain(self) -> None:
        """Take in what is left and drop it, so that a client that still sends comes to read its reply."""
        if not self.started and self.headers.get("expect", "").lower() == "100-continue":
            return  # it waits for leave to send, and gets the reply instead
        size = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                async for piece in self.pieces():
                    size += len(piece)
                    if size > DRAIN_BYTES:
                        return
        except (ClientGone, TimeoutError):
            return

    def decompress(self, content: bytes) -> bytes:
        """Undo `Content-Encoding: gzip`."""
        decoder = zlib.decompressobj(wbits=31)
        try:
            plain = decoder.decompress(content, self._limit + 1)
        except zlib.error:
            raise ServiceError("The body is not valid gzip", code="SerializationException", status=400) from None
        self._check_size(len(plain))
        if not decoder.eof:
            raise ServiceError("The gzip body is cut short", code="SerializationException", status=400)
        return plain

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise RequestTooLarge(f"Request body is larger than {self._limit} bytes (setting max_request_mib)")


class StreamedBody:
    """An S3 body on its way to the operation: framing undone, checksums verified at its end."""

    def __init__(self, incoming: Incoming, make_signer: Callable[[], Signer]) -> None:
        self._incoming = incoming
        headers = incoming.headers
        self._sha256 = headers.get("x-amz-content-sha256", "")
        self._decoder = _chunked_decoder(headers, self._sha256, make_signer)
        self.checksums = {key: value for key, value in headers.items() if key.removeprefix(HEADER_PREFIX) in NAMES}
        self._announced = _announced_trailers(headers) if self._decoder else []
        length = headers.get("x-amz-decoded-content-length") if self._decoder else headers.get("content-length")
        self.length = int(length) if length and length.isdigit() else None
        if self.length is None and not self._decoder and incoming.finished:
            self.length = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content; raises ServiceError at its end where it is not what the client claims."""
        claims = self._claims()
        size = 0
        async for piece in self._incoming.pieces():
            for part in self._decoder.feed(piece) if self._decoder else (piece,):
                size += len(part)
                for running in claims.values():
                    running.update(part)
                yield part
        if self._decoder:
            self._decoder.finish()
            self.checksums.update(self._trailing_checksums(self._decoder.trailers))
        if self.length is not None and size != self.length:
            raise IncompleteBody
        self._verify(claims)

    async def read(self, limit: int) -> bytes:
        """All of the content, for operations that need it whole."""
        content = bytearray()
        async for piece in self.chunks():
            content += piece
            if len(content) > limit:
                raise ServiceError("Your request was too big.", code="MaxMessageLengthExceeded", status=400)
        return bytes(content)

    def _claims(self) -> dict[str, Any]:
        """A running digest for each claim, by the header that makes it."""
        claims: dict[str, Any] = {name: Checksum(name.removeprefix(HEADER_PREFIX)) for name in self.checksums}
        claims.update({name: Checksum(name.removeprefix(HEADER_PREFIX)) for name in self._announced})
        if not self._sha256.startswith("STREAMING-") and self._sha256 not in UNSIGNED:
            claims["x-amz-content-sha256"] = hashlib.sha256()
        if "content-md5" in self._incoming.headers:
            claims["content-md5"] = hashlib.md5(usedforsecurity=False)
        return claims

    def _trailing_checksums(self, trailers: dict[str, str]) -> dict[str, str]:
        for name in self._announced:
            if name not in trailers:
                raise ServiceError(
                    f"The trailer {name} was announced and did not come", code="MalformedTrailerError", status=400
                )
        return {name: trailers[name] for name in self._announced}

    def _verify(self, claims: dict[str, Any]) -> None:
        for name, running in claims.items():
            if name == "x-amz-content-sha256":
                _verify_sha256(self._sha256, running.hexdigest())
            elif name == "content-md5":
                _verify_md5(self._incoming.headers[name], running.digest())
            elif running.base64() != self.checksums[name]:
                shown = name.removeprefix(HEADER_PREFIX).upper()
                message = f"The {shown} you specified did not match the calculated checksum."
                raise ServiceError(message, code="BadDigest", status=400)


def _chunked_decoder(headers: dict[str, str], sha256: str, make_signer: Callable[[], Signer]) -> ChunkedDecoder | None:
    if sha256.startswith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        return ChunkedDecoder(make_signer())
    if sha256.startswith("STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        return ChunkedDecoder()
    if sha256.startswith("STREAMING-"):
        message = f"Clary does not know the payload signature {sha256}"
        raise ServiceError(message, code="NotImplemented", status=501)
    encodings = [name.strip() for name in headers.get("content-encoding", "").split(",")]
    return ChunkedDecoder() if "aws-chunked" in encodings else None


def _announced_trailers(headers: dict[str, str]) -> list[str]:
    names = [name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()]
    for name in names:
        if not name.startswith(HEADER_PREFIX) or name.removeprefix(HEADER_PREFIX) not in NAMES:
            message = f"The value specified in the x-amz-trailer header is not supported: {name}"
            raise ServiceError(message, code="InvalidRequest", status=400)
    return names


def _verify_sha256(claimed: str, computed: str) -> None:
    if claimed.lower() != computed:
        raise ServiceError(
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            code="XAmzContentSHA256Mismatch",
            status=400,
            fields={"ClientComputedContentSHA256": claimed, "S3ComputedContentSHA256": computed},
        )


def _verify_md5(claimed: str, computed: bytes) -> None:
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
