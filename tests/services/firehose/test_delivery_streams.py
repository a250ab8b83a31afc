"""Delivery streams: what is kept of them, what is refused, and plain deliveries to S3."""

import errno
import gzip
import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import cramjam
import pytest
from botocore.exceptions import ClientError


def test_a_delivery_stream_lives_and_goes(firehose):
    name = firehose.create("plain", stream={"Tags": [{"Key": "team", "Value": "belts"}]}, Prefix="in/")
    described = firehose.client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    assert described["DeliveryStreamARN"] == "arn:aws:firehose:us-east-1:000000000000:deliverystream/plain"
    assert (described["DeliveryStreamStatus"], described["DeliveryStreamType"]) == ("ACTIVE", "DirectPut")
    assert described["VersionId"] == "1"
    [destination] = described["Destinations"]
    extended = destination["ExtendedS3DestinationDescription"]
    assert extended["BufferingHints"] == {"SizeInMBs": 5, "IntervalInSeconds": 300}
    assert extended["CompressionFormat"] == "UNCOMPRESSED"
    assert extended["EncryptionConfiguration"] == {"NoEncryptionConfig": "NoEncryption"}
    assert destination["S3DestinationDescription"]["Prefix"] == "in/"
    assert firehose.client.list_delivery_streams()["DeliveryStreamNames"] == ["plain"]
    again = {"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": firehose.place()}
    assert firehose.refused("create_delivery_stream", **again) == (
        "ResourceInUseException",
        "Firehose plain under accountId 000000000000 already exists",
    )
    firehose.client.delete_delivery_stream(DeliveryStreamName=name)
    assert firehose.refused("describe_delivery_stream", DeliveryStreamName=name) == (
        "ResourceNotFoundException",
        "Firehose plain under account 000000000000 not found.",
    )
    assert firehose.refused("put_record", DeliveryStreamName=name, Record={"Data": b"x"})[0] == (
        "ResourceNotFoundException"
    )


def test_records_are_delivered_when_they_have_waited(firehose):
    name = firehose.create(BufferingHints={"SizeInMBs": 5, "IntervalInSeconds": 60})
    assert firehose.client.put_record(DeliveryStreamName=name, Record={"Data": b"one\n"})["RecordId"]
    firehose.pass_time(30)
    firehose.put(name, "two\n", "three\n")
    firehose.pass_time(29)
    assert firehose.objects() == {}
    firehose.pass_time(1)
    key, body = firehose.only()
    assert body == b"one\ntwo\nthree\n"
    assert re.fullmatch(rf"\d{{4}}/\d\d/\d\d/\d\d/{name}-1(-\d\d){{0}}-\d{{4}}(-\d\d){{5}}-[0-9a-f-]{{36}}", key)
    firehose.pass_time()
    assert len(firehose.objects()) == 1


def test_records_are_delivered_when_they_are_many(firehose):
    name = firehose.create(BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900})
    data = [f"{number:0999}\n" for number in range(2500)]
    firehose.put(name, *data)
    firehose.deliveries.deliver_due()
    delivered = b"".join(body for _, body in sorted(firehose.objects().items()))
    assert len(delivered) == 2 * 1049 * 1000  # two full batches; what is left waits for more
    assert firehose.deliveries.backlog(stream_id(firehose, name)).records == 2500 - 2 * 1049
    firehose.pass_time(900)
    assert sorted(b"".join(firehose.objects().values()).splitlines()) == [line.strip().encode() for line in data]


def stream_id(firehose, name):
    """The id that a delivery stream's files have."""
    from clary.services.firehose.stream_record import KIND

    [found] = [record for record in firehose.server.house.rooms.records.every(KIND) if record.key.name == name]
    return found.body["Id"]


@pytest.mark.parametrize("kind", ["GZIP", "ZIP", "Snappy", "HADOOP_SNAPPY"])
def test_compression(firehose, kind):
    name = firehose.create(CompressionFormat=kind)
    text = b"".join(b"line %d\n" % number for number in range(50_000))
    firehose.put(name, *[text[start : start + 500_000] for start in range(0, len(text), 500_000)])
    firehose.pass_time()
    key, body = firehose.only()
    assert len(body) < len(text)
    if kind == "GZIP":
        assert gzip.decompress(body) == text
        assert key.endswith(".gz")
    elif kind == "ZIP":
        archive = zipfile.ZipFile(io.BytesIO(body))
        assert b"".join(archive.read(entry) for entry in archive.namelist()) == text
        assert key.endswith(".zip")
    elif kind == "Snappy":
        assert bytes(cramjam.snappy.decompress(body)) == text
    else:
        assert read_hadoop_snappy(body) == text


def read_hadoop_snappy(body):
    text, place = b"", 0
    while place < len(body):
        whole, packed = (int.from_bytes(body[place + start : place + start + 4], "big") for start in (0, 4))
        block = bytes(cramjam.snappy.decompress_raw(body[place + 8 : place + 8 + packed]))
        assert len(block) == whole <= 256 * 1024
        text, place = text + block, place + 8 + packed
    return text


