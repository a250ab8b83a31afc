import pytest

from clary.clock import MovedClock
from clary.errors import ServiceError
from clary.services.logs.errors import (
    InvalidParameterException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
    TooManyTagsException,
)

NOW = 1_700_000_000_000
ARN = "arn:aws:logs:eu-west-1:000000000000:log-group"


def names(reply):
    return [group["logGroupName"] for group in reply["logGroups"]]


def test_a_group_is_described_as_aws_does(logs):
    assert logs("CreateLogGroup", logGroupName="/aws/x", tags={"a": "1"}) == {}
    assert logs("DescribeLogGroups") == {
        "logGroups": [
            {
                "logGroupName": "/aws/x",
                "creationTime": NOW,
                "retentionInDays": None,
                "metricFilterCount": 0,
                "arn": f"{ARN}:/aws/x:*",
                "logGroupArn": f"{ARN}:/aws/x",
                "storedBytes": 0,
                "logGroupClass": "STANDARD",
                "deletionProtectionEnabled": False,
            }
        ]
    }


def test_a_name_is_taken_once_and_free_after_deletion(logs):
    logs("CreateLogGroup", logGroupName="g")
    with pytest.raises(ResourceAlreadyExistsException, match="The specified log group already exists"):
        logs("CreateLogGroup", logGroupName="g")
    logs("DeleteLogGroup", logGroupName="g")
    with pytest.raises(ResourceNotFoundException, match=r"The specified log group does not exist\."):
        logs("DeleteLogGroup", logGroupName="g")
    logs("CreateLogGroup", logGroupName="g")


@pytest.mark.parametrize(("member", "value"), [("kmsKeyId", "arn:aws:kms:x"), ("logGroupClass", "INFREQUENT_ACCESS")])
def test_what_is_not_done_is_refused_by_name(logs, member, value):
    with pytest.raises(InvalidParameterException, match=member):
        logs("CreateLogGroup", logGroupName="g", **{member: value})
    with pytest.raises(InvalidParameterException, match="reserved for AWS"):
        logs("CreateLogGroup", logGroupName="aws/x")
    assert names(logs("DescribeLogGroups")) == []


def test_groups_are_paged_and_filtered(logs):
    for number in range(7):
        logs("CreateLogGroup", logGroupName=f"/{'ab'[number % 2]}/{number}")
    seen, request = [], {"limit": 3}
    while True:
        page = logs("DescribeLogGroups", **request)
        seen += names(page)
        if "nextToken" not in page:
            break
        request["nextToken"] = page["nextToken"]
    assert seen == ["/a/0", "/a/2", "/a/4", "/a/6", "/b/1", "/b/3", "/b/5"]
    assert names(logs("DescribeLogGroups", logGroupNamePrefix="/b")) == seen[4:]
    assert names(logs("DescribeLogGroups", logGroupNamePattern="/4")) == ["/a/4"]
    assert names(logs("DescribeLogGroups", logGroupIdentifiers=[f"{ARN}:/b/1", "/a/0"])) == ["/a/0", "/b/1"]
    assert names(logs("DescribeLogGroups", logGroupClass="DELIVERY")) == []
    with pytest.raises(InvalidParameterException, match="The specified nextToken is invalid"):
        logs("DescribeLogGroups", logGroupNamePrefix="/b", nextToken=request["nextToken"])
    with pytest.raises(InvalidParameterException, match="mutually exclusive"):
        logs("DescribeLogGroups", logGroupNamePrefix="/b", logGroupNamePattern="x")
    with pytest.raises(InvalidParameterException, match="includeLinkedAccounts"):
        logs("DescribeLogGroups", includeLinkedAccounts=True)


def test_retention_is_kept_and_taken_back(logs, clock: MovedClock):
    logs("CreateLogGroup", logGroupName="g")
    logs("CreateLogStream", logGroupName="g", logStreamName="s")
    logs("PutLogEvents", logGroupName="g", logStreamName="s", logEvents=[{"timestamp": NOW, "message": "x"}])
    logs("PutRetentionPolicy", logGroupName="g", retentionInDays=3)
    group = logs("DescribeLogGroups")["logGroups"][0]
    assert (group["retentionInDays"], group["storedBytes"]) == (3, 27)
    clock.move(3 * 86_400 + 1)
    assert logs("FilterLogEvents", logGroupName="g")["events"] == []
    logs("DeleteRetentionPolicy", logGroupName="g")
    assert logs("DescribeLogGroups")["logGroups"][0]["retentionInDays"] is None
    with pytest.raises(InvalidParameterException, match="Value '2' at 'retentionInDays'"):
        logs("PutRetentionPolicy", logGroupName="g", retentionInDays=2)
    for operation, more in (("PutRetentionPolicy", {"retentionInDays": 1}), ("DeleteRetentionPolicy", {})):
        with pytest.raises(ResourceNotFoundException):
            logs(operation, logGroupName="absent", **more)


def test_a_protected_group_is_not_deleted(logs):
    logs("CreateLogGroup", logGroupName="g", deletionProtectionEnabled=True)
    with pytest.raises(ServiceError, match="deletion protection"):
        logs("DeleteLogGroup", logGroupName="g")
    logs("PutLogGroupDeletionProtection", logGroupIdentifier=f"{ARN}:g", deletionProtectionEnabled=False)
    logs("DeleteLogGroup", logGroupName="g")


def test_tags_by_arn_and_by_name(logs):
    logs("CreateLogGroup", logGroupName="g", tags={"a": "1"})
    logs("TagResource", resourceArn=f"{ARN}:g", tags={"b": "2", "c": "3"})
    logs("TagLogGroup", logGroupName="g", tags={"a": "4"})
    logs("UntagResource", resourceArn=f"{ARN}:g", tagKeys=["c", "never"])
    expected = {"tags": {"a": "4", "b": "2"}}
    assert logs("ListTagsForResource", resourceArn=f"{ARN}:g") == expected
    assert logs("ListTagsLogGroup", logGroupName="g") == expected
    logs("UntagLogGroup", logGroupName="g", tags=["a", "b"])
    assert logs("ListTagsForResource", resourceArn=f"{ARN}:g") == {"tags": {}}
    with pytest.raises(TooManyTagsException):
        logs("TagLogGroup", logGroupName="g", tags={str(number): "" for number in range(51)})
    for arn in (f"{ARN}:absent", f"{ARN}:g".replace("eu-west-1", "us-east-1")):
        with pytest.raises(ResourceNotFoundException):
            logs("TagResource", resourceArn=arn, tags={"a": "1"})
    for arn in ("g", "arn:aws:s3:::g", "arn:aws:logs:eu-west-1:000000000000:destination:d"):
        with pytest.raises(InvalidParameterException):
            logs("TagResource", resourceArn=arn, tags={"a": "1"})
