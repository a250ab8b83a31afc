"""Which whole numbers a condition leaves of a column: what it says with =, IN, <, <=, > and >=."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from clary.tables.projection import Numbers

_SWAPPED = {
    "COMPARE_EQUAL": "COMPARE_EQUAL",
    "COMPARE_LESSTHAN": "COMPARE_GREATERTHAN",
    "COMPARE_LESSTHANOREQUALTO": "COMPARE_GREATERTHANOREQUALTO",
    "COMPARE_GREATERTHAN": "COMPARE_LESSTHAN",
    "COMPARE_GREATERTHANOREQUALTO": "COMPARE_LESSTHANOREQUALTO",
}
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")


def narrowed(found: Numbers, node: Any, value_of: Callable[[Any], Any], *, whole: bool) -> Numbers:
    """What is left by a node of DuckDB's tree, too; `value_of` evaluates constants, `whole`: the column is a number."""
    if node["type"] == "COMPARE_IN":
        column, *others = node["children"]
        return _among(found, others, value_of) if _is_exact(column, whole=whole) else found
    if node["type"] not in _SWAPPED:
        return found
    operator, left, right = node["type"], node["left"], node["right"]
    if not _is_exact(left, whole=whole):
        operator, left, right = _SWAPPED[operator], right, left
    if not _is_exact(left, whole=whole):
        return found
    if operator == "COMPARE_EQUAL":
        return _among(found, [right], value_of)
    value = _whole(value_of(right))
    if value is None or not _is_exact(left, whole=whole, ordered=True):
        return found
    if "GREATER" in operator:
        return found.above(value if operator.endswith("EQUALTO") else value + 1)
    return found.below(value if operator.endswith("EQUALTO") else value - 1)


def _among(found: Numbers, nodes: list[Any], value_of: Callable[[Any], Any]) -> Numbers:
    values = [_whole(value_of(node)) for node in nodes]
    known = frozenset(value for value in values if value is not None)
    return found if None in values else found.among(known)


def _is_exact(node: Any, *, whole: bool, ordered: bool = False) -> bool:
    """Whether a node is the column as it stands, or as a whole number; with `ordered` as a whole number alone."""
    if node["class"] == "CAST" and node["cast_type"]["id"] in _WHOLE:
        return bool(node["child"]["class"] == "COLUMN_REF")
    return bool(node["class"] == "COLUMN_REF") and (whole or not ordered)


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,30}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
