"""Lifecycle rules: which are taken, what answers say of them, and what is gone once the clock has moved."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from clary.clock import MovedClock
from clary.services.s3 import expiration, lifecycle
from clary.services.s3.lifecycle_rules import check_rules
from clary.services.s3.notification import SETTING as NOTIFICATIONS
from clary.store.database import Database
from clary.store.deletion import Target
from clary.store.objects import Objects

DAY = 86_400
MIDNIGHT = 1_700_006_400.0  # 2023-11-15


def rule(**parts):
    return {
        "ID": "r",
        "Status": "Enabled",
        **({} if "Filter" in parts or "Prefix" in parts else {"Filter": {}}),
        **parts,
    }


def put_rules(s3, bucket, *rules, **options):
    asked = {"Rules": list(rules)}
    return s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=asked, **options)


class Desk:
    """A bucket with rules and a clock that is moved."""

    def __init__(self, folder):
        self.clock = MovedClock(MIDNIGHT + 3600)
        self.database = Database(f"sqlite:///{folder}/state.db")
        self.objects = Objects(self.database, folder / "objects", self.clock)
        self.rooms = SimpleNamespace(objects=self.objects, clock=self.clock)

    def bucket(self, *rules, versioned=False):
        settings = {lifecycle.SETTING: {"Rules": check_rules(list(rules), self.clock)}}
        events = {"Id": "e", "LambdaFunctionArn": "arn:f", "Events": ["s3:LifecycleExpiration:*"]}
        settings[NOTIFICATIONS] = [events]
        self.objects.buckets.create("b", "000000000000", "us-east-1", settings, versioned=versioned)

    def put(self, key, data=b"x", **details):
        with self.objects.incoming() as incoming:
            incoming.write([data])
            return self.objects.put("b", key, incoming.finish(), details, lambda found: None)

    def delete(self, key):
        self.objects.delete("b", [Target(key)], lambda bucket, found: [Target(key)])

    def expire(self, days=0.0):
        self.clock.move(days * DAY)
        expiration.expire(self.rooms)

    def keys(self):
        return [item.key for item in self.objects.list("b").objects]

    def versions(self):
        return [item.object.version for item in self.objects.list_versions("b").items]

    def events(self):
        records = [letter.body["Records"][0] for letter in self.objects.outbox.due(100)]
        return [(record["eventName"], record["s3"]["object"]["key"]) for record in records]


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.database.close()


def test_an_object_goes_at_the_midnight_after_its_days(desk):
    desk.bucket(rule(Expiration={"Days": 2}, Prefix="old/"))
    desk.put("old/a")
    desk.put("new/a")
    desk.expire(2.9)
    assert desk.keys() == ["new/a", "old/a"]
    desk.put("old/b")
    desk.expire(0.1)
    assert desk.keys() == ["new/a", "old/b"]
    assert desk.events() == [("LifecycleExpiration:Delete", "old/a")]


def test_a_date_is_for_all_that_is_there(desk):
    desk.bucket(rule(Expiration={"Date": MIDNIGHT + DAY}))
    desk.put("a")
    desk.expire(0.9)
    assert desk.keys() == ["a"]
    desk.expire(0.1)
    assert desk.keys() == []


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({"Tag": {"Key": "t", "Value": "1"}}, ["large", "small"]),
        ({"ObjectSizeGreaterThan": 1}, ["small", "tagged"]),
        ({"ObjectSizeLessThan": 2}, ["large"]),
        ({"And": {"Prefix": "t", "Tags": [{"Key": "t", "Value": "1"}]}}, ["large", "small"]),
        ({"And": {"Prefix": "s", "ObjectSizeLessThan": 2}}, ["large", "tagged"]),
        ({"And": {"Prefix": "s", "Tags": [{"Key": "t", "Value": "1"}]}}, ["large", "small", "tagged"]),
    ],
)
def test_filters(desk, asked, kept):
    desk.bucket(rule(Expiration={"Days": 1}, Filter=asked))
    desk.put("small")
    desk.put("tagged", Tags={"t": "1", "u": "2"})
    desk.put("large", b"xx")
    desk.expire(2)
    assert desk.keys() == kept


def test_a_disabled_rule_does_nothing(desk):
    desk.bucket(rule(Expiration={"Days": 1}) | {"Status": "Disabled"})
    desk.put("a")
    desk.expire(9)
    assert desk.keys() == ["a"]


def test_where_there_are_versions_an_expired_object_gets_a_delete_marker(desk):
    desk.bucket(rule(Expiration={"Days": 1}), versioned=True)
    kept = desk.put("a")
    desk.expire(2)
    assert desk.keys() == []
    assert len(desk.versions()) == 2
    assert desk.versions()[1] == kept.version
    assert desk.events() == [("LifecycleExpiration:DeleteMarkerCreated", "a")]
    desk.expire(9)
    assert len(desk.versions()) == 2  # a delete marker is put once


def test_old_versions_go_and_the_marker_that_hides_nothing(desk):
    rules = {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}, "Expiration": {"ExpiredObjectDeleteMarker": True}}
    desk.bucket(rule(**rules), versioned=True)
    for _ in range(3):
        newest = desk.put("a")
    desk.put("gone")
    desk.delete("gone")
    desk.expire(0.5)
    assert len(desk.versions()) == 5
    desk.expire(1.5)
    assert desk.versions() == [newest.version]
    assert ("LifecycleExpiration:Delete", "gone") in desk.events()


def test_so_many_newer_versions_are_kept(desk):
    asked = {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}
    desk.bucket(rule(NoncurrentVersionExpiration=asked), versioned=True)
    made = [desk.put("a").version for _ in range(5)]
    desk.expire(3)
    assert desk.versions() == made[:1:-1]


def test_what_is_locked_stays(desk):
    desk.bucket(rule(NoncurrentVersionExpiration={"NoncurrentDays": 1}), versioned=True)
    held = desk.put("a", LegalHold="ON")
    retained = desk.put("a", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": MIDNIGHT + 9 * DAY})
    newest = desk.put("a")
    desk.expire(5)
    assert desk.versions() == [newest.version, retained.version, held.version]
    desk.expire(5)
    assert desk.versions() == [newest.version, held.version]


def test_an_upload_that_nobody_completes_is_aborted(desk):
    desk.bucket(rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}, Prefix="a"))
    for key in ("a", "b"):
        desk.objects.uploads.create("b", key, {}, lambda bucket: None)
    desk.expire(0.9)
    assert len(desk.objects.uploads.list("b")) == 2
    desk.expire(1.1)
    assert [upload.key for upload in desk.objects.uploads.list("b")] == ["b"]


def test_what_was_written_meanwhile_is_not_deleted(desk, monkeypatch):
    desk.bucket(rule(Expiration={"Days": 1}))
    desk.put("a")
    delete = desk.objects.delete

    def late(*arguments):
        desk.put("a", b"new")
        return delete(*arguments)

    monkeypatch.setattr(desk.objects, "delete", late)
    desk.expire(2)
    assert desk.keys() == ["a"]


def test_many_objects_go_in_several_transactions(desk, monkeypatch):
    monkeypatch.setattr(expiration, "_BATCH", 3)
    desk.bucket(rule(Expiration={"Days": 1}))
    for number in range(8):
        desk.put(f"{number}")
    desk.expire(2)
    assert desk.keys() == []


def test_the_configuration_is_kept(s3, bucket, refused):
    asked = rule(Expiration={"Date": datetime(2030, 1, 1, tzinfo=UTC)}, Filter={"Prefix": "a"})
    unnamed = rule(NoncurrentVersionExpiration={"NoncurrentDays": 3, "NewerNoncurrentVersions": 2}, Prefix="")
    del unnamed["ID"]
    assert put_rules(s3, bucket, asked, unnamed)["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    kept = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert kept[0] == asked
    assert kept[1].pop("ID")
    assert kept[1] == unnamed
    s3.delete_bucket_lifecycle(Bucket=bucket)
    refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=bucket)


def test_answers_tell_when_an_object_expires(s3, bucket):
    put_rules(s3, bucket, rule(Expiration={"Days": 3}, Prefix="a") | {"ID": "my rule"}, rule(Expiration={"Days": 9}))
    answer = s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    assert answer["Expiration"].endswith(' 00:00:00 GMT", rule-id="my%20rule"')
    assert answer["Expiration"].startswith('expiry-date="')
    for other in (s3.get_object, s3.head_object):
        assert other(Bucket=bucket, Key="a")["Expiration"] == answer["Expiration"]
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="a", VersionId="null")
    copied = s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")
    assert copied["Expiration"].endswith('rule-id="r"')
    put_rules(s3, bucket, rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="c")
    assert (upload["AbortRuleId"], upload["AbortDate"] > datetime.now(UTC)) == ("r", True)
    listed = s3.list_parts(Bucket=bucket, Key="c", UploadId=upload["UploadId"])
    assert listed["AbortDate"] == upload["AbortDate"]
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="a", Body=b"x")


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("MalformedXML", {"Status": "Enabled", "Expiration": {"Days": 1}}),
        ("MalformedXML", rule(Expiration={"Days": 1}, Prefix="", Filter={})),
        ("MalformedXML", rule(Expiration={})),
        ("MalformedXML", rule(Expiration={"Days": 1, "ExpiredObjectDeleteMarker": True})),
        ("MalformedXML", rule(NoncurrentVersionExpiration={})),
        ("MalformedXML", rule(Expiration={"Days": 1}, Filter={"Prefix": "", "ObjectSizeLessThan": 5})),
        ("MalformedXML", rule(Expiration={"Days": 1}, Filter={"And": {"Prefix": "a"}})),
        ("MalformedXML", rule(Expiration={"Days": 1}) | {"Status": "enabled"}),
        ("InvalidRequest", rule()),
        ("InvalidRequest", rule(Expiration={"ExpiredObjectDeleteMarker": True}, Filter={"ObjectSizeLessThan": 5})),
        (
            "InvalidRequest",
            rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}, Filter={"Tag": {"Key": "k", "Value": ""}}),
        ),
        ("InvalidArgument", rule(Expiration={"Days": 0})),
        ("InvalidArgument", rule(Expiration={"Date": datetime(2030, 1, 1, 1, tzinfo=UTC)})),
        ("InvalidArgument", rule(NoncurrentVersionExpiration={"NoncurrentDays": 0})),
        ("InvalidArgument", rule(NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 101})),
        ("InvalidArgument", rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": -1})),
        ("InvalidArgument", rule(Expiration={"Days": 1}) | {"ID": "x" * 256}),
        ("NotImplemented", rule(Transitions=[{"Days": 1, "StorageClass": "GLACIER"}])),
        (
            "NotImplemented",
            rule(NoncurrentVersionTransitions=[{"NoncurrentDays": 1, "StorageClass": "STANDARD_IA"}]),
        ),
    ],
)
def test_rules_that_are_refused(s3, bucket, code, asked):
    with pytest.raises(s3.exceptions.ClientError) as caught:
        put_rules(s3, bucket, asked)
    assert caught.value.response["Error"]["Code"] == code


def test_two_rules_have_two_names(s3, bucket):
    with pytest.raises(s3.exceptions.ClientError, match="unique"):
        put_rules(s3, bucket, rule(Expiration={"Days": 1}), rule(Expiration={"Days": 2}))
