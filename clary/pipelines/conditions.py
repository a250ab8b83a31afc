"""The conditions of a condition step."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from clary.pipelines.errors import DefinitionError, ExpressionError

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_MEMBERS: dict[str, set[str]] = {
    **{kind: {"LeftValue", "RightValue"} for kind in ("Equals", *_ORDERS)},
    "In": {"QueryValue", "Values"},
    "Not": {"Condition"},
    "Or": {"Conditions"},
}


def check(conditions: Any) -> None:
    """Raise DefinitionError where conditions are malformed."""
    if not isinstance(conditions, list) or not conditions:
        raise DefinitionError("Conditions must be a list of at least one condition.")
    for condition in conditions:
        _check(condition)


def _check(condition: Any) -> None:
    kind = condition.get("Type") if isinstance(condition, dict) else None
    if not isinstance(kind, str) or kind not in _MEMBERS:
        raise DefinitionError(f"Condition of Type {kind!r}: the types are {', '.join(_MEMBERS)}.")
    if condition.keys() - {"Type"} != _MEMBERS[kind]:
        raise DefinitionError(f"A condition of Type {kind} has {' and '.join(sorted(_MEMBERS[kind]))}.")
    if kind == "Not":
        _check(condition["Condition"])
    elif kind == "Or":
        check(condition["Conditions"])


def holds(conditions: Sequence[dict[str, Any]]) -> bool:
    """Whether all conditions hold, their expressions worked out; ExpressionError where values can't be compared."""
    return all(_holds(condition) for condition in conditions)


def _holds(condition: dict[str, Any]) -> bool:
    kind = condition["Type"]
    if kind == "Not":
        return not _holds(condition["Condition"])
    if kind == "Or":
        return any(_holds(part) for part in condition["Conditions"])
    if kind == "In":
        if not isinstance(condition["Values"], list):
            raise ExpressionError(f"In needs a list of Values, not {condition['Values']!r}")
        return any(_equal(condition["QueryValue"], value) for value in condition["Values"])
    left, right = condition["LeftValue"], condition["RightValue"]
    if kind == "Equals":
        return _equal(left, right)
    if not _are_numbers(left, right) and not (isinstance(left, str) and isinstance(right, str)):
        raise ExpressionError(f"{kind} can't compare {left!r} with {right!r}")
    return _ORDERS[kind](left, right)


def _equal(left: Any, right: Any) -> bool:
    """Equal, and of one type: true is not 1."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
