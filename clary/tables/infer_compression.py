"""What compressed a file as a whole, and the first bytes of what it holds, never more of them than asked for."""

from __future__ import annotations

import bz2
import io
import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

_GZIP, _BZIP2, _ZIP, _SNAPPY = b"\x1f\x8b", b"BZh", b"PK\x03\x04", b"\xff\x06\x00\x00sNaPpY"
_LZ4 = b"\x04\x22\x4d\x18"
_ZIP_HEADER = struct.Struct("<4s5H3I2H")
_DEFLATED, _STORED = 8, 0
_LARGEST_CHUNK = 64 << 20


class Unpacked(NamedTuple):
    """The beginning of a file's content; `whole` where that is all of it."""

    compression: str
    content: bytes
    whole: bool


def unpack(head: bytes, name: str, most: int, *, whole: bool) -> Unpacked | None:
    """Undo the compression of a file that begins with `head`; None where it breaks off or lies.

    The kinds are known by their first bytes, Hadoop's Snappy and LZ4, which have none of their own, by the end of the
    file's name.
    """
    try:
        if head.startswith(_GZIP):
            return _inflate("gzip", head, 31, most, whole)
        if head.startswith(_BZIP2):
            decompressor = bz2.BZ2Decompressor()
            content = decompressor.decompress(head, most)
            return Unpacked("bzip2", content, whole and decompressor.eof and not decompressor.unused_data)
        if head.startswith(_ZIP):
            return _unzip(head, most, whole)
        if head.startswith(_SNAPPY):
            return _unsnap_frames(head, most, whole)
        if head.startswith(_LZ4):
            return _unpack_lz4_frames(head, most, whole)
        if name.lower().endswith(".snappy"):
            return _unpack_hadoop("snappy", head, most, whole, lambda chunk, left: _unsnap(chunk))  # noqa: ARG005
        if name.lower().endswith(".lz4"):
            return _unpack_hadoop("lz4", head, most, whole, _unpack_lz4)
    except (zlib.error, OSError, ValueError, struct.error, EOFError):
        return None
    return Unpacked("none", head[:most], whole and len(head) <= most)


def _inflate(kind: str, data: bytes, window: int, most: int, whole: bool) -> Unpacked:
    """Gzip members one after the other, or one raw stream."""
    content, ended = b"", False
    while data and len(content) < most:
        decompressor = zlib.decompressobj(window)
        content += decompressor.decompress(data, most - len(content))
        ended = decompressor.eof
        if not ended or window < 0:
            break
        data = decompressor.unused_data.lstrip(b"\0")
    return Unpacked(kind, content, whole and ended and len(content) < most)


def _unzip(data: bytes, most: int, whole: bool) -> Unpacked:
    """The first file of an archive."""
    method, packed, _, name, extra = (_ZIP_HEADER.unpack_from(data)[index] for index in (3, 7, 8, 9, 10))
    start = _ZIP_HEADER.size + name + extra
    if method == _DEFLATED:
        return _inflate("zip", data[start:], -15, most, whole)
    if method != _STORED or not packed:
        raise ValueError(f"the archive's method {method} is not known")
    content = data[start : start + min(packed, most)]
    return Unpacked("zip", content, len(content) == packed)


def _unsnap(chunk: bytes) -> bytes:
    """One chunk; ValueError where it lies, or claims to hold more than a chunk may."""
    import cramjam

    try:
        if cramjam.snappy.decompress_raw_len(chunk) > _LARGEST_CHUNK:
            raise ValueError("a chunk of Snappy claims to be larger than any is")
        return bytes(cramjam.snappy.decompress_raw(chunk))
    except cramjam.DecompressionError as problem:
        raise ValueError(str(problem)) from None


def _unsnap_frames(data: bytes, most: int, whole: bool) -> Unpacked:
    """Snappy's own framing format: chunks of a kind, a length of three bytes and a checksum."""
    content, at = io.BytesIO(), 0
    while at + 4 <= len(data) and content.tell() < most:
        kind, length = data[at], int.from_bytes(data[at + 1 : at + 4], "little")
        chunk = data[at + 4 : at + 4 + length]
        if len(chunk) < length:
            break
        if kind == 0:
            content.write(_unsnap(chunk[4:]))
        elif kind == 1:
            content.write(chunk[4:])
        at += 4 + length
    return Unpacked("snappy", content.getvalue()[:most], whole and at == len(data) and content.tell() <= most)


def _unpack_lz4(chunk: bytes, left: int) -> bytes:
    """One chunk of a block of which `left` bytes are still to come."""
    import cramjam

    if left > _LARGEST_CHUNK:
        raise ValueError("a block of LZ4 claims to be larger than any is")
    try:
        return bytes(cramjam.lz4.decompress_block(chunk, output_len=left))
    except cramjam.DecompressionError as problem:
        raise ValueError(str(problem)) from None


def _unpack_lz4_frames(data: bytes, most: int, whole: bool) -> Unpacked:
    """LZ4's own framing format."""
    import pyarrow as pa

    content = bytearray()
    with pa.CompressedInputStream(pa.BufferReader(data), "lz4") as stream:
        try:
            while len(content) <= most and (piece := stream.read(1 << 16)):
                content += piece
        except OSError:
            if whole or not content:  # it lies, or breaks off
                raise
    return Unpacked("lz4", bytes(content[:most]), whole and len(content) <= most)


def _unpack_hadoop(
    kind: str, data: bytes, most: int, whole: bool, unpack_chunk: Callable[[bytes, int], bytes]
) -> Unpacked:
    """Hadoop's blocks: how long one is without compression, then its chunks, each with its length."""
    content, at = io.BytesIO(), 0
    while at + 8 <= len(data) and content.tell() < most:
        (block,) = struct.unpack_from(">I", data, at)
        end, at = content.tell() + block, at + 4
        while content.tell() < end and content.tell() < most:
            if at + 4 > len(data):
                return Unpacked(kind, content.getvalue()[:most], False)
            (length,) = struct.unpack_from(">I", data, at)
            chunk = data[at + 4 : at + 4 + length]
            if len(chunk) < length:
                return Unpacked(kind, content.getvalue()[:most], False)
            content.write(unpack_chunk(chunk, end - content.tell()))
            at += 4 + length
    return Unpacked(kind, content.getvalue()[:most], whole and at == len(data) and content.tell() <= most)
