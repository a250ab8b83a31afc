"""Events of a bucket: which rules are taken, what the records say, and that none is lost on the way."""

import json
import queue
import time
from itertools import pairwise
from types import SimpleNamespace

import pytest

from clary.clock import MovedClock
from clary.config import Settings
from clary.errors import ServiceError
from clary.services.s3 import delivery, inside
from clary.services.s3.notification import DESTINATIONS, Destination, matches
from clary.store.database import Database
from clary.store.objects import Objects
from clary.store.outbox import Letter
from tests.conftest import running

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
OTHER = "arn:aws:lambda:us-east-1:000000000000:function:g"


@pytest.fixture
def received(monkeypatch):
    """The records that the functions get, as (arn, record), one by one."""
    arrived = queue.Queue()

    def check(rooms, arn):
        if "missing" in arn:
            raise ServiceError("Function not found", code="ResourceNotFoundException", status=404)

    def deliver(rooms, arn, event):
        (record,) = json.loads(event)["Records"]
        arrived.put((arn, record))

    monkeypatch.setitem(DESTINATIONS, "lambda", Destination(check, deliver))
    return lambda: arrived.get(timeout=20)


def rule(*events, arn=FUNCTION, name="", **filters):
    rules = [{"Name": name, "Value": value} for name, value in filters.items()]
    made = {"LambdaFunctionArn": arn, "Events": [f"s3:{event}" for event in events]}
    made |= {"Filter": {"Key": {"FilterRules": rules}}} if rules else {}
    return made | ({"Id": name} if name else {})


def notify(s3, bucket, *rules, **options):
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": list(rules)}, **options
    )


def test_a_put_tells_the_function_in_s3s_own_words(s3, bucket, received):
    notify(s3, bucket, rule("ObjectCreated:*", name="mine"))
    answer = s3.put_object(Bucket=bucket, Key="belt 1/ä+b.json", Body=b"{}")
    arn, record = received()
    assert arn == FUNCTION
    assert record.pop("eventTime")[10:].startswith("T")
    assert record["userIdentity"].pop("principalId").startswith("AWS:")
    assert len(record["s3"]["object"].pop("sequencer")) == 18
    assert len(record["s3"]["bucket"].pop("ownerIdentity")["principalId"]) == 14
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert record == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {name: headers[name] for name in ("x-amz-request-id", "x-amz-id-2")},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "mine",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": "belt+1/%C3%A4%2Bb.json", "size": 2, "eTag": answer["ETag"].strip('"')},
        },
    }


def test_each_way_to_make_and_remove_an_object_has_its_event(server, s3, bucket, received, tmp_path):
    notify(s3, bucket, rule("ObjectCreated:*", "ObjectRemoved:*", "ObjectTagging:*"))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"xyz")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": []})
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k")  # is gone already: no event
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}, {"Key": "none"}]})
    inside.put_object_bytes(server.house.rooms, bucket, "inside", b"1234")
    (tmp_path / "file").write_bytes(b"12345")
    inside.put_object_file(server.house.rooms, bucket, "file", tmp_path / "file")
    inside.delete_object(server.house.rooms, bucket, "inside")
    records = [received()[1] for _ in range(10)]
    told = [(record["eventName"], record["s3"]["object"]["key"]) for record in records]
    assert told == [
        ("ObjectCreated:Put", "k"),
        ("ObjectCreated:Copy", "copy"),
        ("ObjectCreated:CompleteMultipartUpload", "parts"),
        ("ObjectTagging:Put", "k"),
        ("ObjectTagging:Delete", "k"),
        ("ObjectRemoved:Delete", "k"),
        ("ObjectRemoved:Delete", "copy"),
        ("ObjectCreated:Put", "inside"),
        ("ObjectCreated:Put", "file"),
        ("ObjectRemoved:Delete", "inside"),
    ]
    things = [record["s3"]["object"] for record in records]
    assert [thing.get("size") for thing in things] == [1, 1, 3, None, None, None, None, 4, 5, None]
    sequence = [thing["sequencer"] for thing in things if "sequencer" in thing]
    assert sequence == sorted(sequence)
    assert len(set(sequence)) == 8
    assert {record["eventVersion"] for record in records if "Tagging" in record["eventName"]} == {"2.3"}
    assert "eTag" not in things[5]


