"""When a step is tried again, and how long a result is good."""

import pytest

from clary.pipelines import DefinitionError, Failure, Policy, next_delay
from clary.pipelines.durations import seconds
from clary.pipelines.retries import RESOURCE_LIMIT, SERVICE_FAULT, parse

LIMIT = {"ExceptionType": [RESOURCE_LIMIT]}


def delays(policies, kind=RESOURCE_LIMIT, age=0.0):
    return [next_delay(policies, Failure(kind, tries, age)) for tries in range(1, 8)]


def test_pauses_grow_until_the_attempts_are_used_up():
    assert delays(parse([LIMIT])) == [1, 2, 4, 8, 16, None, None]
    assert (
        delays(parse([{**LIMIT, "IntervalSeconds": 10, "BackoffRate": 1, "MaxAttempts": 2}])) == [10, 10] + [None] * 5
    )
    assert delays(parse([{**LIMIT, "MaxAttempts": 0}])) == [None] * 7


def test_a_policy_may_end_by_time():
    [policy] = parse([{**LIMIT, "IntervalSeconds": 30, "BackoffRate": 1, "ExpireAfterMin": 1}])
    assert delays([policy]) == [30] * 7
    assert delays([policy], age=31.0) == [None] * 7


def test_the_first_policy_for_a_failure_decides():
    policies = (Policy((RESOURCE_LIMIT,), 5, 1, 1), Policy((RESOURCE_LIMIT,), 9, 1, 5))
    assert delays(policies) == [5] + [None] * 6
    assert delays(policies, "SageMaker.JOB_INTERNAL_ERROR") == [None] * 7
    assert delays((), SERVICE_FAULT) == [1, 2, 4, 8, 16, None, None]
    assert delays((Policy((SERVICE_FAULT,), attempts=0),), SERVICE_FAULT) == [None] * 7


@pytest.mark.parametrize(
    "changes",
    [
        {"MaxAttempts": 21},
        {"MaxAttempts": 1, "ExpireAfterMin": 1},
        {"IntervalSeconds": -1},
        {"BackoffRate": "2"},
        {"X": 1},
    ],
)
def test_malformed_policies(changes):
    with pytest.raises(DefinitionError):
        parse([{**LIMIT, **changes}])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT1H", 3600),
        ("T16m", 960),
        ("30d", 30 * 86_400),
        ("30dT5h", 30 * 86_400 + 5 * 3600),
        ("P1Y2M1W", (365 + 60 + 7) * 86_400),
        ("PT1M30S", 90),
    ],
)
def test_durations(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "P", "PT", "1h", "P1H", "-P1D", "P1.5D"])
def test_no_durations(text):
    with pytest.raises(ValueError, match="duration"):
        seconds(text)
