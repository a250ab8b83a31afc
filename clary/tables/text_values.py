"""SQL that reads a column from text: leniently, as LazySimpleSerDe does (a bad value is null), or strictly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clary.tables.duck_types import literal, quote, to_duck
from clary.tables.hive_types import HiveType

_WHOLE = r"[+-]?\d+"
_CUT = _WHOLE + r"(\.\d*)?"
_DECIMAL = r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"
_INTEGERS = ("tinyint", "smallint", "int", "bigint")


class Delimiters(NamedTuple):
    """The signs between items of a collection by the depth of nesting, and that between a map's key and value."""

    levels: Sequence[str]

    def at(self, depth: int) -> str:
        """The sign of a level; Hive has no more than eight."""
        return self.levels[depth] if depth < len(self.levels) else "\x08"


def lenient(text: str, hive: HiveType) -> str:
    """Null where the text isn't a value of the type; a fraction is cut off, as Hive does."""
    duck = to_duck(hive)
    if hive.name == "varchar":
        return f"left({text}, {hive.arguments[0]})"
    if duck == "VARCHAR":
        return text
    if hive.name in _INTEGERS:
        whole = f"split_part({text}, '.', 1)"
        return f"CASE WHEN regexp_full_match({text}, {literal(_CUT)}) THEN TRY_CAST({whole} AS {duck}) END"
    if hive.name == "boolean":
        return f"CASE lower({text}) WHEN 'true' THEN true WHEN 'false' THEN false END"
    if hive.name in ("float", "double"):
        return f"TRY_CAST(CASE lower({text}) WHEN 'infinity' THEN 'inf' WHEN '-infinity' THEN '-inf' ELSE {text} END AS {duck})"  # noqa: E501
    if hive.name == "decimal":
        return f"CASE WHEN regexp_full_match({text}, {literal(_DECIMAL)}) THEN TRY_CAST({text} AS {duck}) END"
    if hive.name == "binary":
        return f"coalesce(TRY(from_base64({text})), encode({text}))"
    if hive.name == "timestamp":
        # DuckDB reads a zone into a TIMESTAMP without minding it, and a TIMESTAMPTZ five times slower.
        zoned = f"length({text}) > 19 AND ({text}[-6] IN ('+', '-') OR {text}[-5] IN ('+', '-'))"
        instant = f"CAST(TRY_CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP)"
        value = f"CASE WHEN {zoned} THEN {instant} ELSE TRY_CAST({text} AS TIMESTAMP) END"
        return f"CAST(CAST({value} AS TIMESTAMP_MS) AS TIMESTAMP)"
    return f"TRY_CAST({text} AS {duck})"


def strict(text: str, hive: HiveType, position: int) -> str:
    """An error that names the value and the column's position where the text isn't a value of the type."""
    if to_duck(hive) == "VARCHAR":
        return lenient(text, hive)
    value = lenient(text, hive)
    if hive.name in _INTEGERS:  # no fraction here
        value = f"CASE WHEN regexp_full_match({text}, {literal(_WHOLE)}) THEN TRY_CAST({text} AS {to_duck(hive)}) END"
    return f"CASE WHEN {text} IS NULL THEN NULL ELSE coalesce({value}, {_bad(text, hive, position)}) END"


def strict_csv(text: str, hive: HiveType, position: int) -> str:
    """As OpenCSVSerde: dates are days and timestamps milliseconds since 1970, unless they are written out."""
    number = f"TRY_CAST(CASE WHEN regexp_full_match({text}, {literal(_WHOLE)}) THEN {text} END AS BIGINT)"
    if hive.name == "date":
        value = f"coalesce(DATE '1970-01-01' + CAST({number} AS INTEGER), TRY_CAST({text} AS DATE))"
    elif hive.name == "timestamp":
        value = f"coalesce(CAST(epoch_ms({number}) AS TIMESTAMP), {lenient(text, hive)})"
    else:
        return strict(text, hive, position)
    return f"CASE WHEN {text} IS NULL THEN NULL ELSE coalesce({value}, {_bad(text, hive, position)}) END"


