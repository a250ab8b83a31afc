"""IF, COALESCE, NULLIF, TRY, GREATEST, LEAST, typeof. Source: Trino's documentation, "Conditional expressions"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.sql import tree
from clary.sql.errors import SqlError, refusal
from clary.sql.operators import compare
from clary.sql.typed import NULL, Typed, coerce, text
from clary.sql.types import UNKNOWN, VARCHAR

if TYPE_CHECKING:
    from clary.sql.expressions import ExpressionTranslator

SCALARS: dict[str, list[object]] = {}
MACROS: dict[str, str] = {}
PYTHON: dict[str, object] = {}


def _arguments(translator: ExpressionTranslator, node: tree.Call, least: int, most: int) -> list[Typed]:
    if not least <= len(node.arguments) <= most:
        message = f"Invalid number of arguments for '{node.name}' function"
        raise SqlError("SYNTAX_ERROR", message, node.place)
    return [translator.translate(one) for one in node.arguments]


def _if(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    if not 2 <= len(node.arguments) <= 3:
        raise SqlError("SYNTAX_ERROR", "Invalid number of arguments for 'if' function", node.place)
    condition = translator.condition(node.arguments[0], "IF condition")
    values = [translator.translate(one) for one in node.arguments[1:]]
    values += [NULL] if len(values) == 1 else []
    both = translator.common(values, node.place, "Result types for IF must be the same")
    yes, no = (coerce(one, both) if both != UNKNOWN else "NULL" for one in values)
    return Typed(f"CASE WHEN {condition} THEN {yes} ELSE {no} END", both)


def _coalesce(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _arguments(translator, node, 2, 10_000)
    both = translator.common(values, node.place, "All COALESCE operands must be the same type")
    if both == UNKNOWN:
        return NULL
    return Typed(f"coalesce({', '.join(coerce(one, both) for one in values)})", both)


def _nullif(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    first, second = _arguments(translator, node, 2, 2)
    if UNKNOWN in (first.type, second.type):
        return first
    equal = compare("=", first, second, node.place)
    return Typed(f"CASE WHEN {equal.sql} THEN NULL ELSE {first.sql} END", first.type)


def _try(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    (value,) = _arguments(translator, node, 1, 1)
    if translator.operands[-1].varying(value.sql):
        raise refusal("TRY of a function whose value varies, like random(),", node.place)
    return Typed(f"TRY({value.sql})", value.type) if value.type != UNKNOWN else value


def _extreme(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """The greatest or least of all; NULL if any is NULL; NaN only if all are."""
    values = _arguments(translator, node, 1, 127)
    both = translator.common(values, node.place, f"All {node.name.upper()} operands must be the same type")
    if both == UNKNOWN:
        return NULL
    if both.name in ("map", "row", "array", "json"):
        raise SqlError("FUNCTION_NOT_FOUND", f"Unexpected parameters ({both}) for function {node.name}", node.place)
    texts = [coerce(one, both) for one in values]
    found = f"{node.name}({', '.join(texts)})"
    if both.name in ("real", "double"):
        kept = f"list_filter([{', '.join(texts)}], lambda clary_n: NOT isnan(clary_n))"
        found = f"coalesce(list_{'max' if node.name == 'greatest' else 'min'}({kept}), {texts[0]})"
    nulls = " OR ".join(f"{one} IS NULL" for one in texts)
    return Typed(f"CASE WHEN {nulls} THEN NULL ELSE {found} END", both)


def _typeof(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    (value,) = _arguments(translator, node, 1, 1)
    return Typed(text(str(value.type)), VARCHAR, str(value.type))


def _grouping(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    from clary.sql.types import BIGINT, INTEGER

    values = _arguments(translator, node, 1, 64)
    keys = [translator.operands[-1].placed(one.sql) for one in values]
    if translator.groups is None or any(one not in translator.groups for one in keys):
        message = "The arguments to GROUPING() must be expressions referenced by the GROUP BY"
        raise SqlError("INVALID_ARGUMENTS", message, node.place)
    kind = INTEGER if len(values) < 32 else BIGINT
    return Typed(f"CAST(GROUPING({', '.join(keys)}) AS {'INTEGER' if kind == INTEGER else 'BIGINT'})", kind)


SPECIAL = {
    "if": _if,
    "coalesce": _coalesce,
    "nullif": _nullif,
    "try": _try,
    "greatest": _extreme,
    "least": _extreme,
    "typeof": _typeof,
    "grouping": _grouping,
}
