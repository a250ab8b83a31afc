"""Compressed files: gzip, zip, and snappy in its own framing and in Hadoop's."""

import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

EXTENSIONS = {"UNCOMPRESSED": "", "GZIP": ".gz", "ZIP": ".zip", "Snappy": ".snappy", "HADOOP_SNAPPY": ".snappy"}

_HADOOP_BLOCK = 256 * 1024
_LEVEL = 6


def open_compressed(path: Path, compression: str, name: str) -> BinaryIO:
    """A new file that compresses what is written to it; `name` is that of a zip's only entry."""
    if compression == "GZIP":
        return gzip.GzipFile(path, "xb", _LEVEL, mtime=0)  # type: ignore[return-value]
    if compression == "ZIP":
        return _Zip(path, name)  # type: ignore[return-value]
    if compression == "Snappy":
        return _Snappy(path)  # type: ignore[return-value]
    if compression == "HADOOP_SNAPPY":
        return _HadoopSnappy(path)  # type: ignore[return-value]
    return path.open("xb")


class _Zip:
    def __init__(self, path: Path, name: str) -> None:
        self._archive = zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED)
        entry = zipfile.ZipInfo(name.removesuffix(".zip"))
        entry.compress_type = zipfile.ZIP_DEFLATED
        self._entry = self._archive.open(entry, "w", force_zip64=True)

    def write(self, data: bytes | memoryview) -> None:
        self._entry.write(data)

    def close(self) -> None:
        self._entry.close()
        self._archive.close()


class _Snappy:
    """The framing format of https://github.com/google/snappy."""

    def __init__(self, path: Path) -> None:
        import cramjam

        self._compressor = cramjam.snappy.Compressor()
        self._file = path.open("xb")
        self._pending = 0

    def write(self, data: bytes | memoryview) -> None:
        self._pending += self._compressor.compress(bytes(data))
        if self._pending >= _HADOOP_BLOCK:
            self._file.write(self._compressor.flush())
            self._pending = 0

    def close(self) -> None:
        self._file.write(self._compressor.finish())
        self._file.close()


class _HadoopSnappy:
    """Blocks, each after its length before and after compression."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._pending = io.BytesIO()

    def write(self, data: bytes | memoryview) -> None:
        self._pending.write(data)
        if self._pending.tell() >= _HADOOP_BLOCK:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        import cramjam

        content = memoryview(self._pending.getvalue())
        for start in range(0, len(content), _HADOOP_BLOCK):
            block = content[start : start + _HADOOP_BLOCK]
            packed = bytes(cramjam.snappy.compress_raw(bytes(block)))
            self._file.write(struct.pack(">II", len(block), len(packed)) + packed)
        self._pending = io.BytesIO()
