"""The lines of text files, compressed or not, as Arrow strings: a few MiB at a time."""

from __future__ import annotations

import bz2
import gzip
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from clary.tables.serde import BadDataError, TableFile
from clary.tables.stream import Stream

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 1 << 22
_LARGEST_BLOCK = 64 << 20  # of Hadoop's framing; its own are 256 KiB
_LONGEST_LINE = 1 << 28
_LZ4_FRAME = b"\x04\x22\x4d\x18"
_SNAPPY_FRAME = b"\xff\x06\x00\x00sNaPpY"

Parse = Callable[["pa.StringArray"], "pa.Array"]


def line_stream(
    files: Sequence[TableFile], payload: pa.DataType, parse: Parse, *, skip: int = 0, leave: int = 0
) -> Stream:
    """A stream of `file_index` and `payload`: what `parse` makes of each line, read as `read_lines` does."""
    import pyarrow as pa

    schema = pa.schema([("file_index", pa.int64()), ("payload", payload)])

    def batches() -> Iterator[pa.RecordBatch]:
        for number, file in enumerate(files):
            for lines in read_lines(file, skip=skip, leave=leave):
                values = parse(lines)
                index = pa.repeat(pa.scalar(number, pa.int64()), len(values))
                yield pa.record_batch([index, values], schema=schema)

    return Stream(schema, batches)


def read_lines(file: TableFile, *, skip: int = 0, leave: int = 0) -> Iterator[pa.StringArray]:
    """The lines that CR, LF or both end, without the first `skip` and the last `leave`; no UTF-8 becomes U+FFFD."""
    blocks = map(_split, _whole_lines(file))
    for lines in _without_last(blocks, leave) if leave else blocks:
        if skip:
            skip, lines = max(0, skip - len(lines)), lines[skip:]
        if len(lines):
            yield lines


def _without_last(blocks: Iterator[pa.StringArray], count: int) -> Iterator[pa.StringArray]:
    import pyarrow as pa

    held = pa.array([], pa.string())
    for block in blocks:
        lines = pa.concat_arrays([held, block])
        held = lines[max(0, len(lines) - count) :]
        yield lines[: len(lines) - len(held)]


def _whole_lines(file: TableFile) -> Iterator[bytes]:
    """Blocks of lines with LF between them."""
    pending = b""
    for block in _read_blocks(file):
        whole = pending + block
        if b"\r" in whole:
            late = whole.endswith(b"\r")  # an LF may follow in the next block
            whole = (whole[:-1] if late else whole).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            whole += b"\r" if late else b""
        end = whole.rfind(b"\n")
        if end < 0:
            pending = whole
            if len(pending) > _LONGEST_LINE:
                raise BadDataError(f"HIVE_BAD_DATA: Line too long in text file: {file.name}")
            continue
        yield whole[:end]
        pending = whole[end + 1 :]
    if pending:
        yield pending.removesuffix(b"\r")


def _split(block: bytes) -> pa.StringArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    lines = pc.split_pattern(pa.array([block], pa.binary()), "\n").flatten()
    try:
        return lines.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([line.decode("utf-8", "replace") for line in lines.to_pylist()], pa.string())


def _read_blocks(file: TableFile) -> Iterator[bytes]:
    try:
        with open(file.path, "rb") as stored, _opened(file.name, stored) as opened:  # noqa: PTH123
            while block := opened.read(_BLOCK):
                yield block
    except (OSError, EOFError, ValueError, struct.error, ArithmeticError) as problem:
        raise BadDataError(f"HIVE_CURSOR_ERROR: Failed to read file at {file.name}: {problem}") from None


def _opened(name: str, stored: BinaryIO) -> IO[bytes] | Any:
    """The text of a file, by the ending of its object's name, as Hadoop finds its codec."""
    ending = name.rpartition("/")[2].rpartition(".")[2].lower()
    if ending == "gz":
        return gzip.open(stored)
    if ending == "bz2":
        return bz2.open(stored)
    if ending in ("zst", "zstd"):
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(stored), "zstd")
    if ending == "deflate":
        import pyarrow as pa

        return _Pieces(_inflate(stored))
    if ending == "lz4":
        import cramjam
        import pyarrow as pa

        if stored.peek(4)[:4] == _LZ4_FRAME:  # type: ignore[attr-defined]
            return pa.CompressedInputStream(pa.PythonFile(stored), "lz4")
        unpack = cramjam.lz4.decompress_block
        return _Pieces(_told(_hadoop_blocks(stored, lambda data, size: unpack(data, output_len=size))))
    if ending == "snappy":
        import cramjam

        if stored.peek(10)[:10] == _SNAPPY_FRAME:  # type: ignore[attr-defined]
            return _Pieces(_told(bytes(cramjam.snappy.decompress(data)) for data in [stored.read()]))
        unpack = cramjam.snappy.decompress_raw
        return _Pieces(_told(_hadoop_blocks(stored, lambda data, size: unpack(data))))  # noqa: ARG005
    return stored


def _inflate(stored: BinaryIO) -> Iterator[bytes]:
    import zlib

    inflater = zlib.decompressobj()
    while data := stored.read(_BLOCK):
        yield inflater.decompress(data)
    yield inflater.flush()
    if not inflater.eof:
        raise EOFError("it breaks off")


def _hadoop_blocks(stored: BinaryIO, decompress: Callable[[bytes, int], Any]) -> Iterator[bytes]:
    """Hadoop's own framing: the size of a block, then pieces of it, each after its stored size."""
    while head := stored.read(4):
        (left,) = struct.unpack(">I", head)
        if left > _LARGEST_BLOCK:
            raise ValueError("a block claims to be larger than any is")
        while left > 0:
            (size,) = struct.unpack(">I", stored.read(4))
            piece = bytes(decompress(stored.read(size), left))
            left -= len(piece)
            yield piece


def _told(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same; what cramjam can't unpack is a ValueError."""
    import cramjam

    try:
        yield from pieces
    except cramjam.DecompressionError as problem:
        raise ValueError(str(problem)) from None


class _Pieces:
    """A file to read, made of pieces of any size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int) -> bytes:  # noqa: ARG002 - a piece has the size that it has
        return next((piece for piece in self._pieces if piece), b"")

    def __enter__(self) -> _Pieces:
        return self

    def __exit__(self, *_: object) -> None:
        pass
