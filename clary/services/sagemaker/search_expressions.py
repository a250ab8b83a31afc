"""Search expressions: filters, nested filters and subexpressions, evaluated on a resource's document."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from clary.services.sagemaker.errors import ValidationException

MAX_PARTS = 50

Document = Mapping[str, Any]

_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


def check(expression: Mapping[str, Any]) -> None:
    """Raise ValidationException for an expression that is empty, too large, or has a filter that lacks its value."""
    parts = list(_parts(expression))
    if len(parts) > MAX_PARTS:
        raise ValidationException(f"A SearchExpression has at most {MAX_PARTS} parts; this one has {len(parts)}.")
    filters = [part for part in parts if "Name" in part]
    for part in filters:
        unary = part.get("Operator", "Equals") in ("Exists", "NotExists")
        if unary == ("Value" in part):
            raise ValidationException(
                f"The filter on {part['Name']!r} with operator {part.get('Operator', 'Equals')} must have "
                + ("no Value." if unary else "a Value.")
            )
    if sum(part.get("Operator") == "Contains" for part in filters) > 1:
        raise ValidationException("'CONTAINS' operator usage limit of 1 exceeded.")


def _parts(expression: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every filter, nested filter and subexpression, at any depth."""
    children = [
        part for member in ("Filters", "NestedFilters", "SubExpressions") for part in expression.get(member, [])
    ]
    if not children:
        raise ValidationException("A SearchExpression must have at least one filter, nested filter or subexpression.")
    for part in children:
        yield part
        if "Filters" in part and "NestedPropertyName" in part:
            yield from part["Filters"]
        elif "Name" not in part:
            yield from _parts(part)


def names(expression: Mapping[str, Any]) -> Iterator[str]:
    """The properties that an expression speaks of."""
    for part in _parts(expression):
        if "Name" in part:
            yield part["Name"]


def matches(document: Document, expression: Mapping[str, Any]) -> bool:
    """Whether a resource satisfies the whole expression."""
    results = [
        *(_holds(document, part, part["Name"]) for part in expression.get("Filters", [])),
        *(_nested_holds(document, part) for part in expression.get("NestedFilters", [])),
        *(matches(document, part) for part in expression.get("SubExpressions", [])),
    ]
    return any(results) if expression.get("Operator") == "Or" else all(results)


def _nested_holds(document: Document, nested: Mapping[str, Any]) -> bool:
    """Whether one object of the list satisfies all filters; their names begin with the list's."""
    prefix = nested["NestedPropertyName"] + "."
    return any(
        all(_holds(item, part, part["Name"].removeprefix(prefix)) for part in nested["Filters"])
        for item in values_at(document, nested["NestedPropertyName"])
        if isinstance(item, Mapping)
    )


def values_at(document: Any, path: str) -> list[Any]:
    """The values a dotted path leads to; lists on the way and at the end are walked."""
    if isinstance(document, list):
        return [value for item in document for value in values_at(item, path)]
    if not path:
        return [document]
    if not isinstance(document, Mapping):
        return []
    if path in document:  # the names of hyperparameters, metrics and tags may have dots
        return values_at(document[path], "")
    first, _, rest = path.partition(".")
    if first not in document:  # the SDK's own `metrics.accuracy.max` is for Metrics and Max
        first = next((key for key in document if key.lower() == first.lower()), "")
    return values_at(document[first], rest) if first in document else []


def _holds(document: Document, part: Mapping[str, Any], path: str) -> bool:
    name: str = part.get("Operator", "Equals")
    wanted: str = part.get("Value", "")
    found = values_at(document, path)
    if name in ("Exists", "NotExists"):
        return bool(found) == (name == "Exists")
    if name == "NotEquals":
        return not any(_compare(path, value, operator.eq, wanted) for value in found)
    if name == "In":
        choices = [choice.strip() for choice in wanted.split(",")]
        return any(_text(path, value, name) in choices for value in found)
    if name == "Contains":
        return any(wanted in _text(path, value, name) for value in found)
    return any(_compare(path, value, _ORDERINGS.get(name, operator.eq), wanted) for value in found)


def _text(path: str, value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValidationException(f"The operator {name} is only supported for text properties, which {path!r} is not.")
    return value


def _compare(path: str, value: Any, comparison: Callable[[Any, Any], bool], wanted: str) -> bool:
    if isinstance(value, bool):
        return bool(comparison(str(value).lower(), wanted.lower()))
    if isinstance(value, int | float):
        return comparison(value, _timestamp(path, wanted) if path.endswith("Time") else _number(path, wanted))
    if path.startswith("HyperParameters."):
        return _compare_hyperparameter(str(value), comparison, wanted)
    if comparison is not operator.eq:
        raise ValidationException(f"Comparing by size is not supported for text properties, which {path!r} is.")
    return bool(value == wanted)


def _compare_hyperparameter(value: str, comparison: Callable[[Any, Any], bool], wanted: str) -> bool:
    """As numbers where both are; against an integer, as integers. Else as texts, of which only equality is known."""
    try:
        number, bound = float(value), float(wanted)
    except ValueError:
        return comparison is operator.eq and value == wanted
    if wanted.lstrip("+-").isdigit() and abs(number) != float("inf"):
        return comparison(int(number), int(bound))
    return comparison(number, bound)


def _number(path: str, wanted: str) -> float:
    try:
        return float(wanted)
    except ValueError:
        raise ValidationException(f"{path!r} is a numerical property, and {wanted!r} is not a number.") from None


def _timestamp(path: str, wanted: str) -> float:
    try:
        time = dt.datetime.fromisoformat(wanted)
    except ValueError:
        raise ValidationException(
            f"{path!r} is a timestamp, and {wanted!r} is not of the form YYYY-mm-dd'T'HH:MM:SS."
        ) from None
    return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).timestamp()
