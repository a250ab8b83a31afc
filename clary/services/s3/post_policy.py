"""The policy of a form by which a browser uploads: until when it holds, and what the fields and the file may be.

Source: "Creating a POST policy" in S3's API reference.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from clary.errors import ServiceError
from clary.services.s3.errors import AccessDenied

_TIMES = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ")
_FREE = {"policy", "signature", "awsaccesskeyid", "x-amz-signature"}  # no condition is needed for these


class InvalidPolicy(ServiceError):
    """The policy is none."""

    code = "InvalidPolicyDocument"
    status = 400

    def __init__(self, what: str) -> None:
        super().__init__(f"Invalid Policy: {what}")


class Sizes(NamedTuple):
    """How many bytes the file may have."""

    least: int
    most: int


def check_policy(text: str, fields: Mapping[str, str], now: float, most: int) -> Sizes:
    """Refuse fields, by names in lower case, that the policy doesn't allow; how large the file may be, at most `most`.

    The bucket counts as a field.
    """
    try:
        policy = msgspec.json.decode(base64.b64decode(text, validate=True), type=dict[str, Any])
    except (ValueError, RecursionError):
        raise InvalidPolicy("Invalid JSON.") from None
    if _expiration(policy) < now:
        raise AccessDenied("Invalid according to Policy: Policy expired.")
    conditions = policy.get("conditions")
    if not isinstance(conditions, list):
        raise InvalidPolicy("Policy missing conditions.")
    sizes, named = Sizes(0, most), set(_FREE)
    for condition in map(_as_list, conditions):
        operator, name, value = condition
        if operator.lower() == "content-length-range":
            sizes = _sizes(condition, most)
        elif not _holds(operator.lower(), fields.get(name[1:].lower(), "") if name[:1] == "$" else None, name, value):
            raise _failed(condition)
        named.add(name[1:].lower() if isinstance(name, str) else "")
    extra = [name for name in fields if name not in named and not name.startswith("x-ignore-")]
    if extra:
        raise AccessDenied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")
    return sizes


def _expiration(policy: dict[str, Any]) -> float:
    text = policy.get("expiration")
    if text is None:
        raise InvalidPolicy("Policy missing expiration.")
    for form in _TIMES:
        try:
            return datetime.strptime(str(text), form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    raise InvalidPolicy(f"Invalid 'expiration' value: '{text}'")


def _as_list(condition: object) -> list[Any]:
    """A condition as operator, name and value; `{"acl": "private"}` is short for an equality."""
    if isinstance(condition, dict):
        if len(condition) != 1:
            raise InvalidPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
        name, value = next(iter(condition.items()))
        condition = ["eq", f"${name}", value]
    if not isinstance(condition, list) or len(condition) != 3 or not isinstance(condition[0], str):
        raise InvalidPolicy("Invalid Condition: a condition has an operation and two values.")
    if condition[0].lower() == "content-length-range":
        return condition
    if condition[0].lower() not in ("eq", "starts-with"):
        raise InvalidPolicy(f"Invalid Condition: unknown operation '{condition[0]}'.")
    if not isinstance(condition[1], str) or not isinstance(condition[2], str):
        raise InvalidPolicy("Invalid Condition: its values must be strings.")
    return condition


def _holds(operator: str, given: str | None, name: str, value: str) -> bool:
    if given is None:  # a name without its $
        return False
    if operator == "eq":
        return given == value
    parts = given.split(",") if name.lower() == "$content-type" else [given]
    return all(part.strip().startswith(value) for part in parts)


def _sizes(condition: list[Any], most: int) -> Sizes:
    try:
        least, largest = int(condition[1]), int(condition[2])
    except (TypeError, ValueError):
        raise _failed(condition) from None
    return Sizes(least, min(largest, most))


def _failed(condition: list[Any]) -> AccessDenied:
    shown = ", ".join(msgspec.json.encode(part).decode() for part in condition)
    return AccessDenied(f"Invalid according to Policy: Policy Condition failed: [{shown}]")
