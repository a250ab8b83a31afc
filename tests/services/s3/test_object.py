"""PutObject, GetObject, HeadObject, DeleteObject, DeleteObjects."""

import hashlib
import io
import socket
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
import urllib3

NAMES = [
    "plain",
    "with space",
    "plus+and%percent",
    "percent%2Fencoded",
    "question?mark=1&b#c",
    "//double//slash",
    "/leading",
    "trailing/",
    "ünïcödé/キー/😀",
    "quote\"'<>&;:@$,!*()~`[]{}|\\^",
    "..",
    "a/../b",
    ".",
    "x" * 1024,
]


@pytest.mark.parametrize("key", NAMES)
def test_any_legal_key_is_kept_as_it_is(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert [item["Key"] for item in s3.list_objects(Bucket=bucket)["Contents"]] == [key]
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key})
    with urllib.request.urlopen(url) as answer:  # unlike others it leaves `..` in a path alone
        assert answer.read() == key.encode()
    s3.delete_object(Bucket=bucket, Key=key)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_keys_of_which_one_begins_another(s3, bucket):
    for key in ("p", "p/q", "p/", "P"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in ("p", "p/q", "p/", "P")] == [
        b"p",
        b"p/q",
        b"p/",
        b"P",
    ]


def test_a_key_too_long_is_refused(s3, bucket, refused):
    refused("KeyTooLongError", s3.put_object, Bucket=bucket, Key="é" * 513)


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 3 << 20])
def test_a_body_of_any_size(s3, bucket, size):
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    answer = s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    found = s3.get_object(Bucket=bucket, Key="k")
    assert (found["Body"].read(), found["ContentLength"], found["ETag"]) == (body, size, answer["ETag"])


def test_headers_come_back(s3, bucket):
    kept = {
        "ContentType": "text/csv",
        "CacheControl": "no-cache",
        "ContentDisposition": "attachment",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "Metadata": {"one": "1", "two": "with space"},
        "WebsiteRedirectLocation": "/elsewhere",
        "StorageClass": "STANDARD_IA",
        "Expires": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=b&c=", **kept)
    for found in (s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")):
        assert {name: found[name] for name in kept} == kept
        assert found["TagCount"] == 2
        assert found["ServerSideEncryption"] == "AES256"
        assert found["AcceptRanges"] == "bytes"
        assert "VersionId" not in found


def test_what_was_not_said_has_defaults(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    found = s3.head_object(Bucket=bucket, Key="k")
    assert (found["ContentType"], found["Metadata"]) == ("binary/octet-stream", {})
    assert "StorageClass" not in found
    assert "ChecksumCRC32" not in found
    assert found["LastModified"] - datetime.now(UTC) < timedelta(minutes=1)


def test_aws_chunked_is_no_encoding_of_the_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentEncoding="gzip,aws-chunked")
    assert s3.head_object(Bucket=bucket, Key="k")["ContentEncoding"] == "gzip"


def test_metadata_beyond_ascii_comes_back_as_encoded_words(server, bucket):
    client = server.client("s3")  # boto3 itself would refuse the value
    client.meta.events.register(
        "before-call.s3.PutObject", lambda params, **_: params["headers"].update({"x-amz-meta-city": "K\u00f6ln"})
    )
    client.put_object(Bucket=bucket, Key="k")
    assert client.head_object(Bucket=bucket, Key="k")["Metadata"]["city"].startswith("=?UTF-8?B?")


def test_metadata_too_large_is_refused(s3, bucket, refused):
    refused("MetadataTooLarge", s3.put_object, Bucket=bucket, Key="k", Metadata={"a": "x" * 2048})


def test_a_signed_get_may_override_headers(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    found = s3.get_object(
        Bucket=bucket,
        Key="k",
        ResponseContentType="text/plain",
        ResponseContentDisposition='attachment; filename="a"',
        ResponseExpires=datetime(2030, 1, 1, tzinfo=UTC),
    )
    assert found["Expires"] == datetime(2030, 1, 1, tzinfo=UTC)
    assert (found["ContentType"], found["ContentDisposition"]) == ("text/plain", 'attachment; filename="a"')


def test_what_is_not_there(s3, bucket, refused):
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="none")
    refused("404", s3.head_object, Bucket=bucket, Key="none")
    refused("NoSuchBucket", s3.get_object, Bucket="s3-test-none", Key="none")
    refused("NoSuchBucket", s3.put_object, Bucket="s3-test-none", Key="k", Body=b"x" * 3_000_000)
    s3.delete_object(Bucket=bucket, Key="none")


def test_the_only_version_is_null(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"x"
    refused("InvalidArgument", s3.get_object, Bucket=bucket, Key="k", VersionId="1")
    refused("NoSuchVersion", s3.get_object, Bucket=bucket, Key="k", VersionId="a" * 32)
    s3.delete_object(Bucket=bucket, Key="k", VersionId="a" * 32)
    s3.head_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    refused("404", s3.head_object, Bucket=bucket, Key="k")


def test_many_objects_are_deleted_at_once(s3, bucket):
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=str(number), Body=b"x")
    etag = s3.head_object(Bucket=bucket, Key="0")["ETag"]
    answer = s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": [{"Key": "0", "ETag": etag}, {"Key": "1"}, {"Key": "none"}, {"Key": "2", "ETag": "other"}]},
    )
    assert [item["Key"] for item in answer["Deleted"]] == ["0", "1", "none"]
    assert [(item["Key"], item["Code"]) for item in answer["Errors"]] == [("2", "PreconditionFailed")]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "3"}], "Quiet": True})
    assert "Deleted" not in quiet
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["2", "4"]


