"""Workgroups, and what they lay down for the statements that run in them."""

import uuid

import pytest

ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}


@pytest.fixture
def group(athena):
    return f"group-{uuid.uuid4()}"


def test_primary_is_there(athena):
    found = athena.get_work_group(WorkGroup="primary")["WorkGroup"]
    assert found["State"] == "ENABLED"
    assert "Description" not in found
    assert found["Configuration"] == {  # as measured at AWS
        "ResultConfiguration": {},
        "EnforceWorkGroupConfiguration": False,
        "PublishCloudWatchMetricsEnabled": False,
        "RequesterPaysEnabled": False,
        "EnableMinimumEncryptionConfiguration": False,
        "EngineVersion": ENGINE,
    }


def test_a_workgroup_is_made_changed_and_listed(athena, group, refused):
    athena.create_work_group(
        Name=group,
        Description="d",
        Configuration={"ResultConfiguration": {"OutputLocation": "s3://bucket/x"}, "BytesScannedCutoffPerQuery": 10**7},
        Tags=[{"Key": "a", "Value": "b"}],
    )
    assert refused("create_work_group", Name=group) == ("InvalidRequestException", "WorkGroup is already created")
    found = athena.get_work_group(WorkGroup=group)["WorkGroup"]
    assert found["Description"] == "d"
    assert found["Configuration"]["EnforceWorkGroupConfiguration"] is True
    assert found["Configuration"]["BytesScannedCutoffPerQuery"] == 10**7
    athena.update_work_group(
        WorkGroup=group,
        Description="",
        State="DISABLED",
        ConfigurationUpdates={
            "EnforceWorkGroupConfiguration": False,
            "RemoveBytesScannedCutoffPerQuery": True,
            "ResultConfigurationUpdates": {"RemoveOutputLocation": True, "ExpectedBucketOwner": "0" * 12},
            "EngineVersion": {"SelectedEngineVersion": "Athena engine version 3"},
        },
    )
    found = athena.get_work_group(WorkGroup=group)["WorkGroup"]
    assert "Description" not in found
    assert found["State"] == "DISABLED"
    assert found["Configuration"]["ResultConfiguration"] == {"ExpectedBucketOwner": "0" * 12}
    assert "BytesScannedCutoffPerQuery" not in found["Configuration"]
    names, token = [], {}
    while True:
        answer = athena.list_work_groups(MaxResults=1, **token)
        names += [row["Name"] for row in answer["WorkGroups"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert names == sorted(names)
    assert {group, "primary"} <= set(names)
    assert refused("list_work_groups", NextToken="x") == (
        "InvalidRequestException",
        "The nextPageToken is malformed: x",
    )
    athena.delete_work_group(WorkGroup=group)
    assert refused("get_work_group", WorkGroup=group)[1] == "WorkGroup is not found."


@pytest.mark.parametrize(
    ("configuration", "named"),
    [
        ({"RequesterPaysEnabled": True}, "RequesterPaysEnabled"),
        ({"ManagedQueryResultsConfiguration": {"Enabled": True}}, "ManagedQueryResultsConfiguration"),
        ({"IdentityCenterConfiguration": {"EnableIdentityCenter": True}}, "IdentityCenterConfiguration"),
        ({"MonitoringConfiguration": {"ManagedLoggingConfiguration": {"Enabled": True}}}, "ManagedLoggingConfig"),
        ({"EngineVersion": {"SelectedEngineVersion": "PySpark engine version 3"}}, "PySpark engine version 3"),
        (
            {"ResultConfiguration": {"OutputLocation": "bucket"}},
            "outputLocation is not a valid S3 path: 'bucket' is no",
        ),
        (
            {
                "ResultConfiguration": {
                    "EncryptionConfiguration": {"EncryptionOption": "CSE_KMS", "KmsKey": "k"},
                }
            },
            "CSE_KMS",
        ),
    ],
)
def test_settings_that_are_refused(group, refused, configuration, named):
    code, message = refused("create_work_group", Name=group, Configuration=configuration)
    assert code == "InvalidRequestException"
    assert named in message
    assert refused("get_work_group", WorkGroup=group)[1] == "WorkGroup is not found."


def test_settings_that_ask_for_nothing_are_taken(athena, group):
    athena.create_work_group(
        Name=group,
        Configuration={
            "RequesterPaysEnabled": False,
            "ManagedQueryResultsConfiguration": {"Enabled": False},
            "ResultConfiguration": {"EncryptionConfiguration": {"EncryptionOption": "SSE_S3"}},
        },
    )
    found = athena.get_work_group(WorkGroup=group)["WorkGroup"]["Configuration"]
    assert found["ResultConfiguration"] == {"EncryptionConfiguration": {"EncryptionOption": "SSE_S3"}}


def test_where_results_go(lake, athena, group):
    nowhere = (
        "No output location provided. An output location is required either through the Workgroup result "
        "configuration setting or as an API input."
    )
    assert lake.refuse("SHOW TABLES", ResultConfiguration={}) == nowhere
    assert lake.refuse("SHOW TABLES", ResultConfiguration={"OutputLocation": "s3:/x"}) == (
        "outputLocation is not a valid S3 path: 's3:/x' is no s3://bucket/prefix."
    )
    missing = lake.refuse("SHOW TABLES", ResultConfiguration={"OutputLocation": "s3://no-such-bucket-here/"})
    assert missing == "Unable to verify/create output bucket no-such-bucket-here"
    forced = {"OutputLocation": f"s3://{lake.bucket}/forced"}
    athena.create_work_group(Name=group, Configuration={"ResultConfiguration": forced})

    def location():
        id_ = lake.run("SHOW TABLES", WorkGroup=group)
        return lake.execution(id_)["ResultConfiguration"]["OutputLocation"].removesuffix(f"{id_}.txt")

    assert location() == f"s3://{lake.bucket}/forced/"
    athena.update_work_group(WorkGroup=group, ConfigurationUpdates={"EnforceWorkGroupConfiguration": False})
    assert location() == f"s3://{lake.bucket}/results/"
    athena.update_work_group(WorkGroup=group, State="DISABLED")
    assert lake.refuse("SHOW TABLES", WorkGroup=group) == f"WorkGroup {group} is disabled."
    assert lake.refuse("SHOW TABLES", WorkGroup="nope") == "WorkGroup is not found."


def test_a_workgroup_goes_with_what_it_holds(lake, athena, group, refused):
    athena.create_work_group(Name=group)
    id_ = lake.run("SHOW TABLES", WorkGroup=group)
    query = athena.create_named_query(Name="n", Database="d", QueryString="SELECT 1", WorkGroup=group)["NamedQueryId"]
    assert refused("delete_work_group", WorkGroup=group) == (
        "InvalidRequestException",
        f"WorkGroup {group} is not empty",
    )
    assert athena.list_query_executions(WorkGroup=group)["QueryExecutionIds"] == [id_]
    athena.delete_work_group(WorkGroup=group, RecursiveDeleteOption=True)
    assert refused("get_named_query", NamedQueryId=query)[0] == "InvalidRequestException"
    assert refused("get_query_execution", QueryExecutionId=id_) == (
        "InvalidRequestException",
        f"QueryExecution {id_} was not found",
    )
    assert "cannot be deleted" in refused("delete_work_group", WorkGroup="primary")[1]


def test_metrics_of_a_workgroup(lake, aws, athena, group):
    athena.create_work_group(Name=group, Configuration={"PublishCloudWatchMetricsEnabled": True})
    lake.run("SHOW TABLES", WorkGroup=group)
    found = aws("cloudwatch").list_metrics(Namespace="AWS/Athena", Dimensions=[{"Name": "WorkGroup", "Value": group}])[
        "Metrics"
    ]
    assert {row["MetricName"] for row in found} >= {"TotalExecutionTime", "ProcessedBytes"}


def test_tags(athena, group, refused):
    athena.create_work_group(Name=group, Tags=[{"Key": "a", "Value": "1"}])
    arn = f"arn:aws:athena:us-east-1:000000000000:workgroup/{group}"
    athena.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}])
    athena.untag_resource(ResourceARN=arn, TagKeys=["b"])
    assert athena.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "2"}]
    assert refused("list_tags_for_resource", ResourceARN=arn + "x")[0] == "ResourceNotFoundException"
    assert refused("list_tags_for_resource", ResourceARN="arn:aws:s3:::b")[0] == "InvalidRequestException"


def test_engine_versions(athena):
    found = athena.list_engine_versions()["EngineVersions"]
    assert [row["SelectedEngineVersion"] for row in found] == ["AUTO", "Athena engine version 3"]
