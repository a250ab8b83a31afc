"""Destinations: what a request asks for, made complete as DescribeDeliveryStream shows it."""

from __future__ import annotations

from typing import Any

from clary.services.firehose.checks import check_destination
from clary.services.firehose.errors import InvalidArgumentException

FIRST_ID = "destinationId-000000000001"

Description = dict[str, Any]

_BUFFERING = {"SizeInMBs": 5, "IntervalInSeconds": 300}
_LARGE_BUFFERING = {**_BUFFERING, "SizeInMBs": 128}
_RETRIES = {"DurationInSeconds": 300}
_NESTED = {
    "S3BackupConfiguration": "S3BackupDescription",
    "S3BackupUpdate": "S3BackupDescription",
    "S3Configuration": "S3DestinationDescription",
    "S3Update": "S3DestinationDescription",
}
# What a request may name, by the member of a destination's description that it becomes.
_KINDS = {
    "ExtendedS3Destination": "ExtendedS3DestinationDescription",
    "S3Destination": "ExtendedS3DestinationDescription",
    "HttpEndpointDestination": "HttpEndpointDestinationDescription",
}


def create_destination(request: dict[str, Any]) -> Description:
    """The destination of a new delivery stream."""
    kind, asked = _asked(request, "Configuration")
    destination = {"DestinationId": FIRST_ID, kind: _complete(kind, asked, {})}
    check_destination(destination, None)
    return _show(destination)


def update_destination(request: dict[str, Any], had: Description) -> Description:
    """A destination after an update: what the request doesn't name stays."""
    if request["DestinationId"] != had["DestinationId"]:
        raise InvalidArgumentException(f"Destination Id {request['DestinationId']} not found")
    kind, asked = _asked(request, "Update")
    if kind not in had:
        raise InvalidArgumentException("An update cannot change S3 to an HTTP endpoint, or back: not in Clary.")
    destination = {"DestinationId": had["DestinationId"], kind: _complete(kind, asked, had[kind])}
    check_destination(destination, had)
    return _show(destination)


def _asked(request: dict[str, Any], ending: str) -> tuple[str, dict[str, Any]]:
    named = [name for name in request if name.endswith(f"Destination{ending}") and request[name] is not None]
    for name in named:
        if name.removesuffix(ending) not in _KINDS:
            raise InvalidArgumentException(
                f"{name} is not supported by Clary: a delivery stream delivers to S3 or to an HTTP endpoint."
            )
    if len(named) != 1:
        raise InvalidArgumentException("Exactly one destination configuration is supported for a Firehose")
    [name] = named
    _check_buffering(request[name], name)
    return _KINDS[name.removesuffix(ending)], request[name]


def _check_buffering(asked: dict[str, Any], where: str) -> None:
    """Refuse one of the two hints alone: AWS takes both or none, in an update too."""
    for name in sorted(_NESTED.keys() & asked.keys()):
        _check_buffering(asked[name], f"{where}.{name}")
    given = asked.get("BufferingHints") or {}
    missing = sorted(_BUFFERING.keys() - given.keys())
    if given and missing:
        [has] = given
        raise InvalidArgumentException(
            f"{where}.BufferingHints has {has} but no {missing[0]}: both must be given, or neither."
        )


def _complete(kind: str, asked: dict[str, Any], had: dict[str, Any]) -> dict[str, Any]:
    """What was asked for over what there was, every default filled in."""
    merged = dict(had)
    for name, value in asked.items():
        if name in _NESTED:
            merged[_NESTED[name]] = _complete_place(value, had.get(_NESTED[name]) or {}, _BUFFERING)
        elif name == "BufferingHints":
            merged[name] = {**had.get(name, {}), **value}
        else:
            merged[name] = value
    if kind == "HttpEndpointDestinationDescription":
        merged["BufferingHints"] = {**_BUFFERING, **merged.get("BufferingHints", {})}
        merged.setdefault("S3BackupMode", "FailedDataOnly")
        merged["RetryOptions"] = {**_RETRIES, **merged.get("RetryOptions", {})}
        merged["RequestConfiguration"] = {"ContentEncoding": "NONE", **merged.get("RequestConfiguration", {})}
        return merged
    conversion, partitioning = (
        merged.get(name) or {} for name in ("DataFormatConversionConfiguration", "DynamicPartitioningConfiguration")
    )
    if conversion:
        merged["DataFormatConversionConfiguration"] = conversion = {"Enabled": True, **conversion}
    if partitioning:
        retries = {**_RETRIES, **partitioning.get("RetryOptions", {})}
        merged["DynamicPartitioningConfiguration"] = {**partitioning, "RetryOptions": retries}
    large = conversion.get("Enabled") or partitioning.get("Enabled")
    merged.setdefault("S3BackupMode", "Disabled")
    return _complete_place(merged, {}, _LARGE_BUFFERING if large else _BUFFERING)


def _complete_place(asked: dict[str, Any], had: dict[str, Any], buffering: dict[str, int]) -> dict[str, Any]:
    merged = {**had, **asked}
    merged["BufferingHints"] = {**buffering, **had.get("BufferingHints", {}), **asked.get("BufferingHints", {})}
    merged.setdefault("CompressionFormat", "UNCOMPRESSED")
    merged.setdefault("EncryptionConfiguration", {"NoEncryptionConfig": "NoEncryption"})
    merged["CloudWatchLoggingOptions"] = {"Enabled": False, **merged.get("CloudWatchLoggingOptions", {})}
    return merged


def _show(destination: Description) -> Description:
    """A destination in S3 is described in both of its forms."""
    extended = destination.get("ExtendedS3DestinationDescription")
    return {**destination, "S3DestinationDescription": extended} if extended else destination
