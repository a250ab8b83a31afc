"""Conditional reads, writes and deletes."""

from datetime import UTC, datetime, timedelta

import pytest

PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def etag(s3, bucket):
    return s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]


READS = [
    ({"IfMatch": "ETAG"}, None),
    ({"IfMatch": "*"}, None),
    ({"IfMatch": '"other", ETAG'}, None),
    ({"IfMatch": "other"}, 412),
    ({"IfNoneMatch": "other"}, None),
    ({"IfNoneMatch": "ETAG"}, 304),
    ({"IfNoneMatch": "*"}, 304),
    ({"IfModifiedSince": PAST}, None),
    ({"IfModifiedSince": FUTURE}, 304),
    ({"IfUnmodifiedSince": FUTURE}, None),
    ({"IfUnmodifiedSince": PAST}, 412),
    # An ETag that fits outweighs a date that doesn't.
    ({"IfMatch": "ETAG", "IfUnmodifiedSince": PAST}, None),
    ({"IfNoneMatch": "other", "IfModifiedSince": FUTURE}, None),
    ({"IfNoneMatch": "ETAG", "IfModifiedSince": PAST}, 304),
]


@pytest.mark.parametrize(("conditions", "status"), READS)
def test_reads(s3, bucket, etag, refused, conditions, status):
    given = {
        name: value.replace("ETAG", etag) if isinstance(value, str) else value for name, value in conditions.items()
    }
    if status is None:
        assert s3.get_object(Bucket=bucket, Key="k", **given)["Body"].read() == b"x"
        s3.head_object(Bucket=bucket, Key="k", **given)
        return
    answer = refused({412: "PreconditionFailed", 304: "304"}[status], s3.get_object, Bucket=bucket, Key="k", **given)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    refused(str(status), s3.head_object, Bucket=bucket, Key="k", **given)
    if status == 304:
        assert answer["ResponseMetadata"]["HTTPHeaders"]["etag"] == etag


def test_creating_only(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="new", Body=b"1", IfNoneMatch="*")
    answer = refused("PreconditionFailed", s3.put_object, Bucket=bucket, Key="new", Body=b"2", IfNoneMatch="*")
    assert answer["Error"]["Condition"] == "If-None-Match"
    assert s3.get_object(Bucket=bucket, Key="new")["Body"].read() == b"1"
    refused("NotImplemented", s3.put_object, Bucket=bucket, Key="new", Body=b"2", IfNoneMatch="etag")


def test_replacing_only_what_one_knows(s3, bucket, etag, refused):
    new = s3.put_object(Bucket=bucket, Key="k", Body=b"y" * 100_000, IfMatch=etag)["ETag"]
    refused("PreconditionFailed", s3.put_object, Bucket=bucket, Key="k", Body=b"z" * 100_000, IfMatch=etag)
    refused("NoSuchKey", s3.put_object, Bucket=bucket, Key="none", Body=b"z", IfMatch=etag)
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"] == new


def test_deleting_only_what_one_knows(s3, bucket, etag, refused):
    refused("PreconditionFailed", s3.delete_object, Bucket=bucket, Key="k", IfMatch="other")
    refused("NoSuchKey", s3.delete_object, Bucket=bucket, Key="none", IfMatch="*")
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    refused("404", s3.head_object, Bucket=bucket, Key="k")


def test_of_many_who_create_at_once_one_succeeds(s3, bucket):
    from concurrent.futures import ThreadPoolExecutor

    from botocore.exceptions import ClientError

    def create(number):
        try:
            s3.put_object(Bucket=bucket, Key="once", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"
            return None
        return str(number).encode()

    with ThreadPoolExecutor(4) as pool:
        won = [body for body in pool.map(create, range(8)) if body]
    assert won == [s3.get_object(Bucket=bucket, Key="once")["Body"].read()]
