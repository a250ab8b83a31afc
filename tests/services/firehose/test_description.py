"""DescribeDeliveryStream: all that was asked for, and AWS's defaults."""

from tests.services.firehose.conftest import ROLE, conversion
from tests.services.firehose.test_stages import processors

LOGGING = {"CloudWatchLoggingOptions": {"Enabled": True, "LogGroupName": "g", "LogStreamName": "s"}}
HINTS = {"BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60}}
FUNCTION = {
    "LambdaArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
    "NumberOfRetries": 2,
    "RoleArn": ROLE,
    "BufferSizeInMBs": 1,
    "BufferIntervalInSeconds": 60,
}
PARQUET = {
    "BlockSizeBytes": 1 << 26,
    "PageSizeBytes": 1 << 16,
    "Compression": "GZIP",
    "EnableDictionaryCompression": True,
    "MaxPaddingBytes": 1,
    "WriterVersion": "V2",
}
ORC = {
    "StripeSizeBytes": 1 << 23,
    "BlockSizeBytes": 1 << 26,
    "RowIndexStride": 1000,
    "EnablePadding": True,
    "PaddingTolerance": 0.1,
    "Compression": "ZLIB",
    "BloomFilterColumns": ["belt_id"],
    "BloomFilterFalsePositiveProbability": 0.1,
    "DictionaryKeyThreshold": 0.5,
    "FormatVersion": "V0_11",
}
OPENX = {"ConvertDotsInJsonKeysToUnderscores": True, "CaseInsensitive": False, "ColumnToJsonKeyMappings": {"at": "t"}}
SCHEMA = {"CatalogId": "000000000000", "Region": "us-east-1", "VersionId": "LATEST"}


def described(firehose, name, kind):
    """One form of the destination of a delivery stream."""
    found = firehose.client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    return found["Destinations"][0][f"{kind}DestinationDescription"]


def place(firehose, prefix, **more):
    """All that a place in S3 may have."""
    encryption = {"EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"}}
    options = {"CompressionFormat": "GZIP", "ErrorOutputPrefix": "e/!{firehose:error-output-type}/"}
    return firehose.place(Prefix=prefix, **options, **HINTS, **encryption, **LOGGING, **more)


def test_a_destination_in_s3_is_described_as_it_was_asked_for(firehose, table):
    stages = processors(
        RecordDeAggregation={"SubRecordType": "JSON"},
        MetadataExtraction={"MetadataExtractionQuery": "{b:.belt_id}", "JsonParsingEngine": "JQ-1.6"},
        Lambda=FUNCTION,
        AppendDelimiterToRecord={"Delimiter": "\\n"},
    )
    asked = place(firehose, "x/!{partitionKeyFromQuery:b}/") | {
        "CompressionFormat": "UNCOMPRESSED",
        "ProcessingConfiguration": stages,
        "S3BackupMode": "Enabled",
        "DynamicPartitioningConfiguration": {"Enabled": True, "RetryOptions": {"DurationInSeconds": 7}},
        "FileExtension": ".x",
        "CustomTimeZone": "Europe/Berlin",
        **conversion(table[1], output={"ParquetSerDe": PARQUET}, read={"OpenXJsonSerDe": OPENX}, **SCHEMA),
    }
    backup = place(firehose, "backup/")
    name = firehose.create(S3BackupConfiguration=backup, **asked)
    found = described(firehose, name, "ExtendedS3")
    assert found == {**asked, "S3BackupDescription": backup}
    assert described(firehose, name, "S3").items() <= found.items()
    change = {
        "Prefix": "y/!{partitionKeyFromQuery:b}/",
        "S3BackupUpdate": {"Prefix": "b/"},
        **conversion(table[1], output={"OrcSerDe": ORC}, read={"HiveJsonSerDe": {"TimestampFormats": ["millis"]}}),
    }
    version = {"DestinationId": "destinationId-000000000001", "CurrentDeliveryStreamVersionId": "1"}
    firehose.client.update_destination(DeliveryStreamName=name, ExtendedS3DestinationUpdate=change, **version)
    del change["S3BackupUpdate"]
    backup["Prefix"] = "b/"
    assert described(firehose, name, "ExtendedS3") == {**asked, **change, "S3BackupDescription": backup}


def test_an_http_endpoint_is_described_as_it_was_asked_for_but_its_key(firehose):
    asked = {
        "EndpointConfiguration": {"Url": "https://h/", "Name": "n"},
        "RequestConfiguration": {
            "ContentEncoding": "GZIP",
            "CommonAttributes": [{"AttributeName": "a", "AttributeValue": "b"}],
        },
        "ProcessingConfiguration": processors(Lambda=FUNCTION),
        "RoleARN": ROLE,
        "RetryOptions": {"DurationInSeconds": 9},
        "S3BackupMode": "AllData",
        "SecretsManagerConfiguration": {"Enabled": False},
        **HINTS,
        **LOGGING,
    }
    objects = place(firehose, "h/")
    request = {
        **asked,
        "EndpointConfiguration": {**asked["EndpointConfiguration"], "AccessKey": "secret"},
        "S3Configuration": objects,
    }
    stream = {"DeliveryStreamName": "endpoint", "HttpEndpointDestinationConfiguration": request}
    firehose.client.create_delivery_stream(**stream)
    assert described(firehose, "endpoint", "HttpEndpoint") == {**asked, "S3DestinationDescription": objects}


def test_a_source_is_described(firehose):
    """As AWS was seen to: there is no encryption to tell of where records come from a Kinesis stream."""
    hint = {"ThroughputHintInMBs": 3}
    streams = [firehose.create(stream={"DirectPutSourceConfiguration": hint})]
    kinesis = firehose.server.client("kinesis")
    kinesis.create_stream(StreamName="described", ShardCount=1)
    arn = kinesis.describe_stream(StreamName="described")["StreamDescription"]["StreamARN"]
    source = {"KinesisStreamARN": arn, "RoleARN": ROLE}
    stream = {"DeliveryStreamType": "KinesisStreamAsSource", "KinesisStreamSourceConfiguration": source}
    streams.append(firehose.create(stream=stream))
    kinesis.delete_stream(StreamName="described")
    put, read = (
        firehose.client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
        for name in streams
    )
    assert put["Source"] == {"DirectPutSourceDescription": hint}
    assert put["DeliveryStreamEncryptionConfiguration"] == {"Status": "DISABLED"}
    found = read["Source"]["KinesisStreamSourceDescription"]
    assert found.pop("DeliveryStartTimestamp").timestamp() == firehose.clock.now()
    assert found == source
    assert "DeliveryStreamEncryptionConfiguration" not in read


def test_partitioning_is_described_with_its_retries(firehose):
    stages = processors(MetadataExtraction={"MetadataExtractionQuery": "{n:.n}", "JsonParsingEngine": "JQ-1.6"})
    name = firehose.create(
        Prefix="n=!{partitionKeyFromQuery:n}/",
        ErrorOutputPrefix="e/!{firehose:error-output-type}/",
        DynamicPartitioningConfiguration={"Enabled": True},
        ProcessingConfiguration=stages,
        **HINTS,
    )
    partitioning = described(firehose, name, "ExtendedS3")["DynamicPartitioningConfiguration"]
    assert partitioning == {"Enabled": True, "RetryOptions": {"DurationInSeconds": 300}}