def test_prefixes_and_names(firehose):
    firehose.clock.time = max(firehose.clock.time, 1_767_277_845.0)
    name = firehose.create(
        Prefix="data/!{timestamp:yyyy'-'MM-dd}/!{firehose:random-string}/",
        ErrorOutputPrefix="errors/!{firehose:error-output-type}/",
        FileExtension=".jsonl",
        CustomTimeZone="Asia/Tokyo",
    )
    tokyo = datetime.fromtimestamp(firehose.clock.now(), UTC) + timedelta(hours=9)
    firehose.put(name, "x")
    firehose.pass_time()
    key, _ = firehose.only()
    assert re.fullmatch(
        rf"data/{tokyo:%Y-%m-%d}/[A-Za-z0-9]{{11}}/{name}-1-{tokyo:%Y-%m-%d-%H-%M-%S}-[0-9a-f-]{{36}}\.jsonl", key
    )


def test_what_is_put_too_large_is_refused(firehose):
    name = firehose.create()
    code, message = firehose.refused("put_record", DeliveryStreamName=name, Record={"Data": bytes(1_024_001)})
    assert code == "ValidationException"
    assert "less than or equal to 1024000" in message
    rows = [{"Data": bytes(1_000_000)}] * 5
    assert firehose.refused("put_record_batch", DeliveryStreamName=name, Records=rows) == (
        "InvalidArgumentException",
        "Records size exceeds 4 MB limit",
    )
    rows = [{"Data": b"x"}] * 501
    assert firehose.refused("put_record_batch", DeliveryStreamName=name, Records=rows)[0] == "ValidationException"


def test_records_that_can_not_be_stored_are_not_acknowledged(firehose, monkeypatch):
    def full(identity, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    name = firehose.create()
    monkeypatch.setattr(firehose.deliveries, "put", full)
    assert firehose.refused("put_record", DeliveryStreamName=name, Record={"Data": b"x"}) == (
        "ServiceUnavailableException",
        "The records are not stored: No space left on device",
    )


def test_data_that_are_no_base64_are_refused(firehose):
    body = json.dumps({"DeliveryStreamName": firehose.create(), "Record": {"Data": "no base64!"}}).encode()
    firehose.client = firehose.server.client("firehose")
    firehose.client.meta.events.register("before-call.firehose.PutRecord", lambda params, **_: params.update(body=body))
    code, message = firehose.refused("put_record", DeliveryStreamName="x", Record={"Data": b""})
    assert code in ("SerializationException", "ValidationException"), message


def test_a_missing_bucket_holds_a_delivery_up_and_loses_nothing(firehose):
    logging = {"Enabled": True, "LogGroupName": "/aws/kinesisfirehose/late", "LogStreamName": "DestinationDelivery"}
    name = firehose.create(BucketARN="arn:aws:s3:::not-there-yet", CloudWatchLoggingOptions=logging)
    firehose.put(name, "kept\n")
    firehose.pass_time(300)
    logs = firehose.server.client("logs")
    [event] = logs.get_log_events(logGroupName="/aws/kinesisfirehose/late", logStreamName="DestinationDelivery")[
        "events"
    ]
    assert '"errorCode":"S3.NoSuchBucket"' in event["message"]
    firehose.s3.create_bucket(Bucket="not-there-yet")
    firehose.put(name, "late\n")
    firehose.pass_time(300)
    firehose.bucket = "not-there-yet"
    assert sorted(firehose.objects().values()) == [b"kept\n", b"late\n"]


def test_updates(firehose):
    name = firehose.create()
    update = {
        "DeliveryStreamName": name,
        "DestinationId": "destinationId-000000000001",
        "ExtendedS3DestinationUpdate": {"Prefix": "new/", "BufferingHints": {"SizeInMBs": 7, "IntervalInSeconds": 10}},
    }
    firehose.client.update_destination(CurrentDeliveryStreamVersionId="1", **update)
    described = firehose.client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    assert described["VersionId"] == "2"
    extended = described["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert extended["BufferingHints"] == {"SizeInMBs": 7, "IntervalInSeconds": 10}
    assert firehose.refused("update_destination", CurrentDeliveryStreamVersionId="1", **update)[0] == (
        "ConcurrentModificationException"
    )
    firehose.put(name, "x")
    firehose.pass_time(10)
    key, _ = firehose.only()
    assert key.startswith("new/")
    assert f"/{name}-2-" in key


def test_tags(firehose):
    name = firehose.create()
    rows = [{"Key": f"k{number}", "Value": "v"} for number in range(3)]
    firehose.client.tag_delivery_stream(DeliveryStreamName=name, Tags=rows)
    firehose.client.untag_delivery_stream(DeliveryStreamName=name, TagKeys=["k0"])
    page = firehose.client.list_tags_for_delivery_stream(DeliveryStreamName=name, Limit=1)
    assert (page["Tags"], page["HasMoreTags"]) == ([{"Key": "k1", "Value": "v"}], True)
    page = firehose.client.list_tags_for_delivery_stream(DeliveryStreamName=name, ExclusiveStartTagKey="k1")
    assert (page["Tags"], page["HasMoreTags"]) == ([{"Key": "k2", "Value": "v"}], False)


def test_delivery_streams_are_listed_by_pages(firehose):
    names = sorted(firehose.create() for _ in range(3))
    page = firehose.client.list_delivery_streams(Limit=2)
    assert (page["DeliveryStreamNames"], page["HasMoreDeliveryStreams"]) == (names[:2], True)
    page = firehose.client.list_delivery_streams(ExclusiveStartDeliveryStreamName=names[1])
    assert (page["DeliveryStreamNames"], page["HasMoreDeliveryStreams"]) == (names[2:], False)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"Prefix": "!{timestamp:yyyy}/"}, "ErrorOutputPrefix cannot be null or empty"),
        ({"Prefix": "!{timestamp:yyyy}/", "ErrorOutputPrefix": "e/"}, "must contain !{firehose:error-output-type}"),
        ({"Prefix": "!{firehose:error-output-type}/", "ErrorOutputPrefix": "e/"}, "Prefix cannot contain"),
        ({"Prefix": "!{time:yyyy}/"}, "namespace 'time'"),
        ({"Prefix": "!{timestamp:yyyy/"}, "not of the form"),
        ({"Prefix": "!{timestamp:yyyyR}/"}, "letter 'R'"),
        ({"Prefix": "x" * 801}, "at most 800 bytes"),
        ({"CustomTimeZone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"CloudWatchLoggingOptions": {"Enabled": True}}, "LogGroupName"),
        ({"S3BackupMode": "Enabled"}, "S3BackupConfiguration"),
        (
            {"EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": f"arn:aws:kms:a:{0:012d}:key/k"}}},
            "KMSEncryptionConfig",
        ),
    ],
)
def test_destinations_that_are_refused(firehose, options, told):
    request = {"DeliveryStreamName": "wrong", "ExtendedS3DestinationConfiguration": firehose.place(**options)}
    code, message = firehose.refused("create_delivery_stream", **request)
    assert code == "InvalidArgumentException"
    assert told in message


