"""The stages of a delivery: functions, splitting, partitions, conversion to columns, backup; and what fails in them."""

import base64
import io
import itertools
import json
import zipfile

import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from clary.delivery import partition
from tests.services.firehose.conftest import ROLE, conversion

_numbers = itertools.count()
SOURCE = """
import base64, json

def handler(event, context):
    assert event["deliveryStreamArn"] and event["invocationId"] and event["region"]
    rows = []
    for record in event["records"]:
        found = json.loads(base64.b64decode(record["data"]))
        result = found.pop("result", "Ok")
        data = base64.b64encode(json.dumps({**found, "seen": True}).encode()).decode()
        rows.append({"recordId": record["recordId"], "result": result, "data": data,
                     "metadata": {"partitionKeys": {"building": str(found.get("b"))}}})
    return {"records": rows}
"""


def processors(**kinds):
    """A ProcessingConfiguration: parameters by type."""
    rows = [
        {"Type": kind, "Parameters": [{"ParameterName": n, "ParameterValue": str(v)} for n, v in given.items()]}
        for kind, given in kinds.items()
    ]
    return {"Enabled": True, "Processors": rows}


@pytest.fixture
def function(firehose):
    """The ARN of a real function."""
    name, buffer = f"change-{next(_numbers)}", io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", SOURCE)
    client = firehose.server.client("lambda", read_timeout=120)
    arn = client.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": buffer.getvalue()},
        Timeout=30,
    )["FunctionArn"]
    yield arn
    client.delete_function(FunctionName=name)


def lines(body):
    return [json.loads(line) for line in body.splitlines()]


def test_a_function_changes_drops_and_fails_records(firehose, function):
    stages = processors(Lambda={"LambdaArn": function}, AppendDelimiterToRecord={})
    name = firehose.create(ProcessingConfiguration=stages)
    firehose.put(name, '{"a":1}', '{"a":2,"result":"Dropped"}', '{"a":3,"result":"ProcessingFailed"}', '{"a":4}')
    firehose.pass_time()
    _, body = firehose.only("20")
    assert lines(body) == [{"a": 1, "seen": True}, {"a": 4, "seen": True}]
    assert firehose.measured(name, "SucceedProcessing.Records") == 2
    assert firehose.measured(name, "SucceedProcessing.Bytes") == 2 * len('{"a": 1, "seen": true}')
    assert firehose.measured(name, "ExecuteProcessing.Success", "Average") == 1
    _, body = firehose.only("processing-failed/")
    [failed] = lines(body)
    assert base64.b64decode(failed["rawData"]) == b'{"a":3,"result":"ProcessingFailed"}'
    assert failed["attemptsMade"] == 1
    assert failed["errorCode"] == "Lambda.FunctionError"
    assert failed["lambdaArn"] == function
    assert failed["attemptEndingTimestamp"] >= failed["arrivalTimestamp"] > 1.7e12
    assert isinstance(failed["errorMessage"], str)


def test_a_function_that_is_not_there_fails_all_and_says_so(firehose):
    arn = "arn:aws:lambda:us-east-1:000000000000:function:nowhere"
    logging = {"Enabled": True, "LogGroupName": "/aws/kinesisfirehose/f", "LogStreamName": "DestinationDelivery"}
    name = firehose.create(
        ProcessingConfiguration=processors(Lambda={"LambdaArn": arn, "NumberOfRetries": 1}),
        CloudWatchLoggingOptions=logging,
        ErrorOutputPrefix="bad/",
    )
    firehose.put(name, "x")
    firehose.pass_time()
    _, body = firehose.only("bad/processing-failed/")
    [failed] = lines(body)
    assert (failed["errorCode"], failed["attemptsMade"]) == ("Lambda.ResourceNotFound", 2)
    assert firehose.measured(name, "ExecuteProcessing.Success", "SampleCount") == 2
    assert firehose.measured(name, "ExecuteProcessing.Success") == 0
    events = firehose.server.client("logs").get_log_events(
        logGroupName="/aws/kinesisfirehose/f", logStreamName="DestinationDelivery"
    )["events"]
    assert len(events) == 2
    assert "Function not found" in json.loads(events[0]["message"])["message"]


PARTITIONED = {
    "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
    "DynamicPartitioningConfiguration": {"Enabled": True},
    "ErrorOutputPrefix": "bad/!{firehose:error-output-type}/",
}


