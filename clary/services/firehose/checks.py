"""What the model can't say of a destination."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from clary.delivery.prefix import expressions_of, keys_of
from clary.errors import ClientError
from clary.services.firehose.errors import InvalidArgumentException
from clary.services.firehose.processors import Processors, read_processors
from clary.tables.json_times import compile_pattern

_LARGE = 64
_LONGEST_PREFIX = 800  # the rest of an object's name has a stream's name, a time and a UUID
_QUERY, _LAMBDA = "partitionKeyFromQuery", "partitionKeyFromLambda"


def check_destination(destination: dict[str, Any], before: dict[str, Any] | None) -> None:
    """Refuse what can't be delivered; `before` is the destination that an update replaces."""
    if (endpoint := destination.get("HttpEndpointDestinationDescription")) is not None:
        _check_endpoint(endpoint)
    else:
        old = (before or {}).get("ExtendedS3DestinationDescription")
        _check_objects(destination["ExtendedS3DestinationDescription"], old)


def is_enabled(described: dict[str, Any], name: str) -> bool:
    """Whether a part of a destination is in use."""
    return bool((described.get(name) or {}).get("Enabled"))


def _check_objects(described: dict[str, Any], before: dict[str, Any] | None) -> None:
    _check_place(described)
    processors = read_processors(described.get("ProcessingConfiguration"))
    partitioned = is_enabled(described, "DynamicPartitioningConfiguration")
    if before is not None and partitioned and not is_enabled(before, "DynamicPartitioningConfiguration"):
        raise InvalidArgumentException("Dynamic Partitioning cannot be enabled on an existing delivery stream.")
    _check_partitioning(described, processors, partitioned=partitioned)
    if is_enabled(described, "DataFormatConversionConfiguration"):
        _check_conversion(described)
    if described["S3BackupMode"] == "Enabled":
        if not described.get("S3BackupDescription"):
            raise InvalidArgumentException("S3BackupConfiguration must be given when S3BackupMode is Enabled.")
        _check_place(described["S3BackupDescription"])
    elif before is not None and before["S3BackupMode"] == "Enabled":
        raise InvalidArgumentException("S3BackupMode cannot be disabled once it is enabled.")


def _check_endpoint(described: dict[str, Any]) -> None:
    for member in ("EndpointConfiguration", "S3DestinationDescription"):
        if not described.get(member):
            raise InvalidArgumentException(f"{member} must be given for an HTTP endpoint destination.")
    url = described["EndpointConfiguration"]["Url"]
    try:
        host = urlsplit(url).hostname if urlsplit(url).port != 0 else None
    except ValueError:
        host = None
    if not host:
        raise InvalidArgumentException(f"EndpointConfiguration.Url {url} is not the URL of a host.")
    _check_place(described["S3DestinationDescription"])
    processors = read_processors(described.get("ProcessingConfiguration"))
    if processors.query:
        raise InvalidArgumentException("MetadataExtraction is not supported for an HTTP endpoint destination.")
    if is_enabled(described, "SecretsManagerConfiguration"):
        raise InvalidArgumentException("SecretsManagerConfiguration is not supported by Clary: it has no secrets.")


def _check_place(described: dict[str, Any]) -> None:
    for member in ("RoleARN", "BucketARN"):
        if not described.get(member):
            raise InvalidArgumentException(f"{member} must be given for a destination in S3.")
    if described["EncryptionConfiguration"].get("KMSEncryptionConfig"):
        raise InvalidArgumentException("KMSEncryptionConfig is not supported by Clary: it has no KMS.")
    logging = described["CloudWatchLoggingOptions"]
    if logging["Enabled"] and not (logging.get("LogGroupName") and logging.get("LogStreamName")):
        raise InvalidArgumentException("LogGroupName and LogStreamName must be given when logging is enabled.")
    zone = described.get("CustomTimeZone") or "UTC"
    try:
        ZoneInfo(zone)
    except (KeyError, OSError, ValueError):
        raise InvalidArgumentException(f"CustomTimeZone {zone} is not a known time zone.") from None
    _check_prefixes(described.get("Prefix") or "", described.get("ErrorOutputPrefix") or "")