@pytest.mark.parametrize(("given", "missing"), [("SizeInMBs", "IntervalInSeconds"), ("IntervalInSeconds", "SizeInMBs")])
def test_a_buffering_hint_alone_is_refused(firehose, given, missing):
    hints, endpoint = {"BufferingHints": {given: 64}}, {"EndpointConfiguration": {"Url": "https://x/"}}
    stream, place = {"DeliveryStreamName": "wrong"}, firehose.place(**hints)
    new = {
        "S3DestinationConfiguration": place,
        "ExtendedS3DestinationConfiguration": place,
        "HttpEndpointDestinationConfiguration": {**endpoint, **hints, "S3Configuration": firehose.place()},
        "ExtendedS3DestinationConfiguration.S3BackupConfiguration": firehose.place(S3BackupConfiguration=place),
        "HttpEndpointDestinationConfiguration.S3Configuration": {**endpoint, "S3Configuration": place},
    }
    told = f"BufferingHints has {given} but no {missing}: both must be given, or neither."
    for where, asked in new.items():
        destination = {where.partition(".")[0]: asked}
        assert firehose.refused("create_delivery_stream", **stream, **destination) == (
            "InvalidArgumentException",
            f"{where}.{told}",
        )
    update = {"DestinationId": "destinationId-000000000001", "CurrentDeliveryStreamVersionId": "1"}
    update["DeliveryStreamName"] = firehose.create()
    changes = {
        "ExtendedS3DestinationUpdate": hints,
        "ExtendedS3DestinationUpdate.S3BackupUpdate": {"S3BackupUpdate": place},
        "HttpEndpointDestinationUpdate.S3Update": {"S3Update": hints},
    }
    for where, asked in changes.items():
        destination = {where.partition(".")[0]: asked}
        assert firehose.refused("update_destination", **update, **destination)[1] == f"{where}.{told}"


def test_metrics(firehose):
    name = firehose.create(BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 60})
    firehose.put(name, "one", "three")
    firehose.pass_time(60)
    sum_of = partial(firehose.measured, name)
    assert (sum_of("IncomingRecords"), sum_of("IncomingBytes")) == (2, 8)
    assert (sum_of("DeliveryToS3.Records"), sum_of("DeliveryToS3.Success")) == (2, 1)
    assert sum_of("DeliveryToS3.DataFreshness") == 60


def test_encryption_is_refused(firehose):
    name = firehose.create()
    code, message = firehose.refused("start_delivery_stream_encryption", DeliveryStreamName=name)
    assert (code, "no KMS" in message) == ("InvalidKMSResourceException", True)
    firehose.client.stop_delivery_stream_encryption(DeliveryStreamName=name)


def test_strict_roles_asks_for_roles_that_exist(firehose, monkeypatch):
    rooms = firehose.server.house.rooms
    monkeypatch.setattr(rooms, "settings", replace(rooms.settings, strict_roles=True))
    role = "arn:aws:iam::000000000000:role/nobody"
    with pytest.raises(ClientError, match=f"Firehose is unable to assume role {role}"):
        firehose.create(S3BackupMode="Enabled", S3BackupConfiguration=firehose.place() | {"RoleARN": role})
    firehose.create()
