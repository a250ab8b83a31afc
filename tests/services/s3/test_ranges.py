"""Ranges of objects, by bytes and by part."""

import pytest

from clary.services.s3.ranges import Span, header_span

DATA = bytes(range(100))
WHOLE = Span(0, 100, partial=False)


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=90-", 90, 100),
        ("bytes=-10", 90, 100),
        ("bytes=50-1000", 50, 100),
        ("bytes=-1000", 0, 100),
        ("bytes=99-99", 99, 100),
        ("bytes=0-0", 0, 1),
    ],
)
def test_a_range_is_answered_with_206(s3, bucket, header, start, end):
    s3.put_object(Bucket=bucket, Key="k", Body=DATA)
    found = s3.get_object(Bucket=bucket, Key="k", Range=header, ChecksumMode="ENABLED")
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert found["Body"].read() == DATA[start:end]
    assert (found["ContentRange"], found["ContentLength"]) == (f"bytes {start}-{end - 1}/100", end - start)
    assert "ChecksumCRC32" not in found
    assert s3.head_object(Bucket=bucket, Key="k", Range=header)["ContentLength"] == end - start


@pytest.mark.parametrize(
    "header", [None, "bytes=9-0", "bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=a-b", "bytes 1-2"]
)
def test_nonsense_asks_for_everything(header):
    assert header_span(header, 100) == WHOLE


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(s3, bucket, refused, header):
    s3.put_object(Bucket=bucket, Key="k", Body=DATA)
    answer = refused("InvalidRange", s3.get_object, Bucket=bucket, Key="k", Range=header)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 416
    assert answer["Error"]["ActualObjectSize"] == "100"


def test_an_empty_object_has_no_range(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k")
    refused("InvalidRange", s3.get_object, Bucket=bucket, Key="k", Range="bytes=0-")


def test_parts_of_an_object_that_was_put_whole(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=DATA)
    found = s3.get_object(Bucket=bucket, Key="k", PartNumber=1)
    assert (found["Body"].read(), found["ResponseMetadata"]["HTTPStatusCode"]) == (DATA, 206)
    assert "PartsCount" not in found
    refused("InvalidPartNumber", s3.get_object, Bucket=bucket, Key="k", PartNumber=2)
    refused("InvalidArgument", s3.get_object, Bucket=bucket, Key="k", PartNumber=10_001)
    refused("InvalidRequest", s3.get_object, Bucket=bucket, Key="k", PartNumber=1, Range="bytes=0-1")
