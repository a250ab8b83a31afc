"""Who am I, and temporary keys that work."""

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/ClaryExecutionRole"


def test_caller_is_an_assumed_role(aws):
    answer = aws("sts").get_caller_identity()
    assert answer["Account"] == "000000000000"
    assert answer["Arn"] == "arn:aws:sts::000000000000:assumed-role/ClaryExecutionRole/clary"
    assert answer["UserId"].startswith("AROA")


def test_assumed_keys_work_everywhere(aws, server):
    answer = aws("sts").assume_role(RoleArn=ROLE, RoleSessionName="me", DurationSeconds=900)
    keys = answer["Credentials"]
    again = server.client("sts", key=keys["AccessKeyId"], secret=keys["SecretAccessKey"], token=keys["SessionToken"])
    identity = again.get_caller_identity()
    assert identity["Arn"] == answer["AssumedRoleUser"]["Arn"].replace("arn:aws:iam", "arn:aws:sts")
    assert identity["Arn"].endswith("assumed-role/ClaryExecutionRole/me")
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    role = aws("iam").get_role(RoleName="ClaryExecutionRole")["Role"]
    assert identity["UserId"] == f"{role['RoleId']}:me"


def test_session_token_stands_for_the_caller(aws, server):
    keys = aws("sts").get_session_token()["Credentials"]
    again = server.client("sts", key=keys["AccessKeyId"], secret=keys["SecretAccessKey"], token=keys["SessionToken"])
    assert again.get_caller_identity()["Arn"] == aws("sts").get_caller_identity()["Arn"]
    with pytest.raises(ClientError, match="session credentials"):
        again.get_session_token()


@pytest.mark.parametrize(
    ("request_members", "code", "sentence"),
    [
        ({"RoleArn": "arn:aws:s3:::a-bucket-of-mine"}, "ValidationError", "is invalid"),
        ({"RoleArn": ROLE, "Policy": "{}"}, "ValidationError", "Policy is not supported"),
        ({"RoleArn": ROLE, "DurationSeconds": 60}, "ValidationError", "greater than or equal to 900"),
    ],
)
def test_refusals(server, request_members, code, sentence):
    sts = server.client("sts", parameter_validation=False)
    with pytest.raises(ClientError) as caught:
        sts.assume_role(RoleSessionName="me", **request_members)
    assert caught.value.response["Error"]["Code"] == code
    assert sentence in caught.value.response["Error"]["Message"]


def test_wrong_secret(server):
    with pytest.raises(ClientError) as caught:
        server.client("sts", secret="wrong").get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
