"""Users, roles, keys and policies as records."""

import json

import pytest
from botocore.exceptions import ClientError

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]})
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
MANAGED = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


@pytest.fixture
def iam(aws):
    return aws("iam")


def code_of(function, **request):
    with pytest.raises(ClientError) as caught:
        function(**request)
    return caught.value.response["Error"]["Code"]


def test_default_role_exists(iam):
    role = iam.get_role(RoleName="ClaryExecutionRole")["Role"]
    statement = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert role["Arn"] == "arn:aws:iam::000000000000:role/ClaryExecutionRole"


def test_life_of_a_role(iam):
    created = iam.create_role(
        RoleName="life", Path="/service-role/", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "1"}]
    )["Role"]
    assert created["Arn"] == "arn:aws:iam::000000000000:role/service-role/life"
    assert created["RoleId"].startswith("AROA") and len(created["RoleId"]) == 21
    assert code_of(iam.create_role, RoleName="life", AssumeRolePolicyDocument=TRUST) == "EntityAlreadyExists"
    iam.update_role(RoleName="life", Description="new", MaxSessionDuration=7200)
    iam.tag_role(RoleName="life", Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}])
    iam.untag_role(RoleName="life", TagKeys=["b"])
    role = iam.get_role(RoleName="life")["Role"]
    assert (role["Description"], role["MaxSessionDuration"], role["Tags"]) == (
        "new",
        7200,
        [{"Key": "a", "Value": "2"}],
    )
    assert [role["RoleName"] for role in iam.list_roles(PathPrefix="/service-role/")["Roles"]] == ["life"]
    iam.delete_role(RoleName="life")
    assert code_of(iam.get_role, RoleName="life") == "NoSuchEntity"


def test_policies_of_a_role(iam):
    iam.create_role(RoleName="policed", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="policed", PolicyArn=MANAGED)
    iam.attach_role_policy(RoleName="policed", PolicyArn=MANAGED)
    attached = iam.list_attached_role_policies(RoleName="policed")["AttachedPolicies"]
    assert attached == [{"PolicyName": "AmazonSageMakerFullAccess", "PolicyArn": MANAGED}]
    iam.put_role_policy(RoleName="policed", PolicyName="own", PolicyDocument=json.dumps(POLICY))
    assert iam.list_role_policies(RoleName="policed")["PolicyNames"] == ["own"]
    assert iam.get_role_policy(RoleName="policed", PolicyName="own")["PolicyDocument"] == POLICY
    assert code_of(iam.delete_role, RoleName="policed") == "DeleteConflict"
    iam.detach_role_policy(RoleName="policed", PolicyArn=MANAGED)
    assert code_of(iam.detach_role_policy, RoleName="policed", PolicyArn=MANAGED) == "NoSuchEntity"
    iam.delete_role_policy(RoleName="policed", PolicyName="own")
    iam.delete_role(RoleName="policed")


def test_managed_policy_and_versions(iam):
    arn = iam.create_policy(PolicyName="managed", PolicyDocument=json.dumps(POLICY))["Policy"]["Arn"]
    assert code_of(iam.create_policy, PolicyName="managed", PolicyDocument=json.dumps(POLICY)) == "EntityAlreadyExists"
    version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(POLICY), SetAsDefault=True)
    assert version["PolicyVersion"]["VersionId"] == "v2"
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"] == POLICY
    assert [version["VersionId"] for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v2", "v1"]
    iam.create_user(UserName="attached")
    iam.attach_user_policy(UserName="attached", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert code_of(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
    iam.detach_user_policy(UserName="attached", PolicyArn=arn)
    assert code_of(iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == "DeleteConflict"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)
    iam.delete_user(UserName="attached")


def test_access_key_signs_until_it_is_inactive(iam, server):
    iam.create_user(UserName="ann", Path="/team/")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    sts = server.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:user/team/ann"
    own = server.client("iam", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert own.get_user()["User"]["UserName"] == "ann"
    listed = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]
    assert [set(entry) for entry in listed] == [{"UserName", "AccessKeyId", "Status", "CreateDate"}]
    iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert code_of(sts.get_caller_identity) == "InvalidClientTokenId"
    assert code_of(iam.delete_user, UserName="ann") == "DeleteConflict"
    iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="ann")


def test_simulation_allows_what_clary_allows(iam):
    answer = iam.simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::000000000000:role/ClaryExecutionRole", ActionNames=["s3:PutObject", "ecr:X"]
    )
    assert [result["EvalDecision"] for result in answer["EvaluationResults"]] == ["allowed", "allowed"]
    missing = "arn:aws:iam::000000000000:role/nobody"
    assert code_of(iam.simulate_principal_policy, PolicySourceArn=missing, ActionNames=["s3:Get"]) == "NoSuchEntity"


def test_document_that_is_no_policy(iam):
    for document in ("{", "[]", "{}"):
        assert code_of(iam.create_role, RoleName="x", AssumeRolePolicyDocument=document) == "MalformedPolicyDocument"


def test_listing_in_pages(iam):
    for number in range(5):
        iam.create_user(UserName=f"page-{number}", Path="/pages/")
    pages = iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 2})
    assert [user["UserName"] for page in pages for user in page["Users"]] == [f"page-{n}" for n in range(5)]
