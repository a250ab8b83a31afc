"""Uploads in parts, from CreateMultipartUpload to what is read of the object."""

import hashlib
from datetime import datetime

import pytest

MIB = 1 << 20
FIRST, LAST = b"a" * (5 * MIB), b"the end"


@pytest.fixture
def upload(s3, bucket):
    asked = {"Metadata": {"a": "b"}, "ContentType": "text/plain", "ChecksumAlgorithm": "CRC32"}
    return s3.create_multipart_upload(Bucket=bucket, Key="k", **asked)["UploadId"]


@pytest.fixture
def send(s3, bucket, upload):
    def send(number, body, **more):
        answer = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=body, **more)
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": answer["ChecksumCRC32"]}

    return send


@pytest.fixture
def complete(s3, bucket, upload):
    def complete(*parts, **more):
        return s3.complete_multipart_upload(
            Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": list(parts)}, **more
        )

    return complete


def test_the_parts_become_an_object(s3, bucket, send, complete):
    last, first = send(7, LAST), send(2, FIRST)
    answer = complete(first, last)
    digests = hashlib.md5(FIRST).digest() + hashlib.md5(LAST).digest()
    assert answer["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    assert answer["Location"].endswith(f"/{bucket}/k")
    found = s3.get_object(Bucket=bucket, Key="k")
    assert found["Body"].read() == FIRST + LAST
    assert (found["ETag"], found["Metadata"], found["ContentType"]) == (answer["ETag"], {"a": "b"}, "text/plain")
    edge = len(FIRST)
    ranged = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={edge - 3}-{edge + 2}")
    assert ranged["Body"].read() == b"aaathe"


def test_one_part_of_the_object_is_read_by_its_number(s3, bucket, send, complete, refused):
    complete(send(1, FIRST), send(2, LAST))
    found = s3.get_object(Bucket=bucket, Key="k", PartNumber=2, ChecksumMode="ENABLED")
    assert (found["Body"].read(), found["PartsCount"]) == (LAST, 2)
    assert found["ContentRange"] == f"bytes {len(FIRST)}-{len(FIRST) + len(LAST) - 1}/{len(FIRST) + len(LAST)}"
    assert found["ChecksumType"] == "COMPOSITE"
    assert s3.head_object(Bucket=bucket, Key="k", PartNumber=1)["ContentLength"] == len(FIRST)
    refused("InvalidPartNumber", s3.get_object, Bucket=bucket, Key="k", PartNumber=3)


def test_nothing_is_there_before_the_end(s3, bucket, send, refused):
    send(1, LAST)
    refused("404", s3.head_object, Bucket=bucket, Key="k")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_part_sent_again_counts_once(s3, bucket, send, complete, refused):
    first = send(1, b"first")
    again = send(1, b"again")
    refused("InvalidPart", lambda: complete(first))
    complete(again)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"again"


def test_wrong_lists_of_parts_are_refused(send, complete, refused):
    one, two = send(1, b"small"), send(2, LAST)
    refused("InvalidPartOrder", lambda: complete(two, one))
    refused("InvalidPartOrder", lambda: complete(one, one))
    refused("InvalidPart", lambda: complete(one, {**two, "ETag": one["ETag"]}))
    refused("InvalidPart", lambda: complete({**one, "PartNumber": 3}))
    refused("InvalidPart", lambda: complete({**one, "ChecksumCRC32": two["ChecksumCRC32"]}))
    refused("MalformedXML", complete)
    error = refused("EntityTooSmall", lambda: complete(one, two))["Error"]
    assert (error["PartNumber"], error["ProposedSize"], error["MinSizeAllowed"]) == ("1", "5", str(5 * MIB))
    complete(one)


def test_the_announced_size_must_be_the_size(send, complete, refused):
    part = send(1, LAST)
    refused("InvalidRequest", lambda: complete(part, MpuObjectSize=8))
    complete(part, MpuObjectSize=len(LAST))


def test_who_completes_again_gets_the_same_answer(send, complete, refused):
    part = send(1, LAST)
    assert complete(part)["ETag"] == complete(part)["ETag"]


def test_a_completion_can_be_conditional(s3, bucket, send, complete, refused):
    part = send(1, LAST)
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    refused("PreconditionFailed", lambda: complete(part, IfNoneMatch="*"))
    complete(part, IfMatch=s3.head_object(Bucket=bucket, Key="k")["ETag"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == LAST


def test_an_aborted_upload_is_gone(s3, bucket, upload, send, complete, refused):
    part = send(1, LAST)
    on_condition = {"Bucket": bucket, "Key": "k", "UploadId": upload, "IfMatchInitiatedTime": datetime(2026, 1, 1)}
    refused("NotImplemented", s3.abort_multipart_upload, **on_condition)
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    refused("NoSuchUpload", lambda: complete(part))
    refused("NoSuchUpload", lambda: send(2, LAST))
    refused("NoSuchUpload", s3.list_parts, Bucket=bucket, Key="k", UploadId=upload)
    refused("NoSuchUpload", s3.abort_multipart_upload, Bucket=bucket, Key="k", UploadId=upload)


def test_an_upload_belongs_to_its_key(s3, bucket, upload, refused):
    asked = {"Bucket": bucket, "Key": "other", "UploadId": upload}
    refused("NoSuchUpload", s3.upload_part, **asked, PartNumber=1, Body=b"x")
    refused("NoSuchUpload", s3.list_parts, **asked)
    refused("NoSuchUpload", s3.abort_multipart_upload, **asked)


def test_a_part_has_a_number_from_1_to_10000(s3, bucket, upload, refused):
    for number in (0, 10_001):
        refused(
            "InvalidArgument", s3.upload_part, Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=b"x"
        )


def test_parts_are_listed_in_pages(s3, bucket, upload, send):
    sent = [send(number, b"x" * number) for number in (5, 1, 3)]
    pages = list(
        s3.get_paginator("list_parts").paginate(
            Bucket=bucket, Key="k", UploadId=upload, PaginationConfig={"PageSize": 2}
        )
    )
    listed = [part for page in pages for part in page["Parts"]]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(1, 1), (3, 3), (5, 5)]
    assert {part["ETag"] for part in listed} == {part["ETag"] for part in sent}
    assert (pages[0]["IsTruncated"], pages[0]["NextPartNumberMarker"], pages[1]["IsTruncated"]) == (True, 3, False)
    assert (pages[0]["ChecksumAlgorithm"], pages[0]["ChecksumType"]) == ("CRC32", "COMPOSITE")


def test_uploads_are_listed_in_pages(s3, bucket):
    keys = ["a", "a", "b/1", "b/2", "c+ d"]
    begun = {s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"] for key in keys}
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    listed = [upload for page in pages for upload in page["Uploads"]]
    assert [upload["Key"] for upload in listed] == keys
    assert {upload["UploadId"] for upload in listed} == begun
    rolled = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", Prefix="b")
    assert [item["Prefix"] for item in rolled["CommonPrefixes"]] == ["b/"]
    assert "Uploads" not in rolled


def test_a_bucket_with_an_unfinished_upload_is_deleted_with_it(s3, bucket, upload, refused):
    s3.delete_bucket(Bucket=bucket)
    refused("NoSuchBucket", s3.list_parts, Bucket=bucket, Key="k", UploadId=upload)