def test_records_go_to_partitions_by_a_query(firehose):
    query = "{belt: .belt.id, day: (.at | .[0:10])}"
    name = firehose.create(
        Prefix="belt=!{partitionKeyFromQuery:belt}/day=!{partitionKeyFromQuery:day}/",
        ProcessingConfiguration=processors(
            RecordDeAggregation={"SubRecordType": "JSON"},
            MetadataExtraction={"MetadataExtractionQuery": query, "JsonParsingEngine": "JQ-1.6"},
            AppendDelimiterToRecord={"Delimiter": "\\n"},
        ),
        **PARTITIONED,
    )
    row = '{"belt": {"id": %d}, "at": "2026-01-0%dT00:00:00"}'
    firehose.put(name, row % (1, 1) + row % (2, 1), "[" + row % (1, 1) + "," + row % (1, 2) + "]")
    firehose.put(name, '{"belt": {}}', '{"belt": 1}', "no JSON", '{"belt": {"id": [1]}, "at": "x"}')
    firehose.put(name, row.replace("%d", f'"{"y" * 300}"', 1) % 1)
    firehose.pass_time(60)
    found = {key.rpartition("/")[0]: body for key, body in firehose.objects("belt=").items()}
    assert {place: len(lines(body)) for place, body in found.items()} == {
        "belt=1/day=2026-01-01": 2,
        "belt=2/day=2026-01-01": 1,
        "belt=1/day=2026-01-02": 1,
    }
    _, body = firehose.only("bad/processing-failed/")
    failed = lines(body)
    assert sorted(row["errorCode"].rpartition(".")[2] for row in failed) == [
        "DeaggregationFailed",
        *["MetadataExtractionFailed"] * 4,
    ]
    assert any("belt is null or empty" in row["errorMessage"] for row in failed)
    assert firehose.measured(name, "PartitionCount", "Maximum") == 3
    assert firehose.measured(name, "ActivePartitionsLimit", "Maximum") == 500
    assert firehose.measured(name, "PartitionCountExceeded", "Maximum") == 0
    assert firehose.measured(name, "JQProcessing.Duration", "SampleCount") == 1
    assert firehose.measured(name, "DeliveryToS3.ObjectCount") == len(firehose.objects()) == 4


def test_records_of_more_partitions_than_there_may_be_fail(firehose, monkeypatch):
    monkeypatch.setattr(partition, "MOST_PARTITIONS", 2)
    query = {"MetadataExtractionQuery": "{n:.n}", "JsonParsingEngine": "JQ-1.6"}
    stages = {"ProcessingConfiguration": processors(MetadataExtraction=query), **PARTITIONED}
    name = firehose.create(Prefix="n=!{partitionKeyFromQuery:n}/", **stages)
    firehose.put(name, '{"n":1}', '{"n":2}', '{"n":3}', '{"n":1}')
    firehose.pass_time(60)
    assert sorted(key.partition("/")[0] for key in firehose.objects("n=")) == ["n=1", "n=2"]
    [failed] = lines(firehose.only("bad/processing-failed/")[1])
    assert failed["errorCode"] == "DynamicPartitioning.ActivePartitionLimitExceeded"
    assert base64.b64decode(failed["rawData"]) == b'{"n":3}'
    assert firehose.measured(name, "PartitionCount", "Maximum") == 2
    assert firehose.measured(name, "PartitionCountExceeded", "Maximum") == 1


def test_partition_keys_that_no_object_can_be_named_by_fail_their_records_alone(firehose):
    names = "abcde"
    query = f"{{{','.join(f'{name}:.{name}' for name in names)}}}"
    name = firehose.create(
        Prefix="/".join(f"!{{partitionKeyFromQuery:{name}}}" for name in names) + "/",
        ProcessingConfiguration=processors(MetadataExtraction={"MetadataExtractionQuery": query}),
        **PARTITIONED,
    )
    firehose.put(name, *[json.dumps(dict.fromkeys(names, key)) for key in ("x" * 200, "y", "x" * 200)])
    firehose.pass_time(60)
    assert firehose.only("y/y/y/y/y/")
    failed = lines(firehose.only("bad/processing-failed/")[1])
    assert [row["errorCode"] for row in failed] == ["DynamicPartitioning.MetadataExtractionFailed"] * 2
    assert "longer than 1024 bytes" in failed[0]["errorMessage"]


def test_records_go_to_partitions_by_what_their_function_says(firehose, function):
    name = firehose.create(
        Prefix="b=!{partitionKeyFromLambda:building}/!{timestamp:yyyy}/",
        ProcessingConfiguration=processors(Lambda={"LambdaArn": function}),
        **PARTITIONED,
    )
    firehose.put(name, '{"b":1}', '{"b":2}', '{"b":1}')
    firehose.pass_time()
    assert sorted(key.partition("/20")[0] for key in firehose.objects()) == ["b=1", "b=2"]


