"""The types of a Glue table's columns as DuckDB names them, and SQL that brings what a file holds to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from clary.tables.hive_types import HiveType

if TYPE_CHECKING:
    import pyarrow as pa

_PLAIN = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "binary": "BLOB",
}
_WIDTH = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}

Mismatch = Callable[[], Exception]


def to_duck(hive: HiveType) -> str:
    """The DuckDB type of a column, as its SQL writes it."""
    if hive.name in _PLAIN:
        return _PLAIN[hive.name]
    children = [to_duck(child) for child in hive.children]
    match hive.name:
        case "decimal":
            return f"DECIMAL({hive.arguments[0]},{hive.arguments[1]})"
        case "array":
            return f"{children[0]}[]"
        case "map":
            return f"MAP({children[0]}, {children[1]})"
        case "struct":
            fields = (f"{quote(name)} {child}" for name, child in zip(hive.names, children, strict=True))
            return f"STRUCT({', '.join(fields)})"
    return "VARCHAR"


def quote(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: list[str]) -> str:
    """A list of strings as SQL writes it."""
    return "[" + ", ".join(map(literal, texts)) + "]"


def adapt(value: str, held: pa.DataType, hive: HiveType, mismatch: Mismatch) -> str:
    """SQL for `value`, of the type that a columnar file holds, as the type that its table declares.

    Numbers only widen, as Athena has it; anything else raises what `mismatch` returns. Timestamps are rounded to
    milliseconds, times of day and durations are the numbers that the file holds of them.
    """
    from pyarrow import types

    value, held = _as_stored(value, held)
    if types.is_null(held):
        return f"CAST(NULL AS {to_duck(hive)})"
    if hive.name in ("array", "map", "struct"):
        return _adapt_nested(value, held, hive, mismatch)
    text = types.is_string(held) or types.is_large_string(held) or types.is_string_view(held)
    blob = types.is_binary(held) or types.is_large_binary(held) or types.is_binary_view(held)
    blob |= types.is_fixed_size_binary(held)
    if hive.name in ("string", "varchar", "char") and (text or blob):
        read = value if text else f"decode({value})"
        return f"left({read}, {hive.arguments[0]})" if hive.name == "varchar" else read
    if hive.name == "binary" and (text or blob):
        return value if blob else f"encode({value})"
    if hive.name == "timestamp" and types.is_timestamp(held):
        plain = f"CAST({value} AS TIMESTAMP)" if held.tz or held.unit == "ns" else value
        return plain if held.unit in ("s", "ms") else f"CAST(CAST({plain} AS TIMESTAMP_MS) AS TIMESTAMP)"
    if not _fits(held, hive):
        raise mismatch()
    return value if _is_same(held, hive) else f"CAST({value} AS {to_duck(hive)})"


def _as_stored(value: str, held: pa.DataType) -> tuple[str, pa.DataType]:
    """A value whose type no table declares, and its type, as the plain one that stands for it."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(held):
        return value, held.value_type
    if types.is_time32(held):
        return f"CAST(epoch_{held.unit}({value}) AS INTEGER)", pa.int32()
    if types.is_time64(held):
        return f"epoch_{held.unit}({value})", pa.int64()
    if types.is_duration(held):
        return value, pa.int64()
    if isinstance(held, pa.UuidType | pa.JsonType):
        return f"CAST({value} AS VARCHAR)", pa.string()
    return value, held.storage_type if isinstance(held, pa.BaseExtensionType) else held


def _is_same(held: pa.DataType, hive: HiveType) -> bool:
    from clary.tables.hive_types import to_arrow

    return bool(held == to_arrow(hive))


def _fits(held: pa.DataType, hive: HiveType) -> bool:
    from pyarrow import types

    if hive.name in _WIDTH and types.is_integer(held):
        unsigned = types.is_unsigned_integer(held)
        if types.is_uint64(held):  # what doesn't fit fails as it is read
            return hive.name == "bigint"
        return bool(held.bit_width + unsigned <= _WIDTH[hive.name])
    if hive.name in ("float", "double"):
        return bool(types.is_floating(held) and held.bit_width <= (32 if hive.name == "float" else 64))
    if hive.name == "decimal":
        return bool(
            types.is_decimal(held)
            and held.scale <= hive.arguments[1]
            and held.precision - held.scale <= hive.arguments[0] - hive.arguments[1]
        )
    matches = {"boolean": types.is_boolean, "date": types.is_date}
    return hive.name in matches and bool(matches[hive.name](held))


def _adapt_nested(value: str, held: pa.DataType, hive: HiveType, mismatch: Mismatch) -> str:
    from pyarrow import types

    if hive.name == "array" and (types.is_list(held) or types.is_large_list(held) or types.is_fixed_size_list(held)):
        item = adapt("x", held.value_type, hive.children[0], mismatch)
        return value if item == "x" else f"list_transform({value}, lambda x: {item})"
    if hive.name == "map" and types.is_map(held):
        key = adapt("x.key", held.key_type, hive.children[0], mismatch)
        item = adapt("x.value", held.item_type, hive.children[1], mismatch)
        if (key, item) == ("x.key", "x.value"):
            return value
        entries = f"list_transform(map_entries({value}), lambda x: struct_pack(k := {key}, v := {item}))"
        return f"map_from_entries({entries})"
    if hive.name == "struct" and types.is_struct(held):
        return _adapt_struct(value, held, hive, mismatch)
    raise mismatch()


def _adapt_struct(value: str, held: pa.DataType, hive: HiveType, mismatch: Mismatch) -> str:
    fields = {held.field(number).name.lower(): held.field(number) for number in range(held.num_fields)}
    parts, changed = [], [name.lower() for name in hive.names] != list(fields)
    for name, child in zip(hive.names, hive.children, strict=True):
        field = fields.get(name.lower())
        if field is None:
            part = f"CAST(NULL AS {to_duck(child)})"
        else:
            plain = f"struct_extract({value}, {literal(field.name)})"
            part = adapt(plain, field.type, child, mismatch)
            changed |= part != plain or field.name != name
        parts.append(f"{quote(name)} := {part}")
    return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({', '.join(parts)}) END" if changed else value
