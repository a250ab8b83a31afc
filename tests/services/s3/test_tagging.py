"""Tags of objects and buckets."""

import pytest

TAGS = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]


def tag_set(tags):
    return {"TagSet": tags}


def test_tags_of_an_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Tagging="a=1&b")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == TAGS
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tag_set(TAGS[:1]))
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == TAGS[:1]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tag_set(TAGS))
    s3.put_object(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


def test_tags_of_a_bucket(s3, bucket, refused):
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(TAGS))
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGS
    s3.delete_bucket_tagging(Bucket=bucket)
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=bucket)
    refused("NoSuchBucket", s3.put_bucket_tagging, Bucket="s3-test-none", Tagging=tag_set(TAGS))


def test_what_is_not_there_has_no_tags(s3, bucket, refused):
    refused("NoSuchKey", s3.get_object_tagging, Bucket=bucket, Key="none")
    refused("NoSuchKey", s3.put_object_tagging, Bucket=bucket, Key="none", Tagging=tag_set(TAGS))


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("InvalidTag", [*TAGS, TAGS[0]]),
        ("InvalidTag", [{"Key": "aws:a", "Value": "1"}]),
        ("InvalidTag", [{"Key": "k" * 129, "Value": ""}]),
        ("InvalidTag", [{"Key": "k", "Value": "v" * 257}]),
        ("InvalidTag", [{"Key": "k?", "Value": ""}]),
        ("BadRequest", [{"Key": str(number), "Value": ""} for number in range(11)]),
    ],
)
def test_bad_tags_are_refused(s3, bucket, refused, code, tags):
    s3.put_object(Bucket=bucket, Key="k", Tagging="a=1&b")
    refused(code, s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=tag_set(tags))
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == TAGS
    if code == "InvalidTag":
        refused(code, s3.put_bucket_tagging, Bucket=bucket, Tagging=tag_set(tags))
