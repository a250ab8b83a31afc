"""JSON, an object a line: OpenX's JsonSerDe and Hive's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from clary.tables.duck_types import literal, literals, quote, to_duck
from clary.tables.hive_types import HiveType
from clary.tables.lines import line_stream
from clary.tables.serde import ReadColumn, Relation, Scan, TableFile
from clary.tables.serde_delimited import skipped_lines
from clary.tables.text_values import strict, strict_openx

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_NESTED = ("array", "map", "struct")
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def scan_json(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[TableFile],
    columns: Sequence[ReadColumn],
    parameters: Mapping[str, str],
    value_of: Callable[..., str] = strict,
) -> Scan:
    """The members of the objects, nested ones with their declared types; blank lines are no rows.

    A line that is no object is an error, or a row of nulls under `ignore.malformed.json`; a value that isn't of its
    column's type is an error.
    """
    import pyarrow as pa

    folds = parameters.get("case.insensitive", "true").lower() != "false"
    dots = parameters.get("dots.in.keys", "false").lower() == "true"
    openx = value_of is strict_openx
    row = None if openx else _row(columns)  # OpenX folds every key, those of maps too; Hive those of fields alone
    normalise = _normaliser(row, folds=folds, dots=dots)
    stream = line_stream(files, pa.string(), normalise, **skipped_lines(parameters))
    connection.register(name, stream)
    plain = [column for column in columns if column.type.name not in _NESTED]
    nested = [column for column in columns if column.type.name in _NESTED]

    def paths(group: list[ReadColumn]) -> str:
        keys = [parameters.get(f"mapping.{column.name}", column.name) for column in group]
        return literals([_path(key.lower() if folds else key) for key in keys])

    line = _checked("payload", ignore=parameters.get("ignore.malformed.json", "false").lower() == "true")
    parts = ["file_index"]
    if plain:
        parts.append(f"json_extract_string(line, {paths(plain)}) AS plain")
    if nested:
        parts.append(f"json_extract(line, {paths(nested)}) AS nested")
    lines = f"(SELECT file_index, {line} AS line FROM {quote(name)} WHERE payload != '')"  # noqa: S608
    sql = f"(SELECT {', '.join(parts)} FROM {lines})"  # noqa: S608
    if nested:
        made = [_texts(f"nested[{at}]", column, lone=openx) + f" AS nested_{at}" for at, column in enumerate(nested, 1)]
        sql = f"(SELECT *, {', '.join(made)} FROM {sql})"  # noqa: S608
    read = {
        column.name: value_of(f"plain[{number}]", column.type, column.position)
        for number, column in enumerate(plain, 1)
    }
    for number, column in enumerate(nested, 1):
        read[column.name] = _typed(f"nested_{number}", column.type, partial(value_of, position=column.position))
    return Scan([Relation(sql, files, read)], sum(file.size for file in files))


def scan_openx(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[TableFile],
    columns: Sequence[ReadColumn],
    parameters: Mapping[str, str],
) -> Scan:
    """The same as OpenX's SerDe reads it."""
    return scan_json(connection, name, files, columns, parameters, strict_openx)


def _path(key: str) -> str:
    return '$."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _checked(line: str, *, ignore: bool) -> str:
    """The line where it holds an object."""
    start = f"left({line}, 100)"
    problem = f"error('HIVE_CURSOR_ERROR: Row is not a valid JSON Object: ' || {start})"
    otherwise = "NULL" if ignore else f"CAST({problem} AS VARCHAR)"
    return f"CASE WHEN json_valid({line}) AND json_type({line}) = 'OBJECT' THEN {line} ELSE {otherwise} END"


def _texts(value: str, column: ReadColumn, *, lone: bool) -> str:
    """The value in the shape of its type, with text for all that isn't nested; `lone`: no array is an array of one."""
    wanted = "ARRAY" if column.type.name == "array" else "OBJECT"
    problem = f"'HIVE_BAD_DATA: Error parsing field value ''' || left({value}, 100) || ''' for field {column.position}'"
    otherwise = f"json_array({value})" if lone and wanted == "ARRAY" else f"CAST(error({problem}) AS JSON)"
    fits = f"coalesce(json_type({value}), 'NULL') IN ('{wanted}', 'NULL')"
    shape = literal(json.dumps(_shape(column.type)))
    return f"json_transform(CASE WHEN {fits} THEN {value} ELSE {otherwise} END, {shape})"


