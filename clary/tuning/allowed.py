"""SageMaker's ParameterRanges as ranges to search, checked against the hyperparameters that an algorithm declares."""

import math
from collections.abc import Mapping
from typing import Any

from clary.algorithms import hyperparameters
from clary.algorithms.hyperparameters import Hyperparameter, Hyperparameters
from clary.errors import ValidationException
from clary.tuning.ranges import Categorical, Continuous, Integer, Range, Scaling, Space, scaling_for

MOST_RANGES = 30
INTEGER, CONTINUOUS, CATEGORICAL = "IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges"


def to_space(ranges: Mapping[str, Any], table: Hyperparameters) -> Space:
    """The space of a ParameterRanges document; ValidationException for what can't be searched."""
    rows = [(kind, entry) for kind in (INTEGER, CONTINUOUS, CATEGORICAL) for entry in ranges.get(kind, [])]
    names = [table[entry["Name"]].name if entry["Name"] in table else entry["Name"] for _, entry in rows]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValidationException(f"The hyperparameter {twice[0]} has more than one range.")
    if len(rows) > MOST_RANGES:
        raise ValidationException(
            f"At most {MOST_RANGES} hyperparameters can be searched; this request has {len(rows)}."
        )
    return Space([_to_range(kind, entry, _tunable(table, entry["Name"])) for kind, entry in rows])


def tunable_names(table: Hyperparameters) -> list[str]:
    """What an algorithm lets a tuning job search."""
    return [row.name for row in table if row.tunable]


def _tunable(table: Hyperparameters, name: str) -> Hyperparameter:
    if name not in table or not table[name].tunable:
        why = "isn't one that can be tuned" if name in table else "isn't one of the algorithm's"
        raise ValidationException(
            f"The hyperparameter {name} {why}. Those that can be tuned are: {', '.join(tunable_names(table))}."
        )
    return table[name]


def _to_range(kind: str, entry: Mapping[str, Any], row: Hyperparameter) -> Range:
    if kind == CATEGORICAL:
        return _to_categorical(entry, row)
    whole = kind == INTEGER
    kinds = (hyperparameters.Continuous, hyperparameters.Integer) if whole else (hyperparameters.Continuous,)
    if not isinstance(row, kinds):
        raise ValidationException(
            f"The hyperparameter {entry['Name']} is of type {row.kind}; its range can't be one of {kind}."
        )
    low, high = (_end(entry, member, row, whole=whole) for member in ("MinValue", "MaxValue"))
    if low > high:
        raise ValidationException(
            f"The range of the hyperparameter {entry['Name']} is empty: its MinValue {entry['MinValue']} is greater "
            f"than its MaxValue {entry['MaxValue']}."
        )
    scaling = _scaling(entry, low, high, row, whole=whole)
    if whole:
        return Integer(entry["Name"], int(low), int(high), scaling)
    return Continuous(entry["Name"], low, high, scaling)


def _to_categorical(entry: Mapping[str, Any], row: Hyperparameter) -> Categorical:
    values = tuple(dict.fromkeys(entry["Values"]))
    for value in values:
        _parse(entry["Name"], value, row)
    return Categorical(entry["Name"], values)


def _end(entry: Mapping[str, Any], member: str, row: Hyperparameter, *, whole: bool) -> float:
    text = entry[member]
    _parse(entry["Name"], text, row)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (whole and not value.is_integer()):
        kind = "an integer" if whole else "a number"
        raise ValidationException(f"The {member} of the hyperparameter {entry['Name']} is not {kind}: {text!r}.")
    return value


def _parse(name: str, text: str, row: Hyperparameter) -> None:
    try:
        row.parse(text)
    except ValueError as problem:
        raise ValidationException(f"The range of the hyperparameter {name} isn't valid: {problem}.") from None


def _scaling(entry: Mapping[str, Any], low: float, high: float, row: Hyperparameter, *, whole: bool) -> Scaling:
    name, asked = entry["Name"], entry.get("ScalingType", "Auto")
    if asked == "Logarithmic" and low <= 0:
        raise ValidationException(
            f"Logarithmic scaling is for ranges of values greater than 0; that of {name} begins at {entry['MinValue']}."
        )
    if asked == "ReverseLogarithmic":
        if whole:
            raise ValidationException(f"Reverse logarithmic scaling is not for integer ranges, such as that of {name}.")
        if low < 0 or high >= 1:
            raise ValidationException(
                f"Reverse logarithmic scaling is for ranges within 0 <= x < 1.0; that of {name} is from "
                f"{entry['MinValue']} to {entry['MaxValue']}."
            )
    if asked == "Auto":
        return scaling_for(low, high, row.tunable[2] if len(row.tunable) == 3 else "")
    scaling: Scaling = asked
    return scaling