def _check_prefixes(prefix: str, error_prefix: str) -> None:
    for member, given in (("Prefix", prefix), ("ErrorOutputPrefix", error_prefix)):
        if len(given.encode()) > _LONGEST_PREFIX:
            raise InvalidArgumentException(f"{member} must have at most {_LONGEST_PREFIX} bytes.")
    try:
        expressions, error_expressions = expressions_of(prefix), expressions_of(error_prefix)
    except ClientError as problem:
        raise InvalidArgumentException(f"{problem}.") from None
    if any(found.value == "error-output-type" for found in expressions):
        raise InvalidArgumentException("Prefix cannot contain !{firehose:error-output-type}.")
    if any(found.namespace in (_QUERY, _LAMBDA) for found in error_expressions):
        raise InvalidArgumentException("ErrorOutputPrefix cannot contain partition keys.")
    if expressions and not error_prefix:
        raise InvalidArgumentException("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions.")
    told = any(found.value == "error-output-type" for found in error_expressions)
    if (expressions or error_expressions) and error_prefix and not told:
        raise InvalidArgumentException(
            "ErrorOutputPrefix must contain !{firehose:error-output-type} when it or Prefix contains expressions."
        )


def _check_partitioning(described: dict[str, Any], processors: Processors, *, partitioned: bool) -> None:
    prefix = described.get("Prefix") or ""
    by_query, by_function = keys_of(prefix, _QUERY), keys_of(prefix, _LAMBDA)
    if not partitioned:
        if processors.query:
            raise InvalidArgumentException(
                "MetadataExtraction processor should be present only when Dynamic Partitioning is enabled."
            )
        if by_query or by_function:
            raise InvalidArgumentException("Partition keys in Prefix need Dynamic Partitioning to be enabled.")
        return
    if described["BufferingHints"]["SizeInMBs"] < _LARGE:
        raise InvalidArgumentException(
            f"BufferingHints.SizeInMBs must be at least {_LARGE} when Dynamic Partitioning is enabled."
        )
    if not by_query and not by_function:
        raise InvalidArgumentException(
            "Prefix must contain partitionKeyFromQuery or partitionKeyFromLambda when Dynamic Partitioning is enabled."
        )
    if by_function and processors.function is None:
        raise InvalidArgumentException("partitionKeyFromLambda in Prefix needs a Lambda processor.")
    missing = sorted(set(by_query) - set(processors.query_keys))
    if missing:
        raise InvalidArgumentException(f"MetadataExtractionQuery has no key {missing[0]}, which Prefix asks for.")
    unused = sorted(set(processors.query_keys) - set(by_query))
    if unused:
        raise InvalidArgumentException(f"Prefix does not use the key {unused[0]} of MetadataExtractionQuery.")


def _check_conversion(described: dict[str, Any]) -> None:
    conversion = described["DataFormatConversionConfiguration"]
    if described["BufferingHints"]["SizeInMBs"] < _LARGE:
        raise InvalidArgumentException(
            f"BufferingHints.SizeInMBs must be at least {_LARGE} when data format conversion is enabled."
        )
    if described["CompressionFormat"] != "UNCOMPRESSED":
        raise InvalidArgumentException(
            "CompressionFormat must be UNCOMPRESSED when data format conversion is enabled: "
            "the serializer compresses by itself."
        )
    schema = conversion.get("SchemaConfiguration") or {}
    for member in ("RoleARN", "DatabaseName", "TableName"):
        if not schema.get(member):
            raise InvalidArgumentException(f"SchemaConfiguration.{member} must be given for data format conversion.")
    reads = (conversion.get("InputFormatConfiguration") or {}).get("Deserializer") or {}
    writes = (conversion.get("OutputFormatConfiguration") or {}).get("Serializer") or {}
    for name, given in (("Deserializer", reads), ("Serializer", writes)):
        if sum(value is not None for value in given.values()) != 1:
            raise InvalidArgumentException(f"Exactly one {name} must be given for data format conversion.")
    bloom = writes.get("OrcSerDe") or {}
    if bloom.get("BloomFilterColumns") and not 0 < bloom.get("BloomFilterFalsePositiveProbability", 0.05) < 1:
        raise InvalidArgumentException(
            "BloomFilterFalsePositiveProbability must lie between 0 and 1 for bloom filters: neither can be had."
        )
    for pattern in (reads.get("HiveJsonSerDe") or {}).get("TimestampFormats") or ():
        if pattern != "millis":
            _check_timestamp_format(pattern)


def _check_timestamp_format(pattern: str) -> None:
    try:
        compile_pattern(pattern)
    except ClientError as problem:
        raise InvalidArgumentException(f"{problem}.") from None
