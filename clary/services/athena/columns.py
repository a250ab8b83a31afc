"""The columns of a result: as GetQueryResults tells them, and as the file beside the result does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from clary.formats.protobuf import VARINT, encode_field, encode_varint

_CATALOG = "hive"
_UNKNOWN = 3  # whether there may be nulls
_MOST_VARCHAR, _MOST_VARBINARY = 2147483647, 1073741824

# type: precision. What isn't here has none.
_PRECISIONS = {
    "tinyint": 3,
    "smallint": 5,
    "integer": 10,
    "bigint": 19,
    "double": 17,
    "float": 17,
    "timestamp": 3,
    "timestamp with time zone": 3,
    "time": 3,
    "time with time zone": 3,
    "varbinary": _MOST_VARBINARY,
}
# Of these the file tells neither precision nor scale, of the second kind not the case either.
_CASED_ONLY = ("boolean", "interval day to second", "interval year to month")
_SILENT = ("array", "map", "row", "json", "string", "uuid", "ipaddress")


def column_info(columns: Iterable[Sequence[str]], *, lines: bool = False) -> list[dict[str, Any]]:
    """ColumnInfo of each column (name, Trino's type); a result in `lines` has texts without a length."""
    return [_info(name, type_, lines) for name, type_ in columns]


def _info(name: str, text: str, lines: bool) -> dict[str, Any]:
    base, precision, scale = _measure(text)
    return {
        "CatalogName": _CATALOG,
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": base,
        "Precision": 0 if lines else precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": base in ("varchar", "char") and not lines,
    }


def _measure(text: str) -> tuple[str, int, int]:
    """timestamp(3) with time zone -> its name, precision and scale as JDBC has them."""
    head, opening, rest = text.partition("(")
    inside, _, tail = rest.rpartition(")")
    base = f"{head.strip()} {tail.strip()}".strip() if opening else text
    base = "float" if base == "real" else base
    if base == "decimal":
        precision, _, scale = inside.partition(",")
        return base, int(precision or 38), int(scale or 0)
    if base in ("varchar", "char"):
        return base, int(inside) if inside else _MOST_VARCHAR if base == "varchar" else 1, 0
    return base, _PRECISIONS.get(base, 0), 0


def encode_metadata(id_: str, info: Iterable[dict[str, Any]], update: tuple[str, int] | None = None) -> bytes:
    """The .metadata file: protobuf with the execution's id, what was updated and how many rows, and the columns.

    Without an official schema; its numbers are those that athena-jdbc reads and that were measured at AWS.
    """
    parts = [_text(1, id_)]
    if update:
        parts += [_text(2, update[0]), _number(3, update[1])]
    parts += [encode_field(4, _column(column)) for column in info]
    return b"".join(parts)


def _column(info: dict[str, Any]) -> bytes:
    kind = info["Type"]
    parts = [_text(1, info["CatalogName"]), _text(4, info["Name"]), _text(5, info["Label"]), _text(6, kind)]
    if kind not in (*_CASED_ONLY, *_SILENT):
        if kind != "date":
            parts.append(_number(7, info["Precision"]))
        parts.append(_number(8, info["Scale"]))
    parts.append(_number(9, _UNKNOWN))
    if kind not in _SILENT:
        parts.append(_number(10, int(info["CaseSensitive"])))
    return b"".join(parts)


def _text(field: int, text: str) -> bytes:
    return encode_field(field, text.encode())


def _number(field: int, number: int) -> bytes:
    return encode_varint(field << 3 | VARINT) + encode_varint(number)