def strict_openx(text: str, hive: HiveType, position: int) -> str:
    """As OpenX's JsonSerDe: timestamps may be numbers: seconds since 1970, milliseconds from 13 digits on.

    Source: Trino's `OpenXJsonDeserializer.parseTimestamp`.
    """
    if hive.name != "timestamp":
        return strict(text, hive, position)
    written = lenient(text, hive)
    whole = f"CAST({text} AS BIGINT) * CASE WHEN length({text}) >= 13 THEN 1 ELSE 1000 END"
    parts = f"CAST(trunc(CAST({text} AS DECIMAL(27,9)) * 1000) AS BIGINT)"
    value = (
        f"CASE WHEN contains({text}, ':') THEN {written} "
        f"WHEN regexp_full_match({text}, '[-+]?\\d{{1,15}}') THEN CAST(epoch_ms({whole}) AS TIMESTAMP) "
        f"WHEN regexp_full_match({text}, '[-+]?\\d{{1,12}}\\.\\d{{1,9}}') THEN CAST(epoch_ms({parts}) AS TIMESTAMP) "
        f"ELSE {written} END"
    )
    return f"CASE WHEN {text} IS NULL THEN NULL ELSE coalesce({value}, {_bad(text, hive, position)}) END"


def _bad(text: str, hive: HiveType, position: int) -> str:
    message = f"'HIVE_BAD_DATA: Error parsing field value ''' || {text} || ''' for field {position}: For input string: \"' || {text} || '\"'"  # noqa: E501
    return f"CAST(error({message}) AS {to_duck(hive)})"


def delimited(text: str, hive: HiveType, delimiters: Delimiters, null: str, depth: int = 1) -> str:
    """The same for nested types, whose items stand between the signs of their depth; leniently."""
    if hive.name not in ("array", "map", "struct"):
        value = f"nullif({text}, {literal(null)})"
        return lenient(value, hive)
    between = literal(delimiters.at(depth))
    item = f"x{depth}"
    if hive.name == "array":
        value = delimited(item, hive.children[0], delimiters, null, depth + 1)
        whole = f"list_transform(string_split({text}, {between}), lambda {item}: {value})"
        whole = f"CASE WHEN {text} = '' THEN [] ELSE {whole} END"
    elif hive.name == "map":
        whole = _delimited_map(text, hive, delimiters, null, depth)
    else:
        items = [f"string_split({text}, {between})[{number}]" for number in range(1, len(hive.names) + 1)]
        parts = [
            f"{quote(name)} := {delimited(part, child, delimiters, null, depth + 1)}"
            for name, child, part in zip(hive.names, hive.children, items, strict=True)
        ]
        whole = f"struct_pack({', '.join(parts)})"
    return f"CASE WHEN {text} IS NOT NULL AND {text} != {literal(null)} THEN {whole} END"


def _delimited_map(text: str, hive: HiveType, delimiters: Delimiters, null: str, depth: int) -> str:
    item, sign = f"x{depth}", literal(delimiters.at(depth + 1))
    key = delimited(f"split_part({item}, {sign}, 1)", hive.children[0], delimiters, null, depth + 2)
    rest = f"CASE WHEN contains({item}, {sign}) THEN substr({item}, strpos({item}, {sign}) + 1) END"
    value = delimited(f"({rest})", hive.children[1], delimiters, null, depth + 2)
    entries = f"list_transform(string_split({text}, {literal(delimiters.at(depth))}), lambda {item}: struct_pack(k := {key}, v := {value}))"  # noqa: E501
    kept = f"list_filter({entries}, lambda e{depth}: e{depth}.k IS NOT NULL)"
    once = f"list_filter({kept}, lambda e{depth}, i{depth}: i{depth} = list_position(list_transform({kept}, lambda f{depth}: f{depth}.k), e{depth}.k))"  # noqa: E501
    return f"CASE WHEN {text} = '' THEN MAP() ELSE map_from_entries({once}) END"
