"""What the values of an alarm's last periods say: the rules of the user guide's "How alarms treat missing data"."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"

# An alarm looks back so many periods beyond EvaluationPeriods, and uses what it finds there in place of missing values.
EXTRA_PERIODS = 2

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

MISSING_DATA = ("missing", "ignore", "breaching", "notBreaching")


def judge(breaches: Sequence[bool | None], evaluated: int, to_alarm: int, missing: str) -> str | None:
    """The state after these periods, oldest first (None: no value); None where the state stays what it is.

    `evaluated` is EvaluationPeriods, `to_alarm` DatapointsToAlarm, `missing` TreatMissingData.
    """
    ages = enumerate(reversed(breaches), 1)
    found = [(age, breach) for age, breach in ages if breach is not None][:evaluated]
    breaching = sum(breach for _, breach in found)
    absent = evaluated - len(found)
    if breaching >= to_alarm:
        return ALARM
    if absent and missing == "breaching":
        return ALARM if breaching + absent >= to_alarm else OK
    if breaching < len(found) or missing == "notBreaching":
        return OK
    if missing == "ignore":
        return None
    if not found:
        return INSUFFICIENT_DATA
    # Breaching or missing all along: an alarm once the oldest breach has had its time, not at the first value.
    return ALARM if found[-1][0] >= to_alarm else None
