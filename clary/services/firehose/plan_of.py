"""From the record of a delivery stream to the plan that its deliveries follow."""

from __future__ import annotations

from typing import Any

from clary.delivery import Plan
from clary.delivery.plan import MIB, Conversion, Endpoint, Place
from clary.delivery.scope import Scope
from clary.services.firehose.checks import is_enabled
from clary.services.firehose.processors import read_processors
from clary.store.records import Key, Record


def plan_of(record: Record) -> Plan:
    """The plan of a delivery stream as it is configured now."""
    body = record.body
    [destination] = body["Destinations"]
    endpoint = destination.get("HttpEndpointDestinationDescription")
    described = endpoint or destination["ExtendedS3DestinationDescription"]
    objects = endpoint["S3DestinationDescription"] if endpoint else described
    processors = read_processors(described.get("ProcessingConfiguration"))
    partitioned = not endpoint and is_enabled(described, "DynamicPartitioningConfiguration")
    converted = not endpoint and is_enabled(described, "DataFormatConversionConfiguration")
    backup = described.get("S3BackupDescription") if described["S3BackupMode"] == "Enabled" else None
    logging = (described if not endpoint else {**objects, **endpoint}).get("CloudWatchLoggingOptions") or {}
    return Plan(
        id=body["Id"],
        name=body["DeliveryStreamName"],
        arn=body["DeliveryStreamARN"],
        scope=Scope(record.key.account, record.key.region),
        version=int(body["VersionId"]),
        size=described["BufferingHints"]["SizeInMBs"] * MIB,
        seconds=described["BufferingHints"]["IntervalInSeconds"],
        place=_place(objects),
        backup=_place(backup) if backup else None,
        source=body.get("Source", {}).get("KinesisStreamSourceDescription", {}).get("KinesisStreamARN", ""),
        split=processors.split,
        function=processors.function,
        query=processors.query,
        delimiter=processors.delimiter,
        partitioned=partitioned,
        conversion=conversion_of(described, record.key) if converted else None,
        endpoint=_endpoint(endpoint, body.get("AccessKey", "")) if endpoint else None,
        log=(logging["LogGroupName"], logging["LogStreamName"]) if logging.get("Enabled") else None,
    )


def _place(described: dict[str, Any]) -> Place:
    return Place(
        bucket=described["BucketARN"].rpartition(":::")[2],
        prefix=described.get("Prefix") or "",
        error_prefix=described.get("ErrorOutputPrefix") or "",
        compression=described["CompressionFormat"],
        extension=described.get("FileExtension") or "",
        zone=described.get("CustomTimeZone") or "UTC",
    )


def conversion_of(described: dict[str, Any], key: Key) -> Conversion:
    """How a destination of the stream of that key converts records."""
    configuration = described["DataFormatConversionConfiguration"]
    schema = configuration["SchemaConfiguration"]
    reads = configuration["InputFormatConfiguration"]["Deserializer"]
    writes = configuration["OutputFormatConfiguration"]["Serializer"]
    openx, hive = reads.get("OpenXJsonSerDe") or {}, reads.get("HiveJsonSerDe")
    parquet, orc = writes.get("ParquetSerDe"), writes.get("OrcSerDe")
    return Conversion(
        database=schema["DatabaseName"],
        table=schema["TableName"],
        table_version=schema.get("VersionId") or "LATEST",
        catalog=schema.get("CatalogId") or key.account,
        region=schema.get("Region") or key.region,
        hive=hive is not None,
        timestamp_formats=tuple((hive or {}).get("TimestampFormats") or ()),
        case_insensitive=openx.get("CaseInsensitive", True),
        dots_to_underscores=openx.get("ConvertDotsInJsonKeysToUnderscores", False),
        keys=openx.get("ColumnToJsonKeyMappings") or {},
        output="orc" if parquet is None else "parquet",
        options=dict(orc if parquet is None else parquet),
    )


def _endpoint(described: dict[str, Any], access_key: str) -> Endpoint:
    configuration, request = described["EndpointConfiguration"], described["RequestConfiguration"]
    return Endpoint(
        url=configuration["Url"],
        name=configuration.get("Name") or "",
        access_key=access_key,
        attributes={row["AttributeName"]: row["AttributeValue"] for row in request.get("CommonAttributes") or ()},
        gzip=request["ContentEncoding"] == "GZIP",
        seconds=described["RetryOptions"]["DurationInSeconds"],
        all_data=described["S3BackupMode"] == "AllData",
    )
