"""The aws-chunked framing of request bodies, undone while the bytes arrive.

A chunk is `<hex size>[;chunk-signature=<signature>]\\r\\n<bytes>\\r\\n`; after the empty last chunk may follow trailing
headers. Source: "Signature calculations for the authorization header: transferring payload in multiple chunks" in
the S3 API reference.
"""

from collections.abc import Generator
from typing import Protocol, TypeVar

from clary.errors import ServiceError

LONGEST_LINE = 8192
LARGEST_SIGNED_CHUNK = 16 * 1024 * 1024

Result = TypeVar("Result")
Steps = Generator[None, None, Result]  # yields whenever it needs more bytes in the buffer


class Signer(Protocol):
    """Signs chunks of one request; `seed` is the signature of its head."""

    seed: str

    def __call__(self, previous: str, chunk: bytes) -> str:
        """The signature of a chunk."""

    def trailer(self, previous: str, lines: bytes) -> str:
        """The signature of the trailing headers, given as `name:value\\n` lines."""


class InvalidChunk(ServiceError):
    """The framing of the body is broken."""

    code = "InvalidRequest"
    status = 400


class IncompleteBody(ServiceError):
    """The body ended before it was whole."""

    code = "IncompleteBody"
    status = 400

    def __init__(self) -> None:
        super().__init__("The request body terminated unexpectedly")


class ChunkedDecoder:
    """Takes bytes as they come off the wire and gives out the content; `trailers` are known once `finish` returns."""

    def __init__(self, signer: Signer | None = None) -> None:
        self.trailers: dict[str, str] = {}
        self._signer = signer
        self._previous = signer.seed if signer else ""
        self._buffer = bytearray()
        self._steps = self._decode()
        self._out: list[bytes] = []
        self._remaining = 0
        self._last_chunk_seen = False
        self._done = False
        next(self._steps)

    def feed(self, data: bytes) -> list[bytes]:
        """The content that these bytes complete."""
        if self._done:
            raise InvalidChunk("The body goes on after its last chunk")
        self._buffer += data
        try:
            next(self._steps)
        except StopIteration:
            self._done = True
        out, self._out = self._out, []
        return out

    def finish(self) -> None:
        """The wire has no more bytes: raise IncompleteBody unless the last chunk was among them."""
        if not self._done and self._last_chunk_seen and not self._buffer:
            self.feed(b"\r\n")  # without trailing headers some clients leave out the empty line that ends them
        if not self._done:
            raise IncompleteBody

    def _decode(self) -> Steps[None]:
        while True:
            line = yield from self._line()
            self._remaining, signature = self._chunk_head(line)
            if not self._remaining:
                self._verify(b"", signature)
                break
            yield from self._content(signature)
            if (yield from self._line()) != b"":
                raise InvalidChunk("A chunk is longer than it says")
        self._last_chunk_seen = True
        yield from self._trailer()

    def _line(self) -> Steps[bytes]:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > LONGEST_LINE:
                raise InvalidChunk("A line of the chunked body is too long")
            yield
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _chunk_head(self, line: bytes) -> tuple[int, str]:
        size, _, extension = line.partition(b";")
        try:
            length = int(size, 16)
        except ValueError:
            raise InvalidChunk("A chunk does not begin with its size") from None
        if length < 0:
            raise InvalidChunk("A chunk has a negative size")
        if self._signer and length > LARGEST_SIGNED_CHUNK:
            raise InvalidChunk(f"A signed chunk may have {LARGEST_SIGNED_CHUNK} bytes at most, not {length}")
        return length, extension.partition(b"chunk-signature=")[2].decode("latin-1").strip()

    def _content(self, signature: str) -> Steps[None]:
        if self._signer:  # given out only once its signature is right
            while len(self._buffer) < self._remaining:
                yield
            chunk = self._take(self._remaining)
            self._verify(chunk, signature)
            self._out.append(chunk)
            return
        while self._remaining:
            if not self._buffer:
                yield
                continue
            self._out.append(self._take(min(self._remaining, len(self._buffer))))

    def _take(self, size: int) -> bytes:
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        self._remaining -= size
        return taken

    def _verify(self, chunk: bytes, signature: str) -> None:
        if self._signer is None:
            return
        self._previous = self._signer(self._previous, chunk)
        if self._previous != signature:
            raise _mismatch()

    def _trailer(self) -> Steps[None]:
        lines, signature = b"", ""
        while line := (yield from self._line()):
            name, _, value = line.partition(b":")
            header = name.decode("latin-1").strip().lower()
            if header == "x-amz-trailer-signature":
                signature = value.decode("latin-1").strip()
                continue
            lines += name.strip().lower() + b":" + value.strip() + b"\n"
            self.trailers[header] = value.decode("latin-1").strip()
        if self._signer and lines and self._signer.trailer(self._previous, lines) != signature:
            raise _mismatch()


def _mismatch() -> ServiceError:
    return ServiceError(
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        code="SignatureDoesNotMatch",
        status=403,
    )