def test_prefix_and_suffix_choose_the_rule(s3, bucket, received):
    notify(
        s3,
        bucket,
        rule("ObjectCreated:*", prefix="in/", suffix=".csv"),
        rule("ObjectCreated:*", arn=OTHER, prefix="in/", suffix=".json"),
        rule("ObjectRemoved:Delete", arn=OTHER),
    )
    for key in ("in/a.csv", "out/a.csv", "in/a.txt", "in/b.json"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.delete_object(Bucket=bucket, Key="in/a.txt")
    told = [(arn, record["s3"]["object"]["key"]) for arn, record in (received(), received(), received())]
    assert told == [(FUNCTION, "in/a.csv"), (OTHER, "in/b.json"), (OTHER, "in/a.txt")]


def test_the_configuration_is_read_back_and_taken_away(s3, bucket, received):
    notify(s3, bucket, rule("ObjectCreated:Put", prefix="a", suffix=""))
    (kept,) = s3.get_bucket_notification_configuration(Bucket=bucket)["LambdaFunctionConfigurations"]
    assert kept.pop("Id")
    filters = [{"Name": "Prefix", "Value": "a"}, {"Name": "Suffix", "Value": ""}]
    assert kept == {**rule("ObjectCreated:Put"), "Filter": {"Key": {"FilterRules": filters}}}
    notify(s3, bucket)
    assert "LambdaFunctionConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([rule("ObjectCreated:*"), rule("ObjectCreated:Put", arn=OTHER)], "ambiguously"),
        ([rule("ObjectCreated:*", prefix="a"), rule("ObjectCreated:*", prefix="ab")], "ambiguously"),
        ([rule("ObjectCreated:*", suffix="b"), rule("ObjectCreated:*", prefix="x", suffix="ab")], "ambiguously"),
        ([rule("ObjectCreated:*", name="i"), rule("ObjectRemoved:*", name="i")], "Same ID"),
        ([rule("ObjectCreated:*", arn="f")], "ARN could not be parsed"),
        ([rule("ObjectCreated:*", middle="x")], "either prefix or suffix"),
        ([rule("ObjectCreated:*", prefix="x" * 1025)], "1024 bytes"),
        ([rule("ObjectCreated:*", arn=f"{FUNCTION}-missing")], "Unable to validate the following destination"),
    ],
)
def test_rules_that_s3_would_refuse(s3, bucket, received, refused, rules, message):
    answer = refused(
        "InvalidArgument",
        s3.put_bucket_notification_configuration,
        Bucket=bucket,
        NotificationConfiguration={"LambdaFunctionConfigurations": rules},
    )
    assert message in answer["Error"]["Message"]


def test_rules_that_do_not_overlap_stand_together(s3, bucket, received):
    notify(s3, bucket, rule("ObjectCreated:*", prefix="a"), rule("ObjectCreated:*", prefix="b"))
    notify(s3, bucket, rule("ObjectCreated:Put"), rule("ObjectCreated:Copy"), rule("ObjectRemoved:*"))
    notify(s3, bucket, rule("ObjectCreated:*", arn=f"{FUNCTION}-missing"), SkipDestinationValidation=True)


@pytest.mark.parametrize(
    "asked",
    [
        {"QueueConfigurations": [{"QueueArn": "arn:aws:sqs:us-east-1:0:q", "Events": ["s3:ObjectCreated:*"]}]},
        {"TopicConfigurations": [{"TopicArn": "arn:aws:sns:us-east-1:0:t", "Events": ["s3:ObjectCreated:*"]}]},
        {"LambdaFunctionConfigurations": [rule("Replication:*")]},
        {"LambdaFunctionConfigurations": [rule("ObjectCreated:*", arn="arn:aws:batch:us-east-1:0:job/x")]},
    ],
)
def test_who_cannot_be_told_is_refused_by_name(s3, bucket, received, refused, asked):
    put = s3.put_bucket_notification_configuration
    answer = refused("NotImplemented", put, Bucket=bucket, NotificationConfiguration=asked)
    assert "Clary does not do this: " in answer["Error"]["Message"]


