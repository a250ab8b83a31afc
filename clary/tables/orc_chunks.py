"""How many bytes of an ORC file its columns take: read from the footers of its stripes, which pyarrow doesn't show.

Source: the ORC specification v1, "File Tail" and "Stripe Footer".
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from clary.formats.protobuf import read_fields, read_varints

_NONE, _ZLIB, _SNAPPY, _LZO, _LZ4, _ZSTD = range(6)


def column_bytes(path: str, numbers: set[int]) -> int:
    """The stored bytes of the top-level columns of those numbers, with all that is nested in them.

    ValueError for a file whose footers make no sense.
    """
    try:
        return _column_bytes(path, numbers)
    except (IndexError, KeyError, TypeError, RuntimeError, OverflowError, MemoryError, zlib.error) as problem:
        raise ValueError(f"its footers make no sense: {problem!r}") from None


def _column_bytes(path: str, numbers: set[int]) -> int:
    with Path(path).open("rb") as file:
        end = file.seek(0, 2)
        length = _read(file, end - 1, 1)[0]
        script = dict(_fields(_read(file, end - 1 - length, length)))
        kind = int(script.get(2, 0))
        footer_at = end - 1 - length - int(script[1])
        footer = list(_fields(_inflate(_read(file, footer_at, int(script[1])), kind)))
        wanted = _subtrees([list(_fields(item)) for number, item in footer if number == 4], numbers)
        total = 0
        for number, item in footer:
            if number != 3:
                continue
            stripe = dict(_fields(item))
            at = int(stripe.get(1, 0)) + int(stripe.get(2, 0)) + int(stripe.get(3, 0))
            for field, stream in _fields(_inflate(_read(file, at, int(stripe.get(4, 0))), kind)):
                if field == 1:
                    parts = dict(_fields(stream))
                    total += int(parts.get(3, 0)) if int(parts.get(2, 0)) in wanted else 0
        return total


def _subtrees(types: list[list[tuple[int, int | bytes]]], numbers: set[int]) -> set[int]:
    """The column ids of the top-level columns and all below them: ids count types depth first."""
    children = [_packed([value for number, value in fields if number == 2]) for fields in types]
    pending = [child for place, child in enumerate(children[0]) if place in numbers] if children else []
    found: set[int] = set()
    while pending:
        column = pending.pop()
        if column not in found:
            found.add(column)
            pending += children[column]
    return found


def _packed(values: list[int | bytes]) -> list[int]:
    return [number for value in values for number in ([value] if isinstance(value, int) else read_varints(value))]


def _read(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)


def _fields(message: int | bytes) -> Iterator[tuple[int, int | bytes]]:
    if not isinstance(message, bytes):
        raise TypeError(f"{message} is no message")
    return read_fields(message)


def _inflate(data: bytes, kind: int) -> bytes:
    """Undo ORC's chunks: three bytes of length, whose lowest bit says that the chunk is as it was."""
    if kind == _NONE:
        return data
    parts, at = [], 0
    while at < len(data):
        head = int.from_bytes(data[at : at + 3], "little")
        chunk = data[at + 3 : at + 3 + (head >> 1)]
        parts.append(chunk if head & 1 else _decompress(chunk, kind))
        at += 3 + (head >> 1)
    return b"".join(parts)


def _decompress(chunk: bytes, kind: int) -> bytes:
    import cramjam

    if kind == _ZLIB:
        return zlib.decompress(chunk, -15)
    if kind == _SNAPPY:
        return bytes(cramjam.snappy.decompress_raw(chunk))
    if kind == _ZSTD:
        return bytes(cramjam.zstd.decompress(chunk))
    if kind == _LZ4:
        return bytes(cramjam.lz4.decompress_block(chunk, output_len=1 << 18))
    raise ValueError(f"ORC compression {kind}")