def test_texts_are_split_at_a_delimiter(firehose):
    name = firehose.create(
        ProcessingConfiguration=processors(
            RecordDeAggregation={"SubRecordType": "DELIMITED", "Delimiter": "##"}, AppendDelimiterToRecord={}
        )
    )
    firehose.put(name, "a##b##", "c")
    firehose.pass_time()
    assert firehose.only()[1] == b"a\nb\nc\n"


def test_json_becomes_parquet_by_the_table_and_what_does_not_fit_is_kept_apart(firehose, table):
    _, database = table
    name = firehose.create(Prefix="out/", **conversion(database))
    firehose.put(
        name,
        '{"belt_id":1,"Belt_Temp":20.5,"at":"2026-01-01T00:00:00Z"}{"belt_id":2}',
        '{"belt_id":"seven"}',
        '[{"belt_id":3}]',
        '{"belt_id":4',
        '{"belt_id":5,"tags":{"x":1}}\n',
    )
    firehose.pass_time(60)
    objects = firehose.objects("out/20")
    [(key, body)] = objects.items()
    assert key.endswith(".parquet")
    file = pq.ParquetFile(io.BytesIO(body))
    rows = file.read().to_pylist()
    assert [row["belt_id"] for row in rows] == [1, 2, 5]
    assert rows[0]["belt_temp"] == 20.5
    assert rows[2]["tags"] == [("x", 1)]
    assert file.metadata.row_group(0).column(0).compression == "SNAPPY"
    _, body = firehose.only("out/format-conversion-failed/")
    failed = lines(body)
    starts = [base64.b64decode(row["rawData"])[:12] for row in failed]
    assert starts == [b'{"belt_id":"', b'[{"belt_id":', b'{"belt_id":4']
    first = failed[0]
    assert first["ErrorCode"] == first["lastErrorCode"] == "DataFormatConversion.MalformedData"
    assert [row["ErrorCode"].rpartition(".")[2] for row in failed] == ["MalformedData", "MalformedData", "ParseError"]
    assert first["ErrorMessage"] == (
        'Data does not match the schema: "seven" does not fit the column belt_id of type int'
    )
    assert first["dataCatalogTable"]["databaseName"] == database
    assert first["dataCatalogTable"]["versionId"] == "LATEST"
    assert "must be one or more JSON objects, not an array" in failed[1]["ErrorMessage"]


@pytest.mark.parametrize(
    ("output", "compression"),
    [
        ({"ParquetSerDe": {"Compression": "GZIP", "WriterVersion": "V2", "EnableDictionaryCompression": True}}, "GZIP"),
        ({"ParquetSerDe": {"Compression": "UNCOMPRESSED"}}, "UNCOMPRESSED"),
        ({"OrcSerDe": {"Compression": "ZLIB", "BloomFilterColumns": ["belt_id"], "FormatVersion": "V0_12"}}, "ZLIB"),
        ({"OrcSerDe": {}}, "SNAPPY"),
    ],
)
def test_serializers(firehose, table, output, compression):
    _, database = table
    name = firehose.create(**conversion(database, output=output))
    firehose.put(name, *[f'{{"belt_id":{n},"at":"2026-01-01 00:00:00.5","tags":{{"a":{n}}}}}' for n in range(100)])
    firehose.pass_time(60)
    key, body = firehose.only()
    if "OrcSerDe" in output:
        file = orc.ORCFile(io.BytesIO(body))
        assert (file.compression, key.endswith(".orc")) == (compression, True)
        rows = file.read().to_pylist()
    else:
        file = pq.ParquetFile(io.BytesIO(body))
        assert file.metadata.row_group(0).column(0).compression == compression
        rows = file.read().to_pylist()
    assert [row["belt_id"] for row in rows] == list(range(100))
    assert rows[7]["at"].microsecond == 500_000
    assert rows[7]["tags"] == [("a", 7)]


