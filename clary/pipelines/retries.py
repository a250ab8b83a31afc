"""Whether and when a step that failed is tried again.

Source: the developer guide, "Retry Policy for Pipeline Steps".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from clary.pipelines.errors import DefinitionError

SERVICE_FAULT = "Step.SERVICE_FAULT"
THROTTLING = "Step.THROTTLING"
INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY_ERROR = "SageMaker.CAPACITY_ERROR"
RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"
TYPES = (SERVICE_FAULT, THROTTLING, INTERNAL_ERROR, CAPACITY_ERROR, RESOURCE_LIMIT)

_LIMITS = {
    "IntervalSeconds": (0, 43_200),
    "BackoffRate": (0, float("inf")),
    "MaxAttempts": (0, 20),
    "ExpireAfterMin": (0, 14_400),
}


class Policy(NamedTuple):
    """How often, and with which pauses, failures of some types are retried."""

    types: tuple[str, ...]
    interval: float = 1.0
    rate: float = 2.0
    attempts: int | None = 5
    expires: float | None = None
    """Seconds after the step began."""


class Failure(NamedTuple):
    """A failure of a step: of which type, after how many tries, how many seconds after the step began."""

    type: str
    tries: int
    age: float


DEFAULT = (Policy((SERVICE_FAULT, THROTTLING)),)
"""What is retried without being asked for."""


def parse(rows: Any) -> tuple[Policy, ...]:
    """The policies of a step; DefinitionError where one is malformed."""
    if not isinstance(rows, list):
        raise DefinitionError("RetryPolicies must be a list.")
    return tuple(_parse(row) for row in rows)


def _parse(row: Any) -> Policy:
    types = row.get("ExceptionType") if isinstance(row, dict) else None
    if not isinstance(types, list) or not types or not all(kind in TYPES for kind in types):
        raise DefinitionError(f"RetryPolicies: ExceptionType must be a list of {', '.join(TYPES)}.")
    if unknown := row.keys() - {"ExceptionType", *_LIMITS}:
        raise DefinitionError(f"RetryPolicies: unknown field {min(unknown)!r}.")
    for name, (least, most) in _LIMITS.items():
        value = row.get(name, least)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise DefinitionError(f"RetryPolicies: {name} must be a number from {least} to {most}.")
    if "MaxAttempts" in row and "ExpireAfterMin" in row:
        raise DefinitionError("RetryPolicies: only one of MaxAttempts and ExpireAfterMin can be given.")
    expires = row["ExpireAfterMin"] * 60.0 if "ExpireAfterMin" in row else None
    attempts = None if expires is not None else row.get("MaxAttempts", 5)
    return Policy(tuple(types), row.get("IntervalSeconds", 1), row.get("BackoffRate", 2.0), attempts, expires)


def next_delay(policies: Sequence[Policy], failure: Failure) -> float | None:
    """Seconds until the next try; None where there is none. The first policy that names the failure's type decides."""
    policy = next((policy for policy in (*policies, *DEFAULT) if failure.type in policy.types), None)
    if policy is None or (policy.attempts is not None and failure.tries > policy.attempts):
        return None
    delay = policy.interval * policy.rate ** (failure.tries - 1)
    if policy.expires is not None and failure.age + delay > policy.expires:
        return None
    return float(delay)
