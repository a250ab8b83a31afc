"""Request bodies: read whole under a limit, or handed on as a stream; checked against what the client claims."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from clary.errors import ServiceError
from clary.wire.chunked import ChunkedDecoder, IncompleteBody, Signer
from clary.wire.claims import Claims

Receive = Callable[[], Awaitable[dict[str, Any]]]
DRAIN_SECONDS, DRAIN_BYTES = 5.0, 64 * 1024 * 1024


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

    async def pieces(self) -> AsyncGenerator[bytes, None]:
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
        length = self.headers.get("content-length", "")
        self._check_size(int(length) if length.isdecimal() else 0)
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

    def __init__(self, incoming: Incoming, make_signer: Callable[[], Signer], *, hashed: bool = True) -> None:
        self._incoming = incoming
        headers = incoming.headers
        self._decoder = _chunked_decoder(headers, make_signer)
        self._claims = Claims(headers, trailing=self._decoder is not None, hashed=hashed)
        self.checksums = self._claims.checksums
        length = headers.get("x-amz-decoded-content-length") if self._decoder else headers.get("content-length")
        self.length = int(length) if length and length.isdecimal() else None
        if self.length is None and not self._decoder and incoming.finished:
            self.length = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content; raises ServiceError at its end where it is not what the client claims."""
        size = 0
        async for piece in self._incoming.pieces():
            for part in self._decoder.feed(piece) if self._decoder else (piece,):
                size += len(part)
                await self._claims.update(part)
                yield part
        trailers: dict[str, str] = {}
        if self._decoder:
            self._decoder.finish()
            trailers = self._decoder.trailers
        if self.length is not None and size != self.length:
            raise IncompleteBody
        await self._claims.verify(trailers)

    async def read(self, limit: int) -> bytes:
        """All of the content, for operations that need it whole."""
        content = bytearray()
        async for piece in self.chunks():
            content += piece
            if len(content) > limit:
                raise ServiceError("Your request was too big.", code="MaxMessageLengthExceeded", status=400)
        return bytes(content)


def _chunked_decoder(headers: dict[str, str], make_signer: Callable[[], Signer]) -> ChunkedDecoder | None:
    sha256 = headers.get("x-amz-content-sha256", "")
    if sha256.startswith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        return ChunkedDecoder(make_signer())
    if sha256.startswith("STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        return ChunkedDecoder()
    if sha256.startswith("STREAMING-"):
        message = f"Clary does not know the payload signature {sha256}"
        raise ServiceError(message, code="NotImplemented", status=501)
    encodings = [name.strip() for name in headers.get("content-encoding", "").split(",")]
    framed = "aws-chunked" in encodings and "x-amz-decoded-content-length" in headers
    return ChunkedDecoder() if framed else None
