"""Event notifications: PutBucketNotificationConfiguration, GetBucketNotificationConfiguration, and who may receive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.errors import ServiceError
from clary.names import parse_arn
from clary.services.s3.errors import InvalidArgument, NotImplementedHere
from clary.services.s3.ownership import own_bucket, require_bucket
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.store.object_rows import Bucket
    from clary.wire import Rooms

# In a bucket's settings: its LambdaFunctionConfigurations, and its EventBridgeConfiguration, which is empty.
SETTING, EVENT_BRIDGE = "Notifications", "EventBridge"
_LAMBDA, _EVENT_BRIDGE = "LambdaFunctionConfigurations", "EventBridgeConfiguration"
_REFUSED = {
    "QueueConfigurations": "Amazon SQS queues",
    "TopicConfigurations": "Amazon SNS topics",
}
# What the events tell of never happens here: the requests that would make it happen are refused.
_NEVER = (
    "s3:ObjectRestore:",
    "s3:Replication:",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAnnotation:",
)
_MAX_VALUE_BYTES = 1024


class Destination(NamedTuple):
    """A service that receives events.

    `check` raises ServiceError where there is no such receiver; `deliver` returns once the event is durable with it,
    and what it raises is tried again.
    """

    check: Callable[[Rooms, str], None]
    deliver: Callable[[Rooms, str, bytes], None]


DESTINATIONS: dict[str, Destination] = {}  # by the service in the destination's ARN; clary/app.py fills it


@operation
def get_bucket_notification_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Where the bucket's events go."""
    settings = require_bucket(call, request).settings
    return {_LAMBDA: settings.get(SETTING), _EVENT_BRIDGE: settings.get(EVENT_BRIDGE)}


@operation
def put_bucket_notification_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace the whole configuration, which holds for what happens from now on."""
    require_bucket(call, request)
    asked = request["NotificationConfiguration"]
    for member, name in _REFUSED.items():
        if asked.get(member):
            raise NotImplementedHere(f"event notifications to {name} ({member})")
    rules = [_to_rule(call, rule) for rule in asked.get(_LAMBDA, [])]
    _check_together(rules)
    if not request.get("SkipDestinationValidation"):
        _check_destinations(call, rules)

    def change(bucket: Bucket) -> None:
        settings = own_bucket(call, request, bucket).settings
        for name, value in ((SETTING, rules or None), (EVENT_BRIDGE, asked.get(_EVENT_BRIDGE))):
            settings.pop(name, None)
            if value is not None:
                settings[name] = value

    own_bucket(call, request, call.rooms.objects.buckets.change(request["Bucket"], change))
    return {}


def matches(pattern: str, event: str) -> bool:
    """Whether an event (`ObjectCreated:Put`) is of a type that a rule names (`s3:ObjectCreated:*`)."""
    return f"s3:{event}" == pattern or (pattern.endswith(":*") and f"s3:{event}".startswith(pattern[:-1]))


def affixes(rule: dict[str, Any]) -> tuple[str, str]:
    """The prefix and the suffix that a key must have for the rule."""
    filters = {item["Name"]: item["Value"] for item in rule.get("Filter", {}).get("Key", {}).get("FilterRules", [])}
    return filters.get("Prefix", ""), filters.get("Suffix", "")


def _to_rule(call: Call, asked: dict[str, Any]) -> dict[str, Any]:
    """A configuration as it is kept and answered."""
    arn = parse_arn(asked["LambdaFunctionArn"])
    if arn is None or not arn.resource:
        raise InvalidArgument("The ARN could not be parsed", "CloudFunction", asked["LambdaFunctionArn"])
    if arn.service not in DESTINATIONS:
        raise NotImplementedHere(f"event notifications to the service {arn.service} ({asked['LambdaFunctionArn']})")
    for event in asked["Events"]:
        if event.startswith(_NEVER):
            raise NotImplementedHere(f"the event {event}")
    rule = {"Id": asked.get("Id") or call.rooms.clock.uuid(), "LambdaFunctionArn": asked["LambdaFunctionArn"]}
    rule["Events"] = asked["Events"]
    filters = list(_filters(asked.get("Filter", {}).get("Key", {}).get("FilterRules", [])))
    return {**rule, "Filter": {"Key": {"FilterRules": filters}}} if filters else rule


def _filters(rules: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    seen: set[str] = set()
    for rule in rules:
        name, value = rule.get("Name", "").capitalize(), rule.get("Value", "")
        if name not in ("Prefix", "Suffix"):
            raise InvalidArgument("filter rule name must be either prefix or suffix", rule.get("Name", ""), value)
        if name in seen:
            message = f"Cannot specify more than one {name.lower()} rule in a filter."
            raise InvalidArgument(message, f"FilterRule.{name}", value)
        if len(value.encode()) > _MAX_VALUE_BYTES:
            message = f"Size of filter rule value cannot exceed {_MAX_VALUE_BYTES} bytes in UTF-8 representation"
            raise InvalidArgument(message, "filterRuleValue", value)
        seen.add(name)
        yield {"Name": name, "Value": value}


def _check_together(rules: list[dict[str, Any]]) -> None:
    """Raise where one event of one object would find two rules."""
    for one, other in combinations(rules, 2):
        if one["Id"] == other["Id"]:
            message = "Same ID used for multiple configurations. IDs must be unique"
            raise InvalidArgument(message, "Id", one["Id"])
        if not any(_overlap(event, there) for event in one["Events"] for there in other["Events"]):
            continue
        (prefix, suffix), (prefix_there, suffix_there) = affixes(one), affixes(other)
        prefixes = prefix.startswith(prefix_there) or prefix_there.startswith(prefix)
        if prefixes and (suffix.endswith(suffix_there) or suffix_there.endswith(suffix)):
            message = (
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes "
                "are overlapping for the same event type."
            )
            raise InvalidArgument(message, "CloudFunctionConfiguration", f"{one['Id']}, {other['Id']}")


def _overlap(pattern: str, other: str) -> bool:
    return matches(pattern, other.removeprefix("s3:")) or matches(other, pattern.removeprefix("s3:"))


def _check_destinations(call: Call, rules: list[dict[str, Any]]) -> None:
    missing: list[str] = []
    for rule in rules:
        arn = rule["LambdaFunctionArn"]
        parsed = parse_arn(arn)
        assert parsed
        try:
            DESTINATIONS[parsed.service].check(call.rooms, arn)
        except ServiceError as error:
            if error.status >= 500:
                raise
            missing.append(arn)
    if missing:
        fields: dict[str, str] = {}
        for number, arn in enumerate(missing, 1):
            fields[f"ArgumentName{number}"] = f"{arn}, null"
            fields[f"ArgumentValue{number}"] = f"Not authorized to invoke function [{arn}]"
        message = "Unable to validate the following destination configurations"
        raise ServiceError(message, code="InvalidArgument", status=400, fields=fields)
