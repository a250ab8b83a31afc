"""Filter criteria: patterns that a record must fit to reach the function.

A pattern is a JSON object whose leaves are lists of what a value may be: a value itself, or one rule such as
{"prefix": "a"}. Source: AWS, "Lambda event filtering", table of the comparison operators.
"""

from __future__ import annotations

from typing import Any

import msgspec

from clary.services.lambda_.errors import InvalidParameterValueException

Pattern = dict[str, Any]
_MOST = 5
_COMPARISONS = {
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    "=": lambda value, bound: value == bound,
    ">=": lambda value, bound: value >= bound,
    ">": lambda value, bound: value > bound,
}
_MISSING = object()


def parse(criteria: dict[str, Any]) -> list[Pattern]:
    """The patterns of FilterCriteria; what is none, or uses a rule that Clary doesn't know, is refused."""
    texts = [row.get("Pattern", "{}") for row in criteria.get("Filters") or ()]
    if len(texts) > _MOST:
        raise InvalidParameterValueException(f"FilterCriteria has {len(texts)} filters, more than {_MOST}.")
    return [_parse(text) for text in texts]


def fits(patterns: list[Pattern], record: dict[str, Any]) -> bool:
    """Whether a record fits one of the patterns, or there is none."""
    return not patterns or any(_fits(pattern, record) for pattern in patterns)


def _parse(text: str) -> Pattern:
    try:
        pattern = msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError):
        raise _invalid(text, "it is not a JSON object") from None
    _check(pattern, text)
    return pattern


def _check(pattern: Pattern, text: str) -> None:
    for key, value in pattern.items():
        if isinstance(value, dict):
            _check(value, text)
        elif not isinstance(value, list) or not value:
            raise _invalid(text, f"the value of {key!r} must be an object or a list that is not empty")
        elif key == "$or":
            for part in value:
                if not isinstance(part, dict):
                    raise _invalid(text, "$or takes a list of objects")
                _check(part, text)
        else:
            for rule in value:
                _check_rule(rule, text)


def _check_rule(rule: Any, text: str) -> None:
    if isinstance(rule, list):
        raise _invalid(text, "a list can't stand in a list")
    if not isinstance(rule, dict):
        return
    name, value = next(iter(rule.items()), ("", ""))
    if name in ("prefix", "suffix", "equals-ignore-case"):
        right = isinstance(value, str)
    elif name == "exists":
        right = isinstance(value, bool)
    elif name == "anything-but":
        right = value is not None and all(isinstance(part, str | int | float) for part in _listed(value))
    elif name == "numeric":
        right = isinstance(value, list) and len(value) in (2, 4)
        right = right and all(part in _COMPARISONS for part in value[::2])
        right = right and all(isinstance(part, int | float) for part in value[1::2])
    else:
        raise _invalid(text, f"Clary does not know the rule {name!r}")
    if not right or len(rule) != 1:
        raise _invalid(text, f"{name!r} does not take {msgspec.json.encode(value).decode()}")


def _fits(pattern: Pattern, record: Any) -> bool:
    if not isinstance(record, dict):
        return False
    for key, wanted in pattern.items():
        if key == "$or":
            if not any(_fits(part, record) for part in wanted):
                return False
        elif isinstance(wanted, dict):
            if not any(_fits(wanted, value) for value in _listed(record.get(key))):
                return False
        elif not _fits_one(wanted, record.get(key, _MISSING)):
            return False
    return True


def _fits_one(rules: list[Any], found: Any) -> bool:
    values = found if isinstance(found, list) and found else [found]
    return any(_obeys(rule, value) for rule in rules for value in values)


def _obeys(rule: Any, value: Any) -> bool:
    if not isinstance(rule, dict):
        return value is not _MISSING and _is_same(rule, value)
    ((name, wanted),) = rule.items()
    if name == "exists":
        return (value is not _MISSING) == bool(wanted)
    if value is _MISSING:
        return False
    if name == "anything-but":
        return not any(_is_same(part, value) for part in _listed(wanted))
    if name == "numeric":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        pairs = zip(wanted[::2], wanted[1::2], strict=True)
        return number and all(_COMPARISONS[sign](value, bound) for sign, bound in pairs)
    if not isinstance(value, str):
        return False
    if name == "equals-ignore-case":
        return value.casefold() == str(wanted).casefold()
    return value.startswith(str(wanted)) if name == "prefix" else value.endswith(str(wanted))


def _is_same(one: Any, other: Any) -> bool:
    """Equality as JSON has it, where true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _invalid(text: str, why: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(f"Invalid filter pattern definition. {why}: {text}")
