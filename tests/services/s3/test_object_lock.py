"""Object lock: what is retained or held stays, whoever asks, until its time has come."""

from datetime import UTC, datetime, timedelta

import pytest

LOCKED = "Access Denied because object protected by object lock."
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def locked(s3, bucket):
    name = f"{bucket}-locked"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def later(days):
    return NOW + timedelta(days=days)


def put(s3, bucket, **options):
    return s3.put_object(Bucket=bucket, Key="k", Body=b"x", **options)["VersionId"]


def retain(s3, bucket, mode, until, **options):
    retention = {"Mode": mode, "RetainUntilDate": until}
    return s3.put_object_retention(Bucket=bucket, Key="k", Retention=retention, **options)


def test_a_bucket_with_object_lock_has_versions_for_ever(s3, locked, refused):
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    assert s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled"
    }
    suspended = {"Status": "Suspended"}
    refused("InvalidBucketState", s3.put_bucket_versioning, Bucket=locked, VersioningConfiguration=suspended)


def test_a_bucket_gets_object_lock_later(s3, bucket, refused):
    asked = {"Bucket": bucket, "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}
    refused("InvalidBucketState", s3.put_object_lock_configuration, **asked)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(**asked)
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({}, "MalformedXML"),
        ({"DefaultRetention": {"Mode": "GOVERNANCE"}}, "MalformedXML"),
        ({"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}}, "MalformedXML"),
        ({"DefaultRetention": {"Mode": "governance", "Days": 1}}, "MalformedXML"),
        ({"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 0}}, "InvalidRetentionPeriod"),
        ({"DefaultRetention": {"Mode": "GOVERNANCE", "Years": 101}}, "InvalidRetentionPeriod"),
    ],
)
def test_default_retentions_that_are_none(s3, locked, refused, rule, code):
    asked = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    refused(code, s3.put_object_lock_configuration, Bucket=locked, ObjectLockConfiguration=asked)


def test_governance_yields_to_who_may_bypass_it(s3, locked, refused):
    version = put(s3, locked)
    retain(s3, locked, "GOVERNANCE", later(2))
    refused("AccessDenied", retain, s3=s3, bucket=locked, mode="GOVERNANCE", until=later(1))
    refused("AccessDenied", s3.put_object_retention, Bucket=locked, Key="k", Retention={})
    refused("AccessDenied", retain, s3=s3, bucket=locked, mode="COMPLIANCE", until=later(3))
    retain(s3, locked, "GOVERNANCE", later(3))  # longer may anybody
    head = s3.head_object(Bucket=locked, Key="k")
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", later(3))
    answer = refused("AccessDenied", s3.delete_object, Bucket=locked, Key="k", VersionId=version)
    assert answer["Error"]["Message"] == LOCKED
    assert s3.delete_object(Bucket=locked, Key="k")["DeleteMarker"]
    retain(s3, locked, "GOVERNANCE", later(1), VersionId=version, BypassGovernanceRetention=True)
    s3.delete_object(Bucket=locked, Key="k", VersionId=version, BypassGovernanceRetention=True)
    refused("NoSuchVersion", s3.get_object, Bucket=locked, Key="k", VersionId=version)


def test_compliance_yields_to_nobody_before_its_time(fresh_server):
    """And then to everybody: the server's clock is moved, which its signatures would not survive for longer."""
    s3 = fresh_server.client("s3")
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    version = put(s3, "locked")
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=300)
    retain(s3, "locked", "COMPLIANCE", until)
    denied = pytest.raises(s3.exceptions.ClientError, match=LOCKED)
    for shorter in (until - timedelta(seconds=100), until):
        mode = "COMPLIANCE" if shorter < until else "GOVERNANCE"
        with denied:
            retain(s3, "locked", mode, shorter, BypassGovernanceRetention=True)
    with denied:
        s3.delete_object(Bucket="locked", Key="k", VersionId=version, BypassGovernanceRetention=True)
    wanted = {"Objects": [{"Key": "k", "VersionId": version}]}
    answer = s3.delete_objects(Bucket="locked", Delete=wanted, BypassGovernanceRetention=True)
    assert answer["Errors"] == [{**wanted["Objects"][0], "Code": "AccessDenied", "Message": LOCKED}]
    clock = fresh_server.house.rooms.clock
    now = clock.now
    clock.now = lambda: now() + 301
    s3.delete_object(Bucket="locked", Key="k", VersionId=version)
    s3.delete_bucket(Bucket="locked")


def test_a_legal_hold_lasts_until_it_is_let_go(s3, locked, refused):
    version = put(s3, locked)
    refused("NoSuchObjectLockConfiguration", s3.get_object_legal_hold, Bucket=locked, Key="k")
    s3.put_object_legal_hold(Bucket=locked, Key="k", LegalHold={"Status": "ON"})
    assert s3.get_object_legal_hold(Bucket=locked, Key="k")["LegalHold"] == {"Status": "ON"}
    refused("AccessDenied", s3.delete_object, Bucket=locked, Key="k", VersionId=version, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(Bucket=locked, Key="k", VersionId=version, LegalHold={"Status": "OFF"})
    assert s3.head_object(Bucket=locked, Key="k")["ObjectLockLegalHoldStatus"] == "OFF"
    s3.delete_object(Bucket=locked, Key="k", VersionId=version)
    refused("MalformedXML", s3.put_object_legal_hold, Bucket=locked, Key="k", LegalHold={})


def test_what_is_written_is_locked_as_asked_or_by_default(s3, locked):
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 2}}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=configuration)
    put(s3, locked)
    kept = s3.get_object_retention(Bucket=locked, Key="k")["Retention"]
    assert kept["Mode"] == "COMPLIANCE"
    assert timedelta(days=1.9) < kept["RetainUntilDate"] - datetime.now(UTC) <= timedelta(days=2)
    asked = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": later(5)}
    put(s3, locked, **asked, ObjectLockLegalHoldStatus="ON")
    copied = s3.copy_object(Bucket=locked, Key="copy", CopySource=f"{locked}/k")  # a copy doesn't take the lock along
    upload = s3.create_multipart_upload(Bucket=locked, Key="parts", **asked)["UploadId"]
    part = s3.upload_part(Bucket=locked, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    s3.complete_multipart_upload(Bucket=locked, Key="parts", UploadId=upload, MultipartUpload=parts)
    heads = {key: s3.head_object(Bucket=locked, Key=key) for key in ("k", "copy", "parts")}
    assert copied["VersionId"] == heads["copy"]["VersionId"]
    assert {key: head["ObjectLockMode"] for key, head in heads.items()} == {
        "k": "GOVERNANCE",
        "copy": "COMPLIANCE",
        "parts": "GOVERNANCE",
    }
    assert heads["k"]["ObjectLockRetainUntilDate"] == later(5)
    assert [head.get("ObjectLockLegalHoldStatus") for head in heads.values()] == ["ON", None, None]


def test_locks_that_make_no_sense(s3, bucket, locked, refused):
    put_here = {"Bucket": locked, "Key": "k"}
    refused("InvalidArgument", s3.put_object, **put_here, ObjectLockMode="GOVERNANCE")
    refused("InvalidArgument", s3.put_object, **put_here, ObjectLockRetainUntilDate=later(1))
    refused("InvalidArgument", s3.put_object, **put_here, ObjectLockMode="BAD", ObjectLockRetainUntilDate=later(1))
    past = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": later(-1)}
    refused("InvalidArgument", s3.put_object, **put_here, **past)
    put(s3, locked)
    refused("MalformedXML", s3.put_object_retention, **put_here, Retention={"Mode": "GOVERNANCE"})
    refused("InvalidArgument", retain, s3=s3, bucket=locked, mode="GOVERNANCE", until=later(-1))
    s3.put_object(Bucket=bucket, Key="k")
    missing = {"code": "InvalidRequest", "Bucket": bucket, "Key": "k"}
    refused(call=s3.put_object, **missing, **past | {"ObjectLockRetainUntilDate": later(1)})
    refused(call=s3.create_multipart_upload, **missing, ObjectLockLegalHoldStatus="ON")
    refused(call=s3.put_object_legal_hold, **missing, LegalHold={"Status": "ON"})
    refused(call=s3.get_object_retention, **missing)
    refused(call=s3.get_object_legal_hold, **missing)
