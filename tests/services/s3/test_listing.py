"""ListObjects, ListObjectsV2, ListObjectVersions."""

import pytest
import urllib3

KEYS = ["a", "b/1", "b/2", "b/c/3", "d+e f", "é"]


@pytest.fixture
def full(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2", "list_object_versions"])
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_pages_hold_everything_once(s3, full, operation, size):
    pages = s3.get_paginator(operation).paginate(Bucket=full, Delimiter="/", PaginationConfig={"PageSize": size})
    member = "Versions" if operation == "list_object_versions" else "Contents"
    keys, prefixes = [], []
    for page in pages:
        keys += [item["Key"] for item in page.get(member, [])]
        prefixes += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
        assert len(page.get(member, [])) + len(page.get("CommonPrefixes", [])) <= size
    assert (keys, prefixes) == (["a", "d+e f", "é"], ["b/"])


def test_what_is_said_of_an_object(s3, full):
    page = s3.list_objects_v2(Bucket=full, Prefix="b/", Delimiter="/", FetchOwner=True)
    assert (page["Name"], page["Prefix"], page["Delimiter"], page["KeyCount"]) == (full, "b/", "/", 3)
    assert (page["MaxKeys"], page["IsTruncated"]) == (1000, False)
    first = page["Contents"][0]
    head = s3.head_object(Bucket=full, Key="b/1")
    assert (first["ETag"], first["Size"], first["StorageClass"]) == (head["ETag"], 3, "STANDARD")
    assert first["LastModified"] == head["LastModified"]
    assert len(first["Owner"]["ID"]) == 64
    assert "Owner" not in s3.list_objects_v2(Bucket=full)["Contents"][0]
    assert "Owner" in s3.list_objects(Bucket=full)["Contents"][0]


def test_a_listing_starts_after_a_key(s3, full):
    page = s3.list_objects_v2(Bucket=full, StartAfter="b/2")
    assert [item["Key"] for item in page["Contents"]] == KEYS[3:]
    assert page["StartAfter"] == "b/2"
    page = s3.list_objects(Bucket=full, Marker="b/2", MaxKeys=1)
    assert [item["Key"] for item in page["Contents"]] == ["b/c/3"]
    assert (page["Marker"], page["IsTruncated"], "NextMarker" in page) == ("b/2", True, False)


def test_no_keys_at_all(s3, full):
    page = s3.list_objects_v2(Bucket=full, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)


def test_the_most_is_a_thousand(s3, full):
    assert s3.list_objects_v2(Bucket=full, MaxKeys=5000)["MaxKeys"] == 1000


def test_bad_parameters(s3, full, refused):
    refused("InvalidArgument", s3.list_objects_v2, Bucket=full, MaxKeys=-1)
    refused("InvalidArgument", s3.list_objects_v2, Bucket=full, ContinuationToken="made up")
    refused("InvalidArgument", s3.list_objects_v2, Bucket=full, EncodingType="base64")
    refused("InvalidArgument", s3.list_object_versions, Bucket=full, VersionIdMarker="x")
    refused("NoSuchBucket", s3.list_objects_v2, Bucket="s3-test-none")


def test_keys_are_percent_encoded_where_asked(server, full):
    s3 = server.client("s3", signature_version="s3v4")
    url = s3.generate_presigned_url("list_objects_v2", {"Bucket": full, "Prefix": "d", "EncodingType": "url"})
    document = urllib3.request("GET", url).data
    assert b"<Key>d%2Be%20f</Key>" in document
    assert b"<EncodingType>url</EncodingType>" in document


def test_every_object_has_one_version(s3, full):
    version = s3.list_object_versions(Bucket=full, Prefix="a")["Versions"][0]
    assert (version["Key"], version["VersionId"], version["IsLatest"]) == ("a", "null", True)