def test_events_as_event_bridge_has_them(aws, s3, bucket, received):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    configuration = {"EventBridgeConfiguration": {}, "LambdaFunctionConfigurations": [rule("ObjectTagging:*")]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["EventBridgeConfiguration"] == {}
    put = s3.put_object(Bucket=bucket, Key="a b", Body=b"xy")
    marker = s3.delete_object(Bucket=bucket, Key="a b")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="a b", VersionId=put["VersionId"])
    s3.put_object(Bucket=bucket, Key="c")
    s3.put_object_tagging(Bucket=bucket, Key="c", Tagging={"TagSet": []})
    assert received()[1]["eventName"] == "ObjectTagging:Put"
    logs = {"logGroupName": "/aws/events/s3", "logStreamName": bucket, "startFromHead": True}
    deadline, events = time.monotonic() + 20, []
    while len(events) < 5 and time.monotonic() < deadline:
        events = aws("logs").get_log_events(**logs)["events"] if _has_stream(aws, logs) else []
    events = [json.loads(event["message"]) for event in events]
    titles = ["Object Created", "Object Deleted", "Object Deleted", "Object Created", "Object Tags Added"]
    assert [event["detail-type"] for event in events] == titles
    created, marked, deleted = (event["detail"] for event in events[:3])
    sequencer = created["object"].pop("sequencer")
    assert sequencer < marked["object"]["sequencer"]
    assert created == {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {"key": "a b", "size": 2, "etag": put["ETag"].strip('"'), "version-id": put["VersionId"]},
        "request-id": put["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"],
        "requester": "000000000000",
        "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    }
    assert (marked["deletion-type"], marked["object"]["version-id"]) == ("Delete Marker Created", marker)
    assert (deleted["deletion-type"], deleted["reason"]) == ("Permanently Deleted", "DeleteObject")
    assert (events[0]["source"], events[0]["resources"]) == ("aws.s3", [f"arn:aws:s3:::{bucket}"])


def _has_stream(aws, asked):
    found = aws("logs").describe_log_groups(logGroupNamePrefix=asked["logGroupName"])["logGroups"]
    if not found:
        return False
    streams = aws("logs").describe_log_streams(logGroupName=asked["logGroupName"])["logStreams"]
    return any(stream["logStreamName"] == asked["logStreamName"] for stream in streams)


def test_the_next_server_delivers_what_the_last_one_left(tmp_path, received, monkeypatch):
    def away(rooms, arn, event):
        raise ServiceError("nobody is there")

    settings, kept = Settings(port=0, data_dir=tmp_path / "data"), DESTINATIONS["lambda"]
    with running(settings) as first:
        monkeypatch.setitem(DESTINATIONS, "lambda", kept._replace(deliver=away))
        s3 = first.client("s3")
        s3.create_bucket(Bucket="bucket")
        notify(s3, "bucket", rule("ObjectCreated:*"))
        s3.put_object(Bucket="bucket", Key="a")
    monkeypatch.setitem(DESTINATIONS, "lambda", kept)
    with running(settings):
        assert received()[1]["s3"]["object"]["key"] == "a"


def test_an_event_that_nobody_took_for_a_day_is_dropped(monkeypatch, caplog, tmp_path):
    def away(rooms, arn, event):
        raise ServiceError("nobody is there")

    monkeypatch.setitem(DESTINATIONS, "lambda", Destination(away, away))
    clock = MovedClock()
    database = Database(f"sqlite:///{tmp_path}/state.db")
    objects = Objects(database, tmp_path / "objects", clock)
    rooms = SimpleNamespace(objects=objects, clock=clock)
    objects.buckets.create("b", "000000000000", "us-east-1", {})
    with objects.incoming() as incoming:
        objects.put("b", "k", incoming.finish(), {}, lambda found: None, lambda change: [Letter(FUNCTION, {})])
    tries = []
    while objects.outbox.count():
        tries.append(clock.now())
        delivery.deliver_due(rooms)
        clock.time = objects.outbox.next_due() or clock.time
    waits = [later - before for before, later in pairwise(tries)]
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == 300
    assert 24 * 3600 < tries[-1] - tries[0] < 24 * 3600 + 301
    assert "dropped after a day" in caplog.text
    database.close()


def test_event_types():
    assert matches("s3:ObjectCreated:*", "ObjectCreated:Put")
    assert matches("s3:ObjectRemoved:Delete", "ObjectRemoved:Delete")
    assert not matches("s3:ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated")
    assert not matches("s3:ObjectCreated:*", "ObjectRemoved:Delete")


def test_an_event_that_is_not_taken_comes_again(fresh_server, received, monkeypatch):
    """And one receiver that is away keeps nobody else waiting."""
    deliver, failures = DESTINATIONS["lambda"].deliver, []

    def fail_twice(rooms, arn, event):
        if arn == OTHER and len(failures) < 2:
            failures.append(event)
            raise ServiceError("busy")
        deliver(rooms, arn, event)

    monkeypatch.setitem(DESTINATIONS, "lambda", Destination(DESTINATIONS["lambda"].check, fail_twice))
    monkeypatch.setattr(delivery, "_FIRST_RETRY", 0.02)
    s3 = fresh_server.client("s3")
    s3.create_bucket(Bucket="bucket")
    notify(s3, "bucket", rule("ObjectCreated:*", arn=OTHER, prefix="a"), rule("ObjectCreated:*", prefix="b"))
    s3.put_object(Bucket="bucket", Key="a")
    s3.put_object(Bucket="bucket", Key="b")
    assert [received()[0], received()[0]] == [FUNCTION, OTHER]
    assert len(failures) == 2
    deadline = time.monotonic() + 20
    while fresh_server.house.rooms.objects.outbox.count() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert delivery.running(fresh_server.house.rooms) == {"S3 events waiting": 0}
