"""Parquet, ORC and Avro: the columns that a file's own schema tells, read from its footer or header alone."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from clary.errors import ClientError
from clary.tables.hive_types import HiveType, from_arrow
from clary.tables.infer_schema import Schema
from clary.tables.infer_types import Column, from_struct, lower_names

_COUNTED = 1 << 20
_AVRO_PLAIN = {
    "null": "string",
    "boolean": "boolean",
    "int": "int",
    "long": "bigint",
    "float": "float",
    "double": "double",
    "bytes": "binary",
    "fixed": "binary",
    "string": "string",
    "enum": "string",
}
_AVRO_LOGICAL = {
    "date": "date",
    "timestamp-millis": "timestamp",
    "timestamp-micros": "timestamp",
    "local-timestamp-millis": "timestamp",
    "local-timestamp-micros": "timestamp",
    "time-millis": "int",
    "time-micros": "bigint",
}


def infer_parquet(file: BinaryIO, size: int) -> Schema:  # noqa: ARG001
    """The schema in a Parquet file's footer; pyarrow's errors where the footer lies."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(file)
    schema = metadata.schema.to_arrow_schema()
    columns = [Column(field.name.lower(), _from_arrow(field.type)) for field in schema]
    return Schema("parquet", columns, library="ParquetHiveSerDe", serde=_serialized(), records=metadata.num_rows)


def infer_orc(file: BinaryIO, size: int) -> Schema:  # noqa: ARG001
    """The schema in an ORC file's footer."""
    from pyarrow import PythonFile, orc

    found = orc.ORCFile(PythonFile(file, mode="r"))
    columns = [Column(field.name.lower(), _from_arrow(field.type)) for field in found.schema]
    return Schema("orc", columns, library="OrcSerde", serde=_serialized(), records=found.nrows)


def infer_avro(file: BinaryIO, size: int) -> Schema:
    """The schema in an Avro file's header; the records are estimated from its first blocks."""
    import fastavro

    try:
        reader = fastavro.block_reader(file)
    except fastavro.schema.SchemaParseException as problem:
        raise ClientError(f"the schema in its header is none: {problem}") from None
    written: Any = reader.writer_schema
    kind = _from_avro(written, {}, 0)
    if kind.name != "struct":
        raise ClientError(f"the file holds values of {kind}, not records")
    columns = from_struct(lower_names(kind))
    literal = {"avro.schema.literal": json.dumps(_without_marks(written), separators=(",", ":"))}
    schema = Schema("avro", columns, parameters=literal, library="AvroSerDe", serde={**_serialized(), **literal})
    for block in reader:
        schema.records += block.num_records
        if file.tell() > _COUNTED:
            schema.records = schema.records * size // file.tell()
            break
    return schema


def _serialized() -> dict[str, str]:
    return {"serialization.format": "1"}


def _from_arrow(kind: Any) -> HiveType:
    """The Hive type; string where Hive has none."""
    try:
        return lower_names(from_arrow(kind))
    except ClientError:
        return HiveType("string")


def _from_avro(schema: Any, named: dict[str, HiveType], depth: int) -> HiveType:
    """The Hive type of an Avro schema; a union with null is the other type, any other union a string."""
    if depth > 64:
        raise ClientError("the schema is deeper than 64 levels")
    if isinstance(schema, list):
        others = [member for member in schema if member != "null"]
        return _from_avro(others[0], named, depth + 1) if len(others) == 1 else HiveType("string")
    if isinstance(schema, str):
        return named.get(schema) or HiveType(_AVRO_PLAIN.get(schema, "string"))
    logical, name = schema.get("logicalType"), schema["type"]
    if logical == "decimal" and schema.get("precision", 39) <= 38:
        return HiveType("decimal", (schema["precision"], schema.get("scale", 0)))
    if logical in _AVRO_LOGICAL:
        return HiveType(_AVRO_LOGICAL[logical])
    if name == "array":
        return HiveType("array", children=(_from_avro(schema["items"], named, depth + 1),))
    if name == "map":
        return HiveType("map", children=(HiveType("string"), _from_avro(schema["values"], named, depth + 1)))
    if name == "record":
        named[schema["name"]] = HiveType("string")  # a record within itself: Hive knows no such type
        fields = schema["fields"]
        children = tuple(_from_avro(field["type"], named, depth + 1) for field in fields)
        found = HiveType("struct", children=children, names=tuple(field["name"] for field in fields))
        named[schema["name"]] = found
        return found
    if isinstance(name, dict | list):
        return _from_avro(name, named, depth + 1)
    return HiveType(_AVRO_PLAIN.get(name, "string"))


def _without_marks(schema: Any) -> Any:
    """The schema without what fastavro notes in it for itself."""
    if isinstance(schema, list):
        return [_without_marks(member) for member in schema]
    if isinstance(schema, dict):
        return {key: _without_marks(value) for key, value in schema.items() if not key.startswith("__")}
    return schema
