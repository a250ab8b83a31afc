"""SQL for a row as a line of text: JSON, or columns between delimiters."""

from __future__ import annotations

import json

from clary.queries.layout import Layout
from clary.tables.duck_types import literal, to_duck
from clary.tables.hive_types import HiveType

_LEVELS = "\x02\x03\x04\x05\x06\x07\x08"


def line_of(layout: Layout) -> str:
    """The line of a row whose columns are c0, c1 ..."""
    values = [f"CAST(c{number} AS {to_duck(kind)})" for number, (_, kind) in enumerate(layout.data)]
    if layout.format == "JSON":
        return _json_object([(name, value, kind) for value, (name, kind) in zip(values, layout.data, strict=True)])
    null = literal(layout.properties.get("serialization.null.format", "\\N"))
    escape = layout.properties.get("escape.delim", "")
    texts = [
        f"coalesce({_escaped(_text(value, kind, 0), escape, layout.field_delimiter, kind)}, {null})"
        for value, (_, kind) in zip(values, layout.data, strict=True)
    ]
    return f"concat_ws({literal(layout.field_delimiter)}, {', '.join(texts)})"


def _json_object(fields: list[tuple[str, str, HiveType]], depth: int = 0) -> str:
    parts = [f"{literal(json.dumps(name) + ':')} || {_json(value, kind, depth)}" for name, value, kind in fields]
    return "'{' || " + " || ',' || ".join(parts) + " || '}'"


def _json(value: str, hive: HiveType, depth: int = 0) -> str:
    """The JSON text of a value as Hive's SerDe writes it; decimals with all their digits."""
    item = f"x{depth}"
    match hive.name:
        case "decimal":
            text = f"clary_decimal_text({value})"
        case "timestamp":
            text = f"'\"' || strftime({value}, '%Y-%m-%d %H:%M:%S.%g') || '\"'"
        case "binary":
            text = f"'\"' || to_base64({value}) || '\"'"
        case "array":
            text = _listed(value, f"lambda {item}: {_json(item, hive.children[0], depth + 1)}", "[]")
        case "map":
            key = f"to_json({_json_key(f'{item}.key', hive.children[0])})"
            pair = f"{key} || ':' || {_json(f'{item}.value', hive.children[1], depth + 1)}"
            text = _listed(f"map_entries({value})", f"lambda {item}: {pair}", "{}")
        case "struct":
            fields = [
                (name, f"struct_extract({value}, {literal(name)})", kind)
                for name, kind in zip(hive.names, hive.children, strict=True)
            ]
            text = f"CASE WHEN {value} IS NOT NULL THEN {_json_object(fields, depth)} END"
        case _:
            text = f"CAST(to_json({value}) AS VARCHAR)"
    return f"coalesce({text}, 'null')"


def _json_key(value: str, hive: HiveType) -> str:
    return f"clary_decimal_text({value})" if hive.name == "decimal" else f"CAST({value} AS VARCHAR)"


def _listed(items: str, text: str, brackets: str) -> str:
    texts = f"array_to_string(list_transform({items}, {text}), ',')"
    return f"CASE WHEN {items} IS NOT NULL THEN '{brackets[0]}' || coalesce({texts}, '') || '{brackets[1]}' END"


def _text(value: str, hive: HiveType, depth: int) -> str:
    """The value as LazySimpleSerDe writes it."""
    item = f"x{depth}"

    def inner(value: str, kind: HiveType, deeper: int) -> str:
        return f"coalesce({_text(value, kind, depth + deeper)}, '\\N')"

    match hive.name:
        case "float" | "double":
            return f"clary_double_text({value})"
        case "decimal":
            return f"clary_decimal_text({value})"
        case "timestamp":
            return f"strftime({value}, '%Y-%m-%d %H:%M:%S.%g')"
        case "binary":
            return f"to_base64({value})"
        case "array":
            return _joined(value, f"lambda {item}: {inner(item, hive.children[0], 1)}", _LEVELS[depth])
        case "map":
            key, held = inner(f"{item}.key", hive.children[0], 2), inner(f"{item}.value", hive.children[1], 2)
            pair = f"{key} || {literal(_LEVELS[depth + 1])} || {held}"
            return _joined(f"map_entries({value})", f"lambda {item}: {pair}", _LEVELS[depth])
        case "struct":
            fields = [
                inner(f"struct_extract({value}, {literal(name)})", kind, 1)
                for name, kind in zip(hive.names, hive.children, strict=True)
            ]
            return f"CASE WHEN {value} IS NOT NULL THEN concat_ws({literal(_LEVELS[depth])}, {', '.join(fields)}) END"
    return f"CAST({value} AS VARCHAR)"


def _joined(items: str, text: str, sign: str) -> str:
    """The texts of a list's items with a sign between them, NULL for no list."""
    texts = f"array_to_string(list_transform({items}, {text}), {literal(sign)})"
    return f"CASE WHEN {items} IS NOT NULL THEN coalesce({texts}, '') END"


def _escaped(text: str, escape: str, delimiter: str, hive: HiveType) -> str:
    """Signs that would end the column, after the escape; only where the table has one."""
    if not escape or to_duck(hive) != "VARCHAR":
        return text
    for sign in (escape, delimiter):
        text = f"replace({text}, {literal(sign)}, {literal(escape + sign)})"
    return text
