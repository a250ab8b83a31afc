"""What the models of CreateEventSourceMapping and UpdateEventSourceMapping cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.names import parse_arn
from clary.services.kinesis import inside as kinesis
from clary.services.lambda_ import destination, filter_pattern
from clary.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceNotFoundException,
    invalid,
    not_done,
)
from clary.services.lambda_.function_record import configuration_of
from clary.services.lambda_.naming import Name, parse_name
from clary.wire.not_done import NotDone, refuse

if TYPE_CHECKING:
    from clary.wire import Call

_NOT_DONE = (
    NotDone("KMSKeyArn", "encryption with a key of KMS"),
    NotDone("MetricsConfig", "further metrics"),
    NotDone("LoggingConfig", "logs of the mapping itself"),
    NotDone("ScalingConfig", "scaling of SQS queues"),
    NotDone("TumblingWindowInSeconds", "tumbling windows"),
    NotDone("Topics", "Apache Kafka"),
    NotDone("Queues", "Amazon MQ"),
    NotDone("SourceAccessConfigurations", "a source with credentials"),
    NotDone("SelfManagedEventSource", "Apache Kafka"),
    NotDone("AmazonManagedKafkaEventSourceConfig", "Apache Kafka"),
    NotDone("SelfManagedKafkaEventSourceConfig", "Apache Kafka"),
    NotDone("DocumentDBEventSourceConfig", "DocumentDB"),
    NotDone("ProvisionedPollerConfig", "provisioned pollers"),
)
_OTHERS = {"sqs": "SQS queues", "dynamodb": "DynamoDB", "kafka": "Apache Kafka", "mq": "Amazon MQ", "rds": "DocumentDB"}
_YOUNGEST_SECONDS = 60


def check(call: Call, name: Name, request: dict[str, Any]) -> None:
    """Refuse what can't be done; members that are left out are not looked at."""
    refuse(request, _NOT_DONE, not_done)
    filter_pattern.parse(request.get("FilterCriteria") or {})
    targets = request.get("DestinationConfig") or {}
    if (targets.get("OnSuccess") or {}).get("Destination"):
        raise InvalidParameterValueException(
            "Unsupported DestinationConfig parameter for given event source mapping type."
        )
    target = (targets.get("OnFailure") or {}).get("Destination")
    if target:
        destination.check(call.rooms, name, target, functions=False)
    age = request.get("MaximumRecordAgeInSeconds", -1)
    if -1 < age < _YOUNGEST_SECONDS:
        raise invalid(
            f"Value '{age}' at 'maximumRecordAgeInSeconds' failed to satisfy constraint: "
            f"Member must be -1 or have value greater than or equal to {_YOUNGEST_SECONDS}"
        )


def check_source(call: Call, request: dict[str, Any]) -> None:
    """Refuse a source that is no stream, and a start in it that is none."""
    arn = request.get("EventSourceArn") or ""
    parts = parse_arn(arn)
    service = parts.service if parts else ""
    if service in _OTHERS:
        raise not_done("EventSourceArn", _OTHERS[service])
    if service != "kinesis":
        raise InvalidParameterValueException("Unrecognized event source.")
    if "/consumer/" in arn:
        raise not_done("EventSourceArn", "a consumer of a stream (name the stream itself)")
    position = request.get("StartingPosition")
    if position is None:
        raise invalid("Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
    try:
        kinesis.check(call.rooms, arn)
    except ServiceError:
        raise InvalidParameterValueException(f"Stream not found: {arn}") from None
    timestamp = request.get("StartingPositionTimestamp")
    if (position == "AT_TIMESTAMP") != (timestamp is not None):
        raise InvalidParameterValueException(
            "StartingPositionTimestamp must be given with the StartingPosition AT_TIMESTAMP, and with no other."
        )
    if timestamp is not None and timestamp > call.rooms.clock.now():
        raise InvalidParameterValueException("StartingPositionTimestamp lies in the future.")


def function_named(call: Call, text: str) -> Name:
    """The function that a mapping is to feed."""
    name = parse_name(call.account, call.region, text)
    try:
        configuration_of(call.rooms, name)
    except ResourceNotFoundException:
        raise InvalidParameterValueException("Function does not exist") from None
    return name