def test_deleting_objects_needs_between_one_and_a_thousand(s3, bucket, refused):
    refused("MalformedXML", s3.delete_objects, Bucket=bucket, Delete={"Objects": []})
    many = [{"Key": str(number)} for number in range(1001)]
    refused("MalformedXML", s3.delete_objects, Bucket=bucket, Delete={"Objects": many})


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("AccessControlListNotSupported", {"ACL": "public-read"}),
        ("AccessControlListNotSupported", {"GrantRead": "id=abc"}),
        ("InvalidArgument", {"ObjectLockMode": "GOVERNANCE"}),
        ("NotImplemented", {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "x" * 32}),
        ("NotImplemented", {"ServerSideEncryption": "aws:kms:dsse"}),
        ("InvalidArgument", {"SSEKMSKeyId": "key"}),
        ("NotImplemented", {"StorageClass": "GLACIER"}),
        ("InvalidStorageClass", {"StorageClass": "WARM"}),
        ("NotImplemented", {"WriteOffsetBytes": 5}),
        ("NotImplemented", {"ObjectLockEventHold": "ON"}),
        ("NotImplemented", {"ObjectLockEventHoldDurationDays": 1}),
        ("InvalidArgument", {"WebsiteRedirectLocation": "elsewhere"}),
        ("InvalidTag", {"Tagging": "a=1&a=2"}),
    ],
)
def test_what_an_object_cannot_have_is_refused(server, bucket, refused, code, asked):
    client = server.client("s3", parameter_validation=False)
    refused(code, client.put_object, Bucket=bucket, Key="k", Body=b"x", **asked)
    refused("404", client.head_object, Bucket=bucket, Key="k")


def test_encryption_that_is_only_named_comes_back(s3, bucket):
    answer = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/k")
    assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", "alias/k")
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "aws:kms"
    answer = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="AES256")
    assert answer["ServerSideEncryption"] == "AES256"


def test_a_presigned_put(s3, bucket):
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k", "ContentType": "text/plain"})
    assert urllib3.request("PUT", url, body=b"hello").status == 403
    assert urllib3.request("PUT", url, body=b"hello", headers={"Content-Type": "text/plain"}).status == 200
    found = s3.get_object(Bucket=bucket, Key="k")
    assert (found["Body"].read(), found["ContentType"]) == (b"hello", "text/plain")


def test_a_presigned_url_may_carry_headers_as_parameters(s3, bucket):
    asked = {"Bucket": bucket, "Key": "k", "Metadata": {"color": "red"}, "StorageClass": "STANDARD_IA"}
    url = s3.generate_presigned_url("put_object", asked)
    assert urllib3.request("PUT", url, body=b"hello").status == 200
    found = s3.head_object(Bucket=bucket, Key="k")
    assert (found["Metadata"], found["StorageClass"]) == ({"color": "red"}, "STANDARD_IA")


def test_an_unsigned_request_is_refused(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = urllib3.request("GET", f"{server.url}/{bucket}/k")
    assert answer.status == 403
    assert b"<Code>AccessDenied</Code>" in answer.data


def test_a_body_cut_short_leaves_the_old_object(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"})
    path = url.removeprefix(server.url)
    for size in (100, 3_000_000):
        with socket.create_connection(("127.0.0.1", server.settings.port)) as connection:
            connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
            connection.sendall(b"x" * (size // 2))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"


def test_a_large_object_is_read_to_its_end_while_it_is_replaced(s3, bucket):
    old = b"old!" * 2_000_000
    s3.put_object(Bucket=bucket, Key="k", Body=old)
    body = s3.get_object(Bucket=bucket, Key="k")["Body"]
    first = body.read(1000)
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    assert first + body.read() == old
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"


def test_the_transfer_manager_goes_there_and_back(s3, bucket):
    data = bytes(range(256)) * 80_000  # 20 MiB: three parts
    s3.upload_fileobj(io.BytesIO(data), bucket, "k")
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"].endswith('-3"')
    back = io.BytesIO()
    s3.download_fileobj(bucket, "k", back)
    assert back.getvalue() == data
