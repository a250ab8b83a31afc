"""CreateBucket, HeadBucket, GetBucketLocation, ListBuckets, DeleteBucket."""

import pytest

from clary.services.s3.bucket import is_legal_name


@pytest.mark.parametrize("name", ["abc", "a.b-c", "0" * 63, "my.bucket.2", "1.2.3.400"])
def test_legal_names(name):
    assert is_legal_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "0" * 64,
        "Upper",
        "under_score",
        "-a-",
        "a-",
        ".ab",
        "a..b",
        "a.-b",
        "a-.b",
        "192.168.5.4",
        "xn--bucket",
        "sthree-x",
        "amzn-s3-demo-x",
        "x-s3alias",
        "x--ol-s3",
        "x.mrap",
        "x--x-s3",
        "x--table-s3",
        "é" * 5,
    ],
)
def test_illegal_names(name):
    assert not is_legal_name(name)


def test_an_illegal_name_is_refused_with_its_code(s3, refused):
    refused("InvalidBucketName", s3.create_bucket, Bucket="a..b.c")


def test_a_new_bucket_is_found_and_listed(s3, bucket):
    head = s3.head_bucket(Bucket=bucket)
    assert head["BucketRegion"] == "us-east-1"
    assert head["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "us-east-1"
    assert bucket in [found["Name"] for found in s3.list_buckets()["Buckets"]]
    assert len(s3.list_buckets()["Owner"]["ID"]) == 64


def test_who_creates_a_bucket_again_succeeds_in_us_east_1_only(s3, aws, bucket, refused):
    assert s3.create_bucket(Bucket=bucket)["Location"] == f"/{bucket}"
    west = aws("s3", region="eu-west-1")
    where = {"LocationConstraint": "eu-west-1"}
    west.create_bucket(Bucket=f"{bucket}-west", CreateBucketConfiguration=where)
    refused("BucketAlreadyOwnedByYou", west.create_bucket, Bucket=f"{bucket}-west", CreateBucketConfiguration=where)


def test_names_are_unique_in_all_accounts(server, s3, bucket, refused):
    server.house.rooms.objects.buckets.create(f"{bucket}-theirs", "999999999999", "us-east-1", {})
    refused("BucketAlreadyExists", s3.create_bucket, Bucket=f"{bucket}-theirs")
    refused("403", s3.head_bucket, Bucket=f"{bucket}-theirs")
    refused("AccessDenied", s3.put_object, Bucket=f"{bucket}-theirs", Key="k")
    assert f"{bucket}-theirs" not in [found["Name"] for found in s3.list_buckets()["Buckets"]]


def test_the_location_must_fit_the_endpoint(s3, aws, refused):
    def asking(place):
        return {"Bucket": "s3-test-place", "CreateBucketConfiguration": {"LocationConstraint": place}}

    refused("InvalidLocationConstraint", s3.create_bucket, **asking("nowhere-1"))
    refused("InvalidLocationConstraint", s3.create_bucket, **asking("us-east-1"))
    west = aws("s3", region="eu-west-1")
    refused("IllegalLocationConstraintException", west.create_bucket, Bucket="s3-test-place")
    for place in ("eu-central-1", "us-east-1", "nowhere-1"):
        refused("IllegalLocationConstraintException", west.create_bucket, **asking(place))
    west.create_bucket(**asking("EU"))
    assert west.get_bucket_location(Bucket="s3-test-place")["LocationConstraint"] == "eu-west-1"
    assert s3.head_bucket(Bucket="s3-test-place")["BucketRegion"] == "eu-west-1"


def test_us_east_1_has_no_location(s3, bucket):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_buckets_are_listed_in_pages_with_filters(s3, bucket):
    names = [f"{bucket}-page-{number}" for number in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = s3.get_paginator("list_buckets").paginate(
        Prefix=f"{bucket}-page", BucketRegion="us-east-1", PaginationConfig={"PageSize": 2}
    )
    assert [[found["Name"] for found in page["Buckets"]] for page in pages] == [names[:2], names[2:4], names[4:]]


def test_a_made_up_token_is_refused(s3, refused):
    refused("InvalidArgument", s3.list_buckets, ContinuationToken="bm90IG91cnM=")


def test_the_expected_owner_must_be_the_owner(s3, bucket, refused):
    s3.head_bucket(Bucket=bucket, ExpectedBucketOwner="000000000000")
    refused("403", s3.head_bucket, Bucket=bucket, ExpectedBucketOwner="111111111111")
    refused("AccessDenied", s3.put_object, Bucket=bucket, Key="k", ExpectedBucketOwner="111111111111")


def test_only_an_empty_bucket_is_deleted(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    refused("NoSuchBucket", s3.delete_bucket, Bucket=bucket)
    refused("404", s3.head_bucket, Bucket=bucket)


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("InvalidBucketAclWithObjectOwnership", {"ACL": "public-read"}),
        ("InvalidBucketAclWithObjectOwnership", {"GrantRead": "id=abc"}),
        ("NotImplemented", {"ObjectOwnership": "ObjectWriter"}),
    ],
)
def test_what_a_bucket_cannot_have_is_refused(s3, refused, code, asked):
    refused(code, s3.create_bucket, Bucket="s3-test-refused", **asked)
    refused("404", s3.head_bucket, Bucket="s3-test-refused")
