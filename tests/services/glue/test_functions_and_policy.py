"""User-defined functions, the catalog's policy and its settings."""

import json

import pytest


def test_functions_live_and_go(glue, database, refused):
    function = {"FunctionName": "Plus", "ClassName": "com.example.Plus", "OwnerName": "me", "OwnerType": "USER"}
    glue.create_user_defined_function(DatabaseName=database, FunctionInput=function)
    found = glue.get_user_defined_function(DatabaseName=database, FunctionName="PLUS")["UserDefinedFunction"]
    assert found.pop("CreateTime")
    assert found == {
        **function,
        "FunctionName": "plus",
        "DatabaseName": database,
        "ResourceUris": [],
        "CatalogId": "000000000000",
    }
    request = {"DatabaseName": database, "FunctionInput": function}
    assert refused("create_user_defined_function", **request)[0] == "AlreadyExistsException"
    names = {"DatabaseName": database, "FunctionName": "plus"}
    glue.update_user_defined_function(**names, FunctionInput={"FunctionName": "plus", "ClassName": "Other"})
    found = glue.get_user_defined_function(**names)["UserDefinedFunction"]
    assert (found["ClassName"], found["OwnerName"]) == ("Other", "me")
    assert refused("update_user_defined_function", **names, FunctionInput={"FunctionName": "minus"})[0] == (
        "InvalidInputException"
    )
    glue.delete_user_defined_function(**names)
    assert refused("get_user_defined_function", **names) == ("EntityNotFoundException", "Function plus not found.")


def test_functions_are_listed_by_pattern_type_and_pages(glue, make_database):
    first, second = make_database(), make_database()
    for database, name, kind in (
        (first, "plus", "REGULAR_FUNCTION"),
        (first, "minus", "AGGREGATE_FUNCTION"),
        (second, "plus", "REGULAR_FUNCTION"),
    ):
        function = {"FunctionName": name, "FunctionType": kind}
        glue.create_user_defined_function(DatabaseName=database, FunctionInput=function)

    def read(**request):
        pages = glue.get_paginator("get_user_defined_functions").paginate(**request, PaginationConfig={"PageSize": 1})
        found = [row for page in pages for row in page["UserDefinedFunctions"]]
        return [(row["DatabaseName"], row["FunctionName"]) for row in found if row["DatabaseName"] in (first, second)]

    assert read(DatabaseName=first, Pattern="*") == [(first, "minus"), (first, "plus")]
    assert read(Pattern="p*") == [(first, "plus"), (second, "plus")]
    assert read(DatabaseName=first, Pattern="*", FunctionType="AGGREGATE_FUNCTION") == [(first, "minus")]


@pytest.fixture
def elsewhere(aws):
    """A region of its own, for there is one policy a region."""
    return aws("glue", region="ap-south-1")


def test_the_policy(elsewhere):
    errors = elsewhere.exceptions
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "glue:*"}]})
    with pytest.raises(errors.EntityNotFoundException, match="Policy not found"):
        elsewhere.get_resource_policy()
    with pytest.raises(errors.ConditionCheckFailureException):
        elsewhere.put_resource_policy(PolicyInJson=policy, PolicyExistsCondition="MUST_EXIST")
    first = elsewhere.put_resource_policy(PolicyInJson=policy)["PolicyHash"]
    found = elsewhere.get_resource_policy()
    assert (found["PolicyInJson"], found["PolicyHash"]) == (policy, first)
    assert [row["PolicyHash"] for row in elsewhere.get_resource_policies()["GetResourcePoliciesResponseList"]] == [
        first
    ]
    with pytest.raises(errors.ConditionCheckFailureException):
        elsewhere.put_resource_policy(PolicyInJson=policy, PolicyExistsCondition="NOT_EXIST")
    changed = policy.replace("glue:*", "glue:GetTable")
    second = elsewhere.put_resource_policy(PolicyInJson=changed, PolicyHashCondition=first)["PolicyHash"]
    with pytest.raises(errors.ConditionCheckFailureException):
        elsewhere.delete_resource_policy(PolicyHashCondition=first)
    with pytest.raises(errors.InvalidInputException, match="not valid JSON"):
        elsewhere.put_resource_policy(PolicyInJson="{x")
    elsewhere.delete_resource_policy(PolicyHashCondition=second)
    assert elsewhere.get_resource_policies()["GetResourcePoliciesResponseList"] == []


def test_nothing_is_encrypted(glue, refused):
    settings = glue.get_data_catalog_encryption_settings()["DataCatalogEncryptionSettings"]
    assert settings["EncryptionAtRest"] == {"CatalogEncryptionMode": "DISABLED"}
    glue.put_data_catalog_encryption_settings(DataCatalogEncryptionSettings=settings)
    for wanted in (
        {"EncryptionAtRest": {"CatalogEncryptionMode": "SSE-KMS"}},
        {"ConnectionPasswordEncryption": {"ReturnConnectionPasswordEncrypted": True}},
    ):
        code, message = refused("put_data_catalog_encryption_settings", DataCatalogEncryptionSettings=wanted)
        assert code == "InvalidInputException"
        assert next(iter(wanted)) in message


def test_there_is_nothing_to_import(glue):
    assert glue.get_catalog_import_status()["ImportStatus"]["ImportCompleted"] is True
