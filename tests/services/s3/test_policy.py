"""Bucket policies and the public access block: records that are checked and answered as S3 does it."""

import json

import pytest


def statement(bucket, **parts):
    everything = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    return {name: value for name, value in (everything | parts).items() if value is not None}


def put(s3, bucket, *statements, **parts):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements, **parts}))


def test_a_policy_is_kept_and_forgotten(s3, bucket, refused):
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket=bucket)
    put(s3, bucket, statement(bucket))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == [statement(bucket)]
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    for _ in range(2):
        s3.delete_bucket_policy(Bucket=bucket)
        refused("NoSuchBucketPolicy", s3.get_bucket_policy_status, Bucket=bucket)


@pytest.mark.parametrize(
    ("parts", "public"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": ["*"]}}, True),
        ({"Principal": "*", "Effect": "Deny"}, False),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, False),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:PrincipalArn": "arn:*"}}}, True),
        ({"Principal": "*", "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}}, True),
        ({"Principal": {"Service": "logging.s3.amazonaws.com"}}, False),
    ],
)
def test_what_is_public_is_kept_where_it_may_be(s3, bucket, refused, parts, public):
    policy = json.dumps({"Statement": statement(bucket, **parts)})
    if public:
        refused("AccessDenied", s3.put_bucket_policy, Bucket=bucket, Policy=policy)
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is public


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("", "valid JSON"),
        ("[]", "first byte"),
        ("{", "valid JSON"),
        pytest.param("[" * 5000, "valid JSON", id="deep"),
        ("{}", "Missing required field Statement"),
        ({"Version": "2020-01-01", "Statement": []}, "valid version string"),
        ({"Statement": []}, "empty"),
        ({"Statement": ["x"]}, "must be an object"),
        ({"Statement": {}, "Comment": ""}, "Unknown field Comment"),
        ({"Effect": None}, "Missing required field Effect"),
        ({"Effect": "Maybe"}, "Invalid effect: Maybe"),
        ({"Action": None}, "Missing required field Action"),
        ({"Action": "ec2:RunInstances"}, "invalid action"),
        ({"Resource": "arn:aws:s3:::another/*"}, "invalid resource"),
        ({"Resource": None}, "Missing required field Resource"),
        ({"Principal": None}, "Missing required field Principal"),
        ({"Principal": {"Planet": "*"}}, "Invalid principal"),
        ({"NotAction": "s3:*"}, "Only one of"),
        ({"Sid": "x" * 21_000}, "20480"),
    ],
)
def test_what_is_no_policy(s3, bucket, refused, policy, message):
    if isinstance(policy, dict):
        policy = json.dumps(policy if "Statement" in policy else {"Statement": [statement(bucket, **policy)]})
    answer = refused("MalformedPolicy", s3.put_bucket_policy, Bucket=bucket, Policy=policy)
    assert message in answer["Error"]["Message"]


def test_the_public_access_block_is_kept(s3, bucket, refused):
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    kept = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert (kept["BlockPublicAcls"], kept["BlockPublicPolicy"]) == (True, False)
    s3.delete_public_access_block(Bucket=bucket)
    refused("NoSuchPublicAccessBlockConfiguration", s3.get_public_access_block, Bucket=bucket)
