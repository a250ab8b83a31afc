"""Named queries, prepared statements, data catalogs and the metadata in them."""

import json
import uuid

import pytest


@pytest.fixture
def group(athena):
    name = f"kept-{uuid.uuid4()}"
    athena.create_work_group(Name=name)
    return name


def test_named_queries(athena, group, refused):
    said = {"Name": "n", "Database": "d", "QueryString": "SELECT 1", "Description": "x", "WorkGroup": group}
    token = uuid.uuid4().hex
    first = athena.create_named_query(**said, ClientRequestToken=token)["NamedQueryId"]
    assert athena.create_named_query(**said, ClientRequestToken=token)["NamedQueryId"] == first
    other = {**said, "QueryString": "SELECT 2"}
    assert refused("create_named_query", **other, ClientRequestToken=token) == (
        "InvalidRequestException",
        "Idempotent parameters do not match",
    )
    second = athena.create_named_query(**other)["NamedQueryId"]
    assert athena.list_named_queries(WorkGroup=group)["NamedQueryIds"] == [second, first]
    athena.update_named_query(NamedQueryId=first, Name="m", QueryString="SELECT 3")
    assert athena.get_named_query(NamedQueryId=first)["NamedQuery"] == {
        **said,
        "Name": "m",
        "QueryString": "SELECT 3",
        "NamedQueryId": first,
    }
    athena.delete_named_query(NamedQueryId=second)
    answer = athena.batch_get_named_query(NamedQueryIds=[first, second])
    assert [row["NamedQueryId"] for row in answer["NamedQueries"]] == [first]
    assert [row["NamedQueryId"] for row in answer["UnprocessedNamedQueryIds"]] == [second]
    assert refused("get_named_query", NamedQueryId=second)[1] == f"NamedQuery {second} was not found"


def test_prepared_statements(lake, athena, group, refused):
    said = {"WorkGroup": group, "StatementName": "one", "QueryStatement": "SELECT ? + 1"}
    athena.create_prepared_statement(**said, Description="d")
    assert "already exists" in refused("create_prepared_statement", **said)[1]
    wrong = {**said, "StatementName": "two", "QueryStatement": "SELEC\n 1"}
    assert refused("create_prepared_statement", **wrong)[1].startswith("line 1:1: mismatched input 'SELEC'")
    wrong["QueryStatement"] = "SELECT a\nFROM t WHERE ?,"
    assert refused("create_prepared_statement", **wrong)[1].startswith("line 2:15: mismatched input ','")
    athena.update_prepared_statement(**{**said, "QueryStatement": "SELECT ? + 2"})
    found = athena.get_prepared_statement(WorkGroup=group, StatementName="one")["PreparedStatement"]
    assert (found["QueryStatement"], found["Description"]) == ("SELECT ? + 2", "d")
    lake.run("PREPARE two FROM SELECT ?", WorkGroup=group)
    assert lake.rows('EXECUTE "Two" USING 7', WorkGroup=group)[1] == ["7"]
    listed = athena.list_prepared_statements(WorkGroup=group)["PreparedStatements"]
    assert [row["StatementName"] for row in listed] == ["one", "two"]
    lake.run("DEALLOCATE PREPARE two", WorkGroup=group)
    answer = athena.batch_get_prepared_statement(WorkGroup=group, PreparedStatementNames=["one", "two"])
    assert [row["StatementName"] for row in answer["PreparedStatements"]] == ["one"]
    assert answer["UnprocessedPreparedStatementNames"][0]["ErrorCode"] == "STATEMENT_NOT_FOUND"
    assert lake.refuse("EXECUTE two USING 1", WorkGroup=group) == "PreparedStatement two was not found"
    athena.delete_prepared_statement(WorkGroup=group, StatementName="one")
    assert refused("get_prepared_statement", WorkGroup=group, StatementName="one")[0] == "ResourceNotFoundException"


