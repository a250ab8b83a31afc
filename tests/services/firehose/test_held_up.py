"""Deliveries that nothing can come of for a while, or ever: what says so, and what becomes of the records."""

import base64
import io
import json

import pyarrow.parquet as pq
import pytest

from clary.services.firehose import problems
from tests.services.firehose.conftest import ROLE, conversion, logging

DESTINATION = "destinationId-000000000001"


def lines(body):
    return [json.loads(line) for line in body.splitlines()]


def held_up(firehose):
    return problems(firehose.server.house.rooms)


def test_a_bucket_that_is_gone_is_told_of_until_it_is_back(firehose):
    name = firehose.create("no-bucket", **logging("no-bucket"))
    firehose.put(name, "kept\n")
    firehose.s3.delete_bucket(Bucket=firehose.bucket)
    firehose.pass_time(300)
    firehose.pass_time(5)
    assert [code for code, _ in firehose.logged(name)] == ["S3.NoSuchBucket"] * 2
    [problem] = held_up(firehose)
    assert problem.startswith("delivery stream no-bucket (us-east-1): S3.NoSuchBucket: ")
    assert firehose.measured(name, "DeliveryToS3.Success", "Average") == 0
    assert firehose.measured(name, "DeliveryToS3.DataFreshness", "Maximum") == 305
    firehose.s3.create_bucket(Bucket=firehose.bucket)
    firehose.pass_time(10)
    assert firehose.only()[1] == b"kept\n"
    assert held_up(firehose) == []
    assert firehose.measured(name, "DeliveryToS3.Success", "Average") == pytest.approx(1 / 3)


def test_a_source_that_is_gone_is_told_of_until_it_is_back(firehose):
    kinesis = firehose.server.client("kinesis")
    kinesis.create_stream(StreamName="gone", ShardCount=1)
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/gone"
    stream = {
        "DeliveryStreamType": "KinesisStreamAsSource",
        "KinesisStreamSourceConfiguration": {"KinesisStreamARN": arn, "RoleARN": ROLE},
    }
    name = firehose.create("no-source", stream=stream, **logging("no-source"))
    kinesis.put_record(StreamName="gone", PartitionKey="k", Data=b"read\n")
    firehose.pass_time(300)
    assert firehose.measured(name, "DataReadFromKinesisStream.Records") == 1
    assert firehose.measured(name, "DataReadFromKinesisStream.Bytes") == 5
    kinesis.delete_stream(StreamName="gone")
    for _ in range(6):
        firehose.pass_time(60)
    told = firehose.logged(name)
    assert 1 <= len(told) <= 3
    assert set(told) == {("Kinesis.ResourceNotFound", "Stream gone under account 000000000000 not found.")}
    assert ["Kinesis.ResourceNotFound" in problem for problem in held_up(firehose)] == [True]
    kinesis.create_stream(StreamName="gone", ShardCount=1)
    firehose.pass_time(1)
    assert held_up(firehose) == []
    kinesis.delete_stream(StreamName="gone")


def test_a_table_that_is_gone_holds_a_delivery_up_until_it_is_back(firehose, table):
    glue, database = table
    kept = glue.get_table(DatabaseName=database, Name="belts")["Table"]
    name = firehose.create(**conversion(database))
    glue.delete_table(DatabaseName=database, Name="belts")
    firehose.put(name, '{"belt_id":1}')
    firehose.pass_time(60)
    assert firehose.objects() == {}
    assert ["DataFormatConversion.EntityNotFound" in problem for problem in held_up(firehose)] == [True]
    table_input = {"Name": "belts", "StorageDescriptor": {"Columns": kept["StorageDescriptor"]["Columns"]}}
    glue.create_table(DatabaseName=database, TableInput=table_input)
    firehose.pass_time(10)
    assert pq.read_table(io.BytesIO(firehose.only()[1])).num_rows == 1
    assert firehose.measured(name, "SucceedConversion.Records") == 1
    assert firehose.measured(name, "SucceedConversion.Bytes") == 13