def _shape(hive: HiveType) -> Any:
    """The type as DuckDB's json_transform takes it."""
    if hive.name == "array":
        return [_shape(hive.children[0])]
    if hive.name == "struct":
        return {name: _shape(child) for name, child in zip(hive.names, hive.children, strict=True)}
    return to_duck(_of_texts(hive))


def _of_texts(hive: HiveType) -> HiveType:
    """The type with strings for all that isn't nested."""
    if hive.name not in _NESTED:
        return HiveType("string")
    return replace(hive, children=tuple(map(_of_texts, hive.children)))


def _typed(value: str, hive: HiveType, value_of: Callable[[str, HiveType], str], depth: int = 0) -> str:
    """The value of its type out of one with texts."""
    if hive == _of_texts(hive):
        return value
    if hive.name not in _NESTED:
        return value_of(value, hive)
    item = f"x{depth}"

    def listed(items: str, kind: HiveType) -> str:
        return f"list_transform({items}, lambda {item}: {_typed(item, kind, value_of, depth + 1)})"

    if hive.name == "array":
        return listed(value, hive.children[0])
    if hive.name == "map":
        keys, values = listed(f"map_keys({value})", hive.children[0]), listed(f"map_values({value})", hive.children[1])
        return f"CASE WHEN {value} IS NOT NULL THEN map({keys}, {values}) END"
    fields = [
        f"{quote(name)} := {_typed(f'struct_extract({value}, {literal(name)})', child, value_of, depth)}"
        for name, child in zip(hive.names, hive.children, strict=True)
    ]
    return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({', '.join(fields)}) END"


def _row(columns: Sequence[ReadColumn]) -> HiveType:
    """The columns as the fields of one struct."""
    names = tuple(column.name.lower() for column in columns)
    return HiveType("struct", children=tuple(column.type for column in columns), names=names)


def _normaliser(row: HiveType | None, *, folds: bool, dots: bool) -> Callable[[pa.StringArray], pa.StringArray]:
    """Writes keys in lower case, or with _ for points; only lines that may have such keys are taken apart.

    The keys of what is a map in the `row` stay as they are.
    """
    sign = "".join(["A-Z\\x{80}-\\x{10FFFF}\\\\" if folds else "", "." if dots else ""])
    suspicious = f'"[^"]*[{sign}][^"]*"\\s*:' if sign else ""

    def name(key: str) -> str:
        key = key.lower() if folds else key
        return key.replace(".", "_") if dots else key

    def rename(value: Any, hive: HiveType | None) -> Any:
        if isinstance(value, list):
            return [rename(item, hive.children[0] if hive and hive.name == "array" else None) for item in value]
        if not isinstance(value, dict):
            return value
        if hive and hive.name == "map":
            return {key: rename(item, hive.children[1]) for key, item in value.items()}
        types = dict(zip(hive.names, hive.children, strict=True)) if hive and hive.name == "struct" else {}
        return {(known := name(key)): rename(item, types.get(known)) for key, item in value.items()}

    def rewrite(line: str) -> str:
        try:
            return _encoder.encode(rename(_decoder.decode(line), row)).decode()
        except (msgspec.DecodeError, RecursionError):
            return line  # it is told as malformed later

    def normalise(lines: pa.StringArray) -> pa.StringArray:
        import pyarrow as pa
        import pyarrow.compute as pc

        lines = pc.utf8_trim_whitespace(lines)
        if not suspicious:
            return lines
        found = pc.match_substring_regex(lines, suspicious)
        if not pc.any(found).as_py():
            return lines
        rewritten = pa.array([rewrite(line) for line in lines.filter(found).to_pylist()], pa.string())
        return pc.replace_with_mask(lines, found, rewritten)

    return normalise