def test_catalogs(athena, refused):
    assert athena.list_data_catalogs()["DataCatalogsSummary"][0] == {"CatalogName": "AwsDataCatalog", "Type": "GLUE"}
    properties = {"host": "127.0.0.1", "port": "5432", "database": "d", "username": "u", "password": "secret"}
    made = athena.create_data_catalog(
        Name="Shop",
        Type="FEDERATED",
        Parameters={"connection-type": "POSTGRESQL", "connection-properties": json.dumps(properties)},
        Tags=[{"Key": "a", "Value": "b"}],
    )["DataCatalog"]
    assert (made["Status"], made["ConnectionType"]) == ("CREATE_COMPLETE", "POSTGRESQL")
    found = athena.get_data_catalog(Name="shop")["DataCatalog"]
    assert "secret" not in json.dumps(found)
    assert refused("create_data_catalog", Name="shop", Type="GLUE", Parameters={"catalog-id": "0" * 12})[1] == (
        "DataCatalog shop has already been created"
    )
    arn = "arn:aws:athena:us-east-1:000000000000:datacatalog/Shop"
    assert athena.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    athena.update_data_catalog(
        Name="Shop", Type="FEDERATED", Parameters={"connection-arn": "arn:aws:glue:us-east-1:0:connection/c"}
    )
    athena.delete_data_catalog(Name="Shop")
    assert refused("get_data_catalog", Name="Shop")[1] == "DataCatalog Shop was not found"
    assert "cannot be deleted" in refused("delete_data_catalog", Name="AwsDataCatalog")[1]


@pytest.mark.parametrize(
    ("kind", "parameters", "named"),
    [
        ("LAMBDA", {"function": "f"}, "type LAMBDA are not supported"),
        ("HIVE", {"metadata-function": "f"}, "type HIVE are not supported"),
        ("GLUE", {"catalog-id": "1" * 12}, "catalog-id must be 000000000000"),
        ("FEDERATED", {}, "needs connection-arn, or connection-type"),
        ("FEDERATED", {"connection-arn": "x"}, "connection-arn is not the ARN of a Glue connection"),
        ("FEDERATED", {"connection-type": "ORACLE", "connection-properties": "{}"}, "connection-type ORACLE"),
        ("FEDERATED", {"connection-type": "MYSQL", "connection-properties": "["}, "is not a JSON object of strings"),
        ("FEDERATED", {"connection-type": "MYSQL", "connection-properties": '{"database": "d"}'}, "names no host"),
        ("FEDERATED", {"connection-type": "MYSQL", "connection-properties": '{"SecretArn": "a"}'}, "SecretArn"),
        ("FEDERATED", {"whatever": "x"}, "Unknown parameter for a catalog of type FEDERATED: whatever"),
    ],
)
def test_catalogs_that_are_refused(refused, kind, parameters, named):
    code, message = refused("create_data_catalog", Name="no", Type=kind, Parameters=parameters)
    assert code == "InvalidRequestException"
    assert named in message


def test_metadata(lake, athena, refused):
    for name in ("alpha", "beta"):
        lake.run(
            f"CREATE EXTERNAL TABLE {name} (a int COMMENT 'c') PARTITIONED BY (p date) "
            f"STORED AS PARQUET LOCATION 's3://{lake.bucket}/{name}/'"
        )
    catalog, database = "AwsDataCatalog", lake.database
    names, token = [], {}
    while True:
        answer = athena.list_databases(CatalogName=catalog, MaxResults=1, **token)
        names += [row["Name"] for row in answer["DatabaseList"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert database in names
    assert athena.get_database(CatalogName=catalog, DatabaseName=database)["Database"]["Name"] == database
    found = athena.get_table_metadata(CatalogName=catalog, DatabaseName=database, TableName="alpha")["TableMetadata"]
    assert found["Columns"] == [{"Name": "a", "Type": "int", "Comment": "c"}]
    assert found["PartitionKeys"] == [{"Name": "p", "Type": "date"}]
    assert found["TableType"] == "EXTERNAL_TABLE"
    assert found["Parameters"]["location"] == f"s3://{lake.bucket}/alpha/"
    assert found["Parameters"]["serde.serialization.lib"].endswith("ParquetHiveSerDe")

    def listed(**options):
        answer = athena.list_table_metadata(CatalogName=catalog, DatabaseName=database, **options)
        return answer["TableMetadataList"]

    assert [row["Name"] for row in listed()] == ["alpha", "beta"]
    assert [row["Name"] for row in listed(Expression="b.*")] == ["beta"]
    assert listed(AttributesToGet=["NAME"]) == [{"Name": "alpha"}, {"Name": "beta"}]
    missing = {"CatalogName": catalog, "DatabaseName": database, "TableName": "gamma"}
    assert refused("get_table_metadata", **missing) == ("MetadataException", "Table gamma not found.")
    assert refused("list_databases", CatalogName="nope")[1] == "Catalog nope was not found"
