"""CopyObject and UploadPartCopy."""

import hashlib
from datetime import UTC, datetime

import pytest

DATA = bytes(range(256)) * 1024
MIB = 1 << 20


@pytest.fixture
def source(s3, bucket):
    s3.put_object(
        Bucket=bucket, Key="söurce +%?", Body=DATA, Metadata={"a": "b"}, ContentType="text/csv", Tagging="t=1"
    )
    return {"Bucket": bucket, "Key": "söurce +%?"}


def test_a_copy_keeps_bytes_headers_and_tags(s3, bucket, source):
    answer = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)["CopyObjectResult"]
    assert answer["ETag"] == f'"{hashlib.md5(DATA).hexdigest()}"'
    found = s3.get_object(Bucket=bucket, Key="copy")
    assert found["Body"].read() == DATA
    assert (found["Metadata"], found["ContentType"]) == ({"a": "b"}, "text/csv")
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "t", "Value": "1"}]
    assert found["ChecksumCRC32"] == answer["ChecksumCRC32"]
    s3.delete_object(**source)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == DATA


def test_a_copy_may_replace_headers_and_tags(s3, bucket, source):
    s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"c": "d"},
        TaggingDirective="REPLACE",
        Tagging="u=2",
    )
    found = s3.head_object(Bucket=bucket, Key="copy")
    assert (found["Metadata"], found["ContentType"]) == ({"c": "d"}, "binary/octet-stream")
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "u", "Value": "2"}]


def test_a_copy_to_itself_must_change_something(s3, source, refused):
    refused("InvalidRequest", s3.copy_object, **source, CopySource=source)
    s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", Metadata={"new": "1"})
    found = s3.get_object(**source)
    assert (found["Metadata"], found["Body"].read()) == ({"new": "1"}, DATA)
    s3.copy_object(**source, CopySource=source, StorageClass="STANDARD_IA")
    assert s3.head_object(**source)["StorageClass"] == "STANDARD_IA"


def test_a_copy_of_parts_is_one_piece(s3, bucket):
    upload = {"Bucket": bucket, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    parts = []
    for number, body in enumerate((b"a" * 5 * MIB, b"end"), 1):
        sent = s3.upload_part(**upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumCRC32": sent["ChecksumCRC32"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "parts"})
    found = s3.get_object(Bucket=bucket, Key="copy")
    assert found["ETag"] == f'"{hashlib.md5(b"a" * 5 * MIB + b"end").hexdigest()}"'
    assert found["ChecksumType"] == "FULL_OBJECT"
    assert found["Body"].read() == b"a" * 5 * MIB + b"end"


def test_another_checksum_may_be_asked_for(s3, bucket, source):
    answer = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, ChecksumAlgorithm="SHA256")
    assert "ChecksumSHA256" in answer["CopyObjectResult"]
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == DATA


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ({"CopySourceIfMatch": "other"}, "PreconditionFailed"),
        ({"CopySourceIfNoneMatch": "*"}, "PreconditionFailed"),
        ({"CopySourceIfUnmodifiedSince": datetime(2020, 1, 1, tzinfo=UTC)}, "PreconditionFailed"),
        ({"CopySourceIfModifiedSince": datetime(2099, 1, 1, tzinfo=UTC)}, "PreconditionFailed"),
        ({"MetadataDirective": "SOME"}, "InvalidArgument"),
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"ObjectLockLegalHoldStatus": "ON"}, "InvalidRequest"),
        ({"CopySourceSSECustomerAlgorithm": "AES256"}, "NotImplemented"),
        ({"ExpectedSourceBucketOwner": "111111111111"}, "AccessDenied"),
        ({"IfNoneMatch": "*"}, "PreconditionFailed"),
    ],
)
def test_a_copy_may_be_refused(s3, bucket, source, refused, conditions, code):
    s3.put_object(Bucket=bucket, Key="copy", Body=b"there")
    refused(code, s3.copy_object, Bucket=bucket, Key="copy", CopySource=source, **conditions)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"there"


def test_sources_that_are_none(s3, bucket, refused):
    refused("NoSuchKey", s3.copy_object, Bucket=bucket, Key="copy", CopySource=f"{bucket}/none")
    refused("NoSuchBucket", s3.copy_object, Bucket=bucket, Key="copy", CopySource="s3-test-none/k")
    refused("InvalidArgument", s3.copy_object, Bucket=bucket, Key="copy", CopySource="nokey")


def test_parts_are_copied_from_objects(s3, bucket, source, refused):
    upload = {"Bucket": bucket, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, ChecksumAlgorithm="CRC32")["UploadId"]
    whole = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]
    assert whole["ETag"] == f'"{hashlib.md5(DATA).hexdigest()}"'
    part = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source, CopySourceRange="bytes=100-299")
    chosen = {name: part["CopyPartResult"][name] for name in ("ETag", "ChecksumCRC32")}
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, **chosen}]})
    assert s3.get_object(Bucket=bucket, Key="parts")["Body"].read() == DATA[100:300]


@pytest.mark.parametrize("span", [f"bytes=0-{len(DATA)}", "bytes=5-", "bytes=5-1", "nonsense"])
def test_a_range_to_copy_must_lie_in_the_source(s3, bucket, source, refused, span):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    asked = {"Bucket": bucket, "Key": "parts", "UploadId": upload, "PartNumber": 1, "CopySource": source}
    refused("InvalidArgument", s3.upload_part_copy, **asked, CopySourceRange=span)
