"""What a lifecycle rule may say. Source: "Elements to describe lifecycle actions" in the S3 user guide."""

from typing import Any

from clary.clock import Clock
from clary.services.s3.errors import InvalidArgument, InvalidRequest, MalformedXML, NotImplementedHere

_MOST = 1000
_ID_LENGTH = 255
_MIDNIGHT = 24 * 3600
_MOST_NEWER = 100
_TRANSITIONS = ("Transitions", "NoncurrentVersionTransitions")
_ACTIONS = ("Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
_SIZES = ("ObjectSizeGreaterThan", "ObjectSizeLessThan")


def check_rules(rules: list[dict[str, Any]], clock: Clock) -> list[dict[str, Any]]:
    """The rules, each with an ID; raises for what S3 or Clary doesn't do."""
    if not 1 <= len(rules) <= _MOST:
        raise MalformedXML
    kept = [{**rule, "ID": rule.get("ID") or clock.uuid()} for rule in rules]
    seen: set[str] = set()
    for rule in kept:
        if len(rule["ID"]) > _ID_LENGTH:
            raise InvalidArgument(f"ID length should not exceed allowed limit of {_ID_LENGTH}", "ID", rule["ID"])
        if rule["ID"] in seen:
            raise InvalidArgument("Rule ID must be unique. Found same ID for more than one rule", "ID", rule["ID"])
        seen.add(rule["ID"])
        _check_rule(rule)
    return kept


def _check_rule(rule: dict[str, Any]) -> None:
    if ("Prefix" in rule) == ("Filter" in rule):
        raise MalformedXML
    for name in _TRANSITIONS:
        if rule.get(name):
            raise NotImplementedHere(f"transitions to other storage classes ({name} of the rule {rule['ID']})")
        rule.pop(name, None)
    if not any(name in rule for name in _ACTIONS):
        raise InvalidRequest("At least one action needs to be specified in a rule")
    asked = rule.get("Filter", {})
    _check_filter(asked)
    asked = asked.get("And", asked)
    tagged = "Tag" in asked or "Tags" in asked
    if "Expiration" in rule:
        _check_expiration(rule["Expiration"])
        if rule["Expiration"].get("ExpiredObjectDeleteMarker"):
            if tagged:
                raise InvalidRequest("ExpiredObjectDeleteMarker cannot be specified with Tags.")
            if any(name in asked for name in _SIZES):
                raise InvalidRequest("ExpiredObjectDeleteMarker cannot be specified with Object Size.")
    if "NoncurrentVersionExpiration" in rule:
        _check_noncurrent(rule["NoncurrentVersionExpiration"])
    if "AbortIncompleteMultipartUpload" in rule:
        if tagged:
            raise InvalidRequest("AbortIncompleteMultipartUpload cannot be specified with Tags.")
        if any(name in asked for name in _SIZES):
            raise InvalidRequest("AbortIncompleteMultipartUpload cannot be specified with Object Size.")
        days = rule["AbortIncompleteMultipartUpload"].get("DaysAfterInitiation")
        _check_positive(days, "DaysAfterInitiation", "AbortIncompleteMultipartUpload")


def _check_filter(asked: dict[str, Any]) -> None:
    if len(asked) > 1:
        raise MalformedXML
    if "And" in asked:
        both = asked["And"]
        tags = [tag["Key"] for tag in both.get("Tags", [])]
        if len(tags) + len(both) - ("Tags" in both) < 2:
            raise MalformedXML
        if len(set(tags)) < len(tags):
            raise InvalidRequest("Duplicate Tag Keys are not allowed.")
    sizes = asked.get("And", asked)
    for name in _SIZES:
        if sizes.get(name, 0) < 0:
            raise InvalidArgument(f"'{name}' must not be negative", name, sizes[name])
    if all(name in sizes for name in _SIZES) and sizes[_SIZES[0]] >= sizes[_SIZES[1]]:
        raise InvalidRequest("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.")


def _check_expiration(asked: dict[str, Any]) -> None:
    if len(asked) != 1:
        raise MalformedXML
    if "Days" in asked:
        _check_positive(asked["Days"], "Days", "Expiration")
    if "Date" in asked and asked["Date"] % _MIDNIGHT:
        raise InvalidArgument("'Date' must be at midnight GMT", "Date", asked["Date"])


def _check_noncurrent(asked: dict[str, Any]) -> None:
    if "NoncurrentDays" not in asked:
        raise MalformedXML
    _check_positive(asked["NoncurrentDays"], "NoncurrentDays", "NoncurrentVersionExpiration")
    newer = asked.get("NewerNoncurrentVersions", 1)
    if not 1 <= newer <= _MOST_NEWER:
        message = f"'NewerNoncurrentVersions' for NoncurrentVersionExpiration must be between 1 and {_MOST_NEWER}"
        raise InvalidArgument(message, "NewerNoncurrentVersions", newer)


def _check_positive(value: int | None, name: str, action: str) -> None:
    if value is None:
        raise MalformedXML
    if value <= 0:
        raise InvalidArgument(f"'{name}' for {action} action must be a positive integer", name, value)
