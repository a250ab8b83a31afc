"""Files that take batches of rows: lines of text or JSON, ORC, Avro."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from clary.errors import ClientError
from clary.tables.hive_types import HiveType

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 1 << 17  # of what Hadoop compresses at once
SUFFIXES = {"NONE": "", "GZIP": ".gz", "BZIP2": ".bz2", "ZSTD": ".zst", "SNAPPY": ".snappy", "LZ4": ".lz4"}
"""What the names of compressed text files end with."""
_ARROW = {"GZIP": "gzip", "BZIP2": "bz2", "ZSTD": "zstd"}
_AVRO = {
    "NONE": "null",
    "DEFLATE": "deflate",
    "GZIP": "deflate",
    "ZLIB": "deflate",
    "SNAPPY": "snappy",
    "BZIP2": "bzip2",
}


class Sink(Protocol):
    """An open file."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Take the rows."""

    def close(self) -> None:
        """Finish the file."""


class LinesSink:
    """Batches of one column of texts, a line each with its end."""

    def __init__(self, path: Path, compression: str) -> None:
        self._file = path.open("wb")
        self._out: Any = self._file
        if compression in _ARROW:
            import pyarrow as pa

            self._out = pa.CompressedOutputStream(pa.PythonFile(self._file), _ARROW[compression])
        elif compression in ("SNAPPY", "LZ4"):
            self._out = _HadoopBlocks(self._file, compression)

    def write(self, batch: pa.RecordBatch) -> None:
        """Take the rows."""
        import pyarrow as pa

        lines = batch.column(0).cast(pa.large_binary())
        offsets = memoryview(lines.buffers()[1]).cast("q")
        first, end = offsets[lines.offset], offsets[lines.offset + len(lines)]
        self._out.write(lines.buffers()[2].slice(first, end - first))

    def close(self) -> None:
        """Finish the file."""
        if self._out is not self._file:
            self._out.close()
        self._file.close()


class _HadoopBlocks:
    """Hadoop's framing of snappy and LZ4: the size of a block, then its stored size, then the block."""

    def __init__(self, file: IO[bytes], compression: str) -> None:
        import cramjam

        self._file = file
        compress = {"SNAPPY": cramjam.snappy.compress_raw, "LZ4": cramjam.lz4.compress_block}[compression]
        options = {} if compression == "SNAPPY" else {"store_size": False}
        self._compress: Callable[[bytes], Any] = lambda data: compress(data, **options)

    def write(self, data: Any) -> None:
        view = memoryview(data)
        for start in range(0, len(view), _BLOCK):
            block = bytes(view[start : start + _BLOCK])
            stored = bytes(self._compress(block))
            self._file.write(struct.pack(">II", len(block), len(stored)) + stored)

    def close(self) -> None:
        """Nothing is held back."""


class OrcSink:
    """ORC by Arrow's writer."""

    def __init__(self, path: Path, compression: str) -> None:
        from pyarrow import orc

        name = {"NONE": "uncompressed", "GZIP": "zlib"}.get(compression, compression.lower())
        self._writer = orc.ORCWriter(str(path), compression=name)

    def write(self, batch: pa.RecordBatch) -> None:
        """Take the rows."""
        import pyarrow as pa

        self._writer.write(pa.Table.from_batches([batch]))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


class AvroSink:
    """Avro by fastavro."""

    def __init__(self, path: Path, compression: str, columns: Iterable[tuple[str, HiveType]]) -> None:
        from fastavro.write import Writer

        columns = list(columns)
        schema = {"type": "record", "name": "topLevelRecord", "fields": _fields(columns, "topLevelRecord")}
        self._shape = _shaper(
            HiveType("struct", (), tuple(kind for _, kind in columns), tuple(name for name, _ in columns))
        )
        self._file = path.open("wb")
        self._writer = Writer(self._file, schema, codec=_AVRO[compression])

    def write(self, batch: pa.RecordBatch) -> None:
        """Take the rows."""
        for record in batch.to_pylist(maps_as_pydicts="strict"):
            self._writer.write(self._shape(record))

    def close(self) -> None:
        """Finish the file."""
        self._writer.flush()
        self._file.close()


_OF_HIVE: dict[str, Any] = {
    "boolean": "boolean",
    "tinyint": "int",
    "smallint": "int",
    "int": "int",
    "bigint": "long",
    "float": "float",
    "double": "double",
    "binary": "bytes",
    "date": {"type": "int", "logicalType": "date"},
    "timestamp": {"type": "long", "logicalType": "timestamp-millis"},
}


def _fields(columns: Iterable[tuple[str, HiveType]], place: str) -> list[dict[str, Any]]:
    return [{"name": name, "type": ["null", _avro(kind, f"{place}_{name}")], "default": None} for name, kind in columns]


def _avro(hive: HiveType, place: str) -> Any:
    """The Avro type; records are named by their place."""
    match hive.name:
        case "decimal":
            precision, scale = hive.arguments
            return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
        case "array":
            return {"type": "array", "items": ["null", _avro(hive.children[0], f"{place}_item")]}
        case "map":
            if hive.children[0].name not in ("string", "varchar", "char"):
                raise ClientError(f"NOT_SUPPORTED: Avro has no type for {hive}: its keys must be strings")
            return {"type": "map", "values": ["null", _avro(hive.children[1], f"{place}_value")]}
        case "struct":
            fields = _fields(zip(hive.names, hive.children, strict=True), place)
            return {"type": "record", "name": place, "fields": fields}
    return _OF_HIVE.get(hive.name, "string")


def _shaper(hive: HiveType) -> Callable[[Any], Any]:
    """fastavro takes a timestamp without a zone for local time."""
    if hive.name == "timestamp":
        from datetime import UTC

        return lambda held: held and held.replace(tzinfo=UTC)
    if hive.name == "array":
        item = _shaper(hive.children[0])
        return lambda held: None if held is None else [item(value) for value in held]
    if hive.name == "map":
        value_of = _shaper(hive.children[1])
        return lambda held: None if held is None else {key: value_of(value) for key, value in held.items()}
    if hive.name == "struct":
        shapes = dict(zip(hive.names, map(_shaper, hive.children), strict=True))
        return lambda held: None if held is None else {name: shapes[name](value) for name, value in held.items()}
    return lambda held: held
