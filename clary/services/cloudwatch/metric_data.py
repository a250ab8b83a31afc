"""PutMetricData: values, arrays of values and statistic sets."""

import math
from typing import Any

from clary.services.cloudwatch.errors import (
    InvalidParameterCombination,
    InvalidParameterValue,
    MissingParameter,
)
from clary.store.metrics import Datum, Summary
from clary.wire import Call, operation

_MOST_DATA = 1000
_MOST_VALUES = 150
_LARGEST = 2.0**360
_FORMS = ("Value", "Values", "StatisticValues")


@operation
def put_metric_data(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Store data of a namespace."""
    if request.get("EntityMetricData"):
        raise InvalidParameterValue("EntityMetricData is not supported by Clary: send MetricData without entities.")
    listed = request.get("MetricData", [])
    if not listed:
        raise MissingParameter("The parameter MetricData is required.")
    _check_size(listed, "MetricData", _MOST_DATA)
    now = call.rooms.clock.now()
    data = [_to_datum(given, f"MetricData.member.{number}", now) for number, given in enumerate(listed, 1)]
    call.rooms.metrics.put(call.account, call.region, request["Namespace"], data)
    return {}


def dimensions_of(listed: list[dict[str, str]], path: str) -> dict[str, str]:
    """Dimensions as a dict; a name that stands twice is refused."""
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in listed}
    if len(dimensions) != len(listed):
        raise InvalidParameterValue(f"The parameter {path} holds a dimension name twice.")
    for number, (name, value) in enumerate(dimensions.items(), 1):
        if not (name.strip() and value.strip() and (name + value).isascii()) or name.startswith(":"):
            raise InvalidParameterValue(f"The parameter {path}.member.{number} is no valid dimension: {name}={value}")
    return dimensions


def _to_datum(given: dict[str, Any], path: str, now: float) -> Datum:
    _check_form(given, path)
    time = given.get("Timestamp", now)
    if time < now - 14 * 86_400:
        raise InvalidParameterValue(f"The parameter {path}.Timestamp must specify a time within the past two weeks.")
    if time > now + 2 * 3600:
        raise InvalidParameterValue(
            f"The parameter {path}.Timestamp must specify a time no more than two hours in the future."
        )
    resolution = given.get("StorageResolution", 60)
    if resolution not in (1, 60):
        raise InvalidParameterValue(f"The value {resolution} for parameter {path}.StorageResolution is invalid.")
    dimensions = dimensions_of(given.get("Dimensions", []), f"{path}.Dimensions")
    datum = Datum(given["MetricName"], dimensions, 0.0, time, given.get("Unit", "None"), resolution)
    if "Value" in given:
        datum.value = _checked(given["Value"], f"{path}.Value")
    elif "Values" in given:
        datum.summary = _summary_of_values(given["Values"], given.get("Counts"), path)
    else:
        datum.summary = _summary_of_statistics(given["StatisticValues"], f"{path}.StatisticValues")
    return datum


def _check_form(given: dict[str, Any], path: str) -> None:
    forms = [form for form in _FORMS if form in given]
    if not forms:
        raise MissingParameter(
            f"At least one of the parameters {', '.join(f'{path}.{form}' for form in _FORMS)} must be specified."
        )
    if len(forms) > 1:
        # AWS has one code for Value with Values, and another for a statistic set with either.
        error = InvalidParameterCombination if "StatisticValues" in forms else InvalidParameterValue
        raise error(
            f"The parameters {path}.{forms[0]} and {path}.{forms[1]} are mutually exclusive "
            "and you have specified both."
        )
    if "Counts" in given and "Values" not in given:
        raise InvalidParameterCombination(f"The parameter {path}.Counts needs {path}.Values beside it.")


def _summary_of_values(values: list[float], counts: list[float] | None, path: str) -> Summary:
    counts = [1.0] * len(values) if counts is None else counts
    if len(values) != len(counts):
        raise InvalidParameterValue(f"The parameters {path}.Values and {path}.Counts must be of the same size.")
    if not values:
        raise MissingParameter(f"The parameter {path}.Values is required.")
    _check_size(values, f"{path}.Values", _MOST_VALUES)
    for number, (value, count) in enumerate(zip(values, counts, strict=True), 1):
        _checked(value, f"{path}.Values.member.{number}")
        if not 0 < count <= _LARGEST:
            raise InvalidParameterValue(f"The value {count} for parameter {path}.Counts.member.{number} is invalid.")
    samples = list(zip(values, counts, strict=True))
    total = sum(value * count for value, count in samples)
    return Summary(sum(counts), total, min(values), max(values), samples)


def _summary_of_statistics(given: dict[str, float], path: str) -> Summary:
    for name, value in given.items():
        _checked(value, f"{path}.{name}")
    summary = Summary(given["SampleCount"], given["Sum"], given["Minimum"], given["Maximum"])
    if summary.count <= 0:
        raise InvalidParameterValue(f"The value {summary.count} for parameter {path}.SampleCount is invalid.")
    if summary.minimum > summary.maximum:
        raise InvalidParameterValue(f"The parameter {path}.Maximum must be greater than {path}.Minimum.")
    return summary


def _checked(value: float, path: str) -> float:
    if math.isnan(value) or abs(value) > _LARGEST:
        shown = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(value), str(value))
        raise InvalidParameterValue(f"The value {shown} for parameter {path} is invalid.")
    return value


def _check_size(listed: list[Any], path: str, most: int) -> None:
    if len(listed) > most:
        raise InvalidParameterValue(f"The collection {path} must not have a size greater than {most}.")