def test_the_version_of_a_table_stays_and_latest_moves(firehose, table):
    glue, database = table
    fixed = firehose.create(Prefix="fixed/", **conversion(database, VersionId="0"))
    latest = firehose.create(Prefix="latest/", **conversion(database))
    storage = {"Columns": [{"Name": "belt_id", "Type": "string"}, {"Name": "more", "Type": "int"}]}
    version = glue.get_table(DatabaseName=database, Name="belts")["Table"]["VersionId"]
    glue.update_table(DatabaseName=database, TableInput={"Name": "belts", "StorageDescriptor": storage})
    for name in (fixed, latest):
        firehose.put(name, '{"belt_id":1,"more":2}')
    firehose.pass_time(60)
    assert version == "0"
    assert pq.read_table(io.BytesIO(firehose.only("fixed/")[1])).column_names[:2] == ["belt_id", "belt_temp"]
    assert pq.read_table(io.BytesIO(firehose.only("latest/")[1])).to_pylist() == [{"belt_id": "1", "more": 2}]


def test_partitions_of_columns(firehose, table):
    _, database = table
    options = {**PARTITIONED, **conversion(database)}
    name = firehose.create(
        Prefix="belt=!{partitionKeyFromQuery:belt}/",
        ProcessingConfiguration=processors(
            MetadataExtraction={"MetadataExtractionQuery": "{belt:.belt_id}", "JsonParsingEngine": "JQ-1.6"}
        ),
        **options,
    )
    firehose.put(name, '{"belt_id":1}', '{"belt_id":2}', '{"belt_id":1,"belt_temp":3}', '{"belt_id":"x"}')
    firehose.pass_time(60)
    found = {key.partition("/")[0]: pq.read_table(io.BytesIO(body)) for key, body in firehose.objects("belt=").items()}
    assert {place: rows.num_rows for place, rows in found.items()} == {"belt=1": 2, "belt=2": 1}
    assert len(firehose.objects("bad/format-conversion-failed/")) == 1


def test_the_source_is_backed_up(firehose, function):
    backup = firehose.place(Prefix="backup/", CompressionFormat="UNCOMPRESSED")
    name = firehose.create(
        Prefix="out/",
        ProcessingConfiguration=processors(Lambda={"LambdaArn": function}),
        S3BackupMode="Enabled",
        S3BackupConfiguration=backup,
    )
    firehose.put(name, '{"a":1}', '{"a":2,"result":"Dropped"}')
    firehose.pass_time()
    assert firehose.only("backup/")[1] == b'{"a":1}{"a":2,"result":"Dropped"}'
    assert firehose.only("out/")[1] == b'{"a": 1, "seen": true}'


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({**conversion("d"), "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60}}, "must be at least 64"),
        ({**conversion("d"), "CompressionFormat": "GZIP"}, "CompressionFormat must be UNCOMPRESSED"),
        (conversion("d", read={"HiveJsonSerDe": {}, "OpenXJsonSerDe": {}}), "Exactly one Deserializer"),
        (
            conversion(
                "d", output={"OrcSerDe": {"BloomFilterColumns": ["a"], "BloomFilterFalsePositiveProbability": 0}}
            ),
            "BloomFilterFalsePositiveProbability must lie between 0 and 1",
        ),
        (conversion("d", read={"HiveJsonSerDe": {"TimestampFormats": ["yyyy-qq"]}}), "letter 'q'"),
        ({**PARTITIONED, "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60}}, "at least 64"),
        (PARTITIONED, "Prefix must contain partitionKey"),
        ({**PARTITIONED, "Prefix": "!{partitionKeyFromQuery:x}/"}, "has no key x"),
        ({**PARTITIONED, "Prefix": "!{partitionKeyFromLambda:x}/"}, "needs a Lambda processor"),
        ({"ProcessingConfiguration": processors(Decompression={"CompressionFormat": "GZIP"})}, "Decompression"),
        ({"ProcessingConfiguration": processors(Lambda={})}, "needs the parameter LambdaArn"),
        ({"ProcessingConfiguration": processors(Lambda={"LambdaArn": "f"})}, "not the ARN of a function"),
        ({"ProcessingConfiguration": processors(AppendDelimiterToRecord={"LambdaArn": "f"})}, "LambdaArn is not a"),
        (
            {"ProcessingConfiguration": processors(MetadataExtraction={"MetadataExtractionQuery": "{a:.a}"})},
            "only when Dynamic Partitioning is enabled",
        ),
        (
            {
                **PARTITIONED,
                "Prefix": "!{partitionKeyFromQuery:a}/",
                "ProcessingConfiguration": processors(MetadataExtraction={"MetadataExtractionQuery": "{a:.a"}),
            },
            "is not a jq query",
        ),
    ],
)
def test_stages_that_are_refused(firehose, options, told):
    request = {"DeliveryStreamName": "wrong", "ExtendedS3DestinationConfiguration": firehose.place(**options)}
    code, message = firehose.refused("create_delivery_stream", **request)
    assert code == "InvalidArgumentException"
    assert told in message
