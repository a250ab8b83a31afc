"""An object's stream as payloads: lists of them, each list from one read, so that small records cost little each.

Memory is bounded by the largest payload: what is read and not yet given away is hardly more than one, and a record
that is longer is refused as it comes.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

from clary.errors import ClientError
from clary.formats.blocks import read_block
from clary.formats.recordio import find_frames

READ = 1 << 20
TOO_MUCH = "Too much data for max payload size"

Cut = Callable[[bytes, int, int], int]
"""(data, bytes at most, where the data begins in the object): the end of the last whole record that fits, or 0."""


def split(stream: BinaryIO, how: str, limit: int, *, single: bool) -> Iterator[list[bytes]]:
    """The payloads of a stream in their order.

    how: `None` for all in one, `Line`, `RecordIO`
    limit: the most bytes of a payload; ClientError for a record that has more
    single: one record each, a line without its newline; else as many as fit
    """
    if how == "None":
        whole = read_block(stream, limit + 1)
        _refuse_more(len(whole), limit, "the object")
        yield [whole]
        return
    cut, records = (_cut_lines, _lines) if how == "Line" else (_cut_frames, _frames)
    for block in _blocks(stream, cut, limit, min(READ, limit) if single else limit):
        payloads = records(block) if single else [block]
        _refuse_more(max(map(len, payloads), default=0), limit, "a record")
        yield payloads


def _blocks(stream: BinaryIO, cut: Cut, limit: int, size: int) -> Iterator[bytes]:
    """Blocks of whole records, about `size` bytes and at most `limit`."""
    rest, position, over = b"", 0, False
    while not over:
        wanted = max(size - len(rest), READ)
        more = read_block(stream, wanted)
        rest, over = rest + more, len(more) < wanted
        while len(rest) >= size and (end := cut(rest, limit, position)):
            yield rest[:end]
            rest, position = rest[end:], position + end
        if len(rest) > limit:
            _refuse_more(len(rest), limit, f"the record that begins at byte {position}")
    if rest:
        if cut is _cut_frames and cut(rest, limit, position) < len(rest):
            raise ClientError(f"the last record is cut off: the object ends within it, at byte {position + len(rest)}")
        yield rest


def _refuse_more(size: int, limit: int, what: str) -> None:
    if size > limit:
        raise ClientError(f"{TOO_MUCH}: {what} has more than {limit} bytes")


def _cut_lines(data: bytes, limit: int, _position: int) -> int:
    return data.rfind(b"\n", 0, limit) + 1


def _lines(block: bytes) -> list[bytes]:
    """Its lines without their ends; empty ones are no records."""
    return [line for line in block.replace(b"\r\n", b"\n").split(b"\n") if line]


def _cut_frames(data: bytes, limit: int, position: int) -> int:
    ends = _ends(data, f"from byte {position} on")
    fitting = int(np.searchsorted(ends, limit, side="right"))
    return int(ends[fitting - 1]) if fitting else 0


def _frames(block: bytes) -> list[bytes]:
    """Its frames: header, record and padding, as the algorithms read them."""
    ends = _ends(block, "").tolist()
    return [block[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _ends(data: bytes, name: str) -> np.ndarray:
    """Where the whole frames of some data end, padding included."""
    starts, ends = find_frames(data, name)
    padded: np.ndarray = ends + (-(ends - starts) & 3)
    return padded
