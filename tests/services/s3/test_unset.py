"""Settings that Clary does not have: read as on a fresh bucket of AWS, refused by name when asked for."""

import pytest


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("get_bucket_versioning", {}),
        ("get_bucket_logging", {}),
        ("get_bucket_notification_configuration", {}),
        ("get_bucket_accelerate_configuration", {}),
        ("get_bucket_request_payment", {"Payer": "BucketOwner"}),
        (
            "get_bucket_ownership_controls",
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
        ),
        ("list_bucket_metrics_configurations", {"IsTruncated": False}),
    ],
)
def test_reads_of_unset_settings(s3, bucket, operation, expected):
    answer = getattr(s3, operation)(Bucket=bucket)
    del answer["ResponseMetadata"]
    assert answer == expected


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_policy_status", "NoSuchBucketPolicy"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_what_was_never_set_is_not_found(s3, bucket, refused, operation, code):
    answer = refused(code, getattr(s3, operation), Bucket=bucket)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404
    refused("NoSuchBucket", getattr(s3, operation), Bucket="s3-test-none")


def test_everything_is_its_owners(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k")
    for answer in (s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="k")):
        (grant,) = answer["Grants"]
        assert grant["Permission"] == "FULL_CONTROL"
        assert grant["Grantee"] == {"Type": "CanonicalUser", "ID": answer["Owner"]["ID"]}
    s3.put_bucket_acl(Bucket=bucket, ACL="private")


def test_every_object_is_encrypted_as_s3_says(s3, bucket, refused):
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] = "aws:kms"
    refused(
        "NotImplemented",
        s3.put_bucket_encryption,
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [rule]},
    )


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        (
            "select_object_content",
            {
                "Key": "k",
                "Expression": "select 1",
                "ExpressionType": "SQL",
                "InputSerialization": {},
                "OutputSerialization": {},
            },
        ),
        ("put_bucket_website", {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "i"}}}),
        ("put_bucket_request_payment", {"RequestPaymentConfiguration": {"Payer": "Requester"}}),
        ("put_bucket_accelerate_configuration", {"AccelerateConfiguration": {"Status": "Enabled"}}),
        ("put_bucket_ownership_controls", {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}}),
    ],
)
def test_what_asks_for_something_is_refused_by_name(s3, bucket, refused, operation, asked):
    answer = refused("NotImplemented", getattr(s3, operation), Bucket=bucket, **asked)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert len(answer["Error"]["Message"]) > 30


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("put_bucket_request_payment", {"RequestPaymentConfiguration": {"Payer": "BucketOwner"}}),
        ("put_bucket_accelerate_configuration", {"AccelerateConfiguration": {"Status": "Suspended"}}),
        ("put_bucket_notification_configuration", {"NotificationConfiguration": {}}),
        ("put_bucket_logging", {"BucketLoggingStatus": {}}),
        ("delete_bucket_policy", {}),
        ("delete_bucket_cors", {}),
        ("delete_bucket_lifecycle", {}),
        ("delete_bucket_encryption", {}),
    ],
)
def test_what_asks_for_nothing_is_accepted(s3, bucket, operation, asked):
    getattr(s3, operation)(Bucket=bucket, **asked)