def test_records_without_a_schema_go_to_the_errors_after_five_minutes(firehose, table):
    glue, database = table
    backup = {"S3BackupMode": "Enabled", "S3BackupConfiguration": firehose.place(Prefix="backup/")}
    name = firehose.create("no-table", Prefix="out/", **conversion(database), **backup, **logging("no-table"))
    glue.delete_table(DatabaseName=database, Name="belts")
    firehose.put(name, '{"belt_id":1}', '{"belt_id":2}')
    firehose.pass_time(60)
    for _ in range(10):
        firehose.pass_time(40)
    _, body = firehose.only("out/")
    failed = lines(body)
    assert [base64.b64decode(row["rawData"]) for row in failed] == [b'{"belt_id":1}', b'{"belt_id":2}']
    assert {row["lastErrorCode"] for row in failed} == {"DataFormatConversion.EntityNotFound"}
    assert "Catalog 000000000000, region us-east-1: Table belts not found." in failed[0]["lastErrorMessage"]
    assert failed[0]["attemptsMade"] > 1
    assert firehose.only("backup/")[1] == b'{"belt_id":1}{"belt_id":2}'
    assert {code for code, _ in firehose.logged(name)} == {"DataFormatConversion.EntityNotFound"}
    assert firehose.measured(name, "FailedConversion.Records") == 2
    assert firehose.measured(name, "FailedConversion.Bytes") == 26
    assert firehose.measured(name, "SucceedConversion.Records") == 0
    assert firehose.measured(name, "BackupToS3.Records") == 2
    firehose.put(name, '{"belt_id":3}')
    firehose.pass_time(60)
    assert len(firehose.objects("out/format-conversion-failed/")) == 2


def test_a_schema_that_became_impossible_is_a_failure_of_its_records(firehose, table):
    glue, database = table
    name = firehose.create(**conversion(database))
    for columns in ([{"Name": "belt_id", "Type": "uniontype<int,string>"}], []):
        glue.update_table(
            DatabaseName=database, TableInput={"Name": "belts", "StorageDescriptor": {"Columns": columns}}
        )
        firehose.put(name, '{"belt_id":1}')
        for _ in range(10):
            firehose.pass_time(60)
    told = [row["lastErrorMessage"] for body in firehose.objects("format").values() for row in lines(body)]
    assert sorted(message.partition("'uniontype")[0] for message in told) == [
        "The schema is invalid. Error parsing the schema: ",
        "The schema is invalid. The specified table has no columns.",
    ]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"TableName": "nowhere"}, "Table nowhere not found"),
        ({"DatabaseName": "nowhere"}, "Database nowhere not found"),
        ({"CatalogId": "111122223333"}, "Catalog 111122223333, region us-east-1"),
        ({"Region": "mars-north-1"}, "region mars-north-1"),
        ({"VersionId": "7"}, "VersionId 7: Version not found"),
        ({"VersionId": "newest"}, "'newest' is not a number"),
        ({"TableName": "bare"}, "The specified table has no columns"),
        ({"TableName": "odd"}, "there is no type 'uniontype'"),
    ],
)
def test_a_schema_that_can_never_fit_is_refused(firehose, table, schema, told):
    glue, database = table
    odd = [{"Name": "u", "Type": "uniontype<int>"}]
    for name, columns in (("bare", []), ("odd", odd)):
        glue.create_table(DatabaseName=database, TableInput={"Name": name, "StorageDescriptor": {"Columns": columns}})
    options = conversion(database, **schema)
    request = {"DeliveryStreamName": "wrong", "ExtendedS3DestinationConfiguration": firehose.place(**options)}
    code, message = firehose.refused("create_delivery_stream", **request)
    assert (code, told in message) == ("InvalidArgumentException", True), message
    name = firehose.create(**conversion(database))
    update = {"DeliveryStreamName": name, "DestinationId": DESTINATION, "CurrentDeliveryStreamVersionId": "1"}
    code, message = firehose.refused("update_destination", **update, ExtendedS3DestinationUpdate=options)
    assert (code, told in message) == ("InvalidArgumentException", True), message
    glue.delete_table(DatabaseName=database, Name="belts")
    firehose.client.update_destination(**update, ExtendedS3DestinationUpdate={"Prefix": "elsewhere/"})


@pytest.mark.parametrize(
    ("output", "read", "told"),
    [
        ({"OrcSerDe": {"BloomFilterColumns": ["belt_id", "belt"]}}, None, "names belt, which is not a column"),
        (None, {"OpenXJsonSerDe": {"ColumnToJsonKeyMappings": {"at": "Belt_ID"}}}, "the JSON key Belt_ID, at is one"),
    ],
)
def test_serializers_that_name_what_the_table_has_not_are_refused(firehose, table, output, read, told):
    options = conversion(table[1], output=output, read=read)
    request = {"DeliveryStreamName": "wrong", "ExtendedS3DestinationConfiguration": firehose.place(**options)}
    code, message = firehose.refused("create_delivery_stream", **request)
    assert (code, told in message) == ("InvalidArgumentException", True), message
