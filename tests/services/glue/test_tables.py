"""Tables of the catalog and their versions."""

import pytest


def test_a_table_is_as_aws_shows_it(glue, database, make_table):
    make_table(year="int")
    found = glue.get_table(DatabaseName=database, Name="sales")["Table"]
    assert found.pop("CreateTime") == found.pop("UpdateTime")
    assert found.pop("CreatedBy").startswith("arn:aws:")
    assert found == {
        "Name": "sales",
        "DatabaseName": database,
        "Retention": 0,
        "StorageDescriptor": {
            "Columns": [{"Name": "amount", "Type": "double"}],
            "Location": "s3://lake/sales/",
            "Compressed": False,
            "NumberOfBuckets": 0,
            "SortColumns": [],
            "StoredAsSubDirectories": False,
        },
        "PartitionKeys": [{"Name": "year", "Type": "int"}],
        "IsRegisteredWithLakeFormation": False,
        "IsMultiDialectView": False,
        "CatalogId": "000000000000",
        "VersionId": "0",
    }


def test_names_are_lower_case_and_unique(glue, database, refused):
    glue.create_table(DatabaseName=database.upper(), TableInput={"Name": "Sales"})
    assert glue.get_table(DatabaseName=database, Name="SALES")["Table"]["Name"] == "sales"
    assert refused("create_table", DatabaseName=database, TableInput={"Name": "sAlEs"}) == (
        "AlreadyExistsException",
        "Table already exists.",
    )


def test_what_is_not_there_is_named(database, refused):
    assert refused("get_table", DatabaseName="nowhere", Name="x")[1] == "Database nowhere not found."
    assert refused("get_tables", DatabaseName="nowhere")[1] == "Database nowhere not found."
    assert refused("get_table", DatabaseName=database, Name="X") == ("EntityNotFoundException", "Table X not found.")
    assert refused("delete_table", DatabaseName=database, Name="x")[1] == "Table x not found."
    assert refused("update_table", DatabaseName=database, TableInput={"Name": "x"})[1] == "Table x not found."
    assert refused("create_table", DatabaseName=database) == (
        "InvalidInputException",
        "TableInput must not be null.",
    )


def test_an_update_replaces_and_archives(glue, database, make_table):
    table = make_table()
    created = glue.get_table(DatabaseName=database, Name="sales")["Table"]
    glue.update_table(DatabaseName=database, TableInput={"Name": "sales", "Description": "one"})
    glue.update_table(DatabaseName=database, TableInput={"Name": "sales", "Description": "two"}, SkipArchive=True)
    glue.update_table(DatabaseName=database, TableInput={"Name": "sales", "Description": "three"})
    now = glue.get_table(DatabaseName=database, Name="sales")["Table"]
    assert (now["Description"], now["VersionId"]) == ("three", "3")
    assert "StorageDescriptor" not in now
    assert (now["CreateTime"], now["CreatedBy"]) == (created["CreateTime"], created["CreatedBy"])
    versions = glue.get_table_versions(**table)["TableVersions"]
    assert [(row["VersionId"], row["Table"].get("Description")) for row in versions] == [
        ("3", "three"),
        ("2", "two"),
        ("0", None),
    ]
    pages = glue.get_paginator("get_table_versions").paginate(**table, PaginationConfig={"PageSize": 1})
    assert [row["VersionId"] for page in pages for row in page["TableVersions"]] == ["3", "2", "0"]
    assert glue.get_table_version(**table)["TableVersion"]["VersionId"] == "3"
    old = glue.get_table_version(**table, VersionId="0")["TableVersion"]
    assert old["Table"]["StorageDescriptor"] == created["StorageDescriptor"]


def test_versions_are_deleted_but_the_last(glue, database, make_table, refused):
    table = make_table()
    for _ in range(3):
        glue.update_table(DatabaseName=database, TableInput={"Name": "sales"})
    glue.delete_table_version(**table, VersionId="0")
    assert refused("get_table_version", **table, VersionId="0") == ("EntityNotFoundException", "Version not found.")
    assert refused("get_table_version", **table, VersionId="x")[0] == "InvalidInputException"
    errors = glue.batch_delete_table_version(**table, VersionIds=["0", "1", "3"])["Errors"]
    codes = [(row["VersionId"], row["ErrorDetail"]["ErrorCode"]) for row in errors]
    assert codes == [("0", "EntityNotFoundException"), ("3", "InvalidInputException")]
    assert [row["VersionId"] for row in glue.get_table_versions(**table)["TableVersions"]] == ["3", "2"]


def test_an_update_of_what_changed_meanwhile_is_refused(glue, database, make_table, refused):
    make_table()
    update = {"DatabaseName": database, "TableInput": {"Name": "sales"}, "VersionId": "0"}
    glue.update_table(**update)
    assert refused("update_table", **update) == (
        "ConcurrentModificationException",
        "Update table failed due to concurrent modifications.",
    )


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        (r"mytable_\w+", ["mytable_123", "mytable_x_test"]),
        (r"\w+catchthis\w+", ["fakecatchthisfake"]),
        ("*", ["end...", "fakecatchthisfake", "mytable_123", "mytable_x_test"]),
        ("mytable*", ["mytable_123", "mytable_x_test"]),
        ("*CATCH*is*", ["fakecatchthisfake"]),
        (".*catch.*", ["fakecatchthisfake"]),
        ("mytable_[0-9]*", ["mytable_123"]),
        ("end*.*", ["end..."]),
        ("mytable", []),
        ("fake*|end*", ["end...", "fakecatchthisfake"]),
        ("(a*)*b", []),
    ],
)
def test_expressions_pick_tables_by_name(glue, database, make_table, expression, names):
    for name in ("mytable_123", "mytable_x_test", "fakecatchthisfake", "end..."):
        make_table(name)
    found = glue.get_tables(DatabaseName=database, Expression=expression)["TableList"]
    assert [table["Name"] for table in found] == names


def test_a_pattern_that_is_none_is_refused(make_table, database, refused):
    make_table()
    assert refused("get_tables", DatabaseName=database, Expression="(")[0] == "InvalidInputException"
    make_table("a" * 255)
    assert "takes longer" in refused("get_tables", DatabaseName=database, Expression="(a|aa)+[bc]")[1]


def test_tables_are_listed_by_pages(glue, database, make_table):
    for name in "abc":
        make_table(name)
    pages = list(glue.get_paginator("get_tables").paginate(DatabaseName=database, PaginationConfig={"PageSize": 1}))
    assert [table["Name"] for page in pages for table in page["TableList"]] == ["a", "b", "c"]
    assert len(pages) == 3
    assert glue.get_tables(DatabaseName=database, AttributesToGet=["NAME"])["TableList"][0] == {"Name": "a"}


def test_many_tables_are_deleted_at_once(glue, database, make_table, refused):
    make_table("a"), make_table("b")
    errors = glue.batch_delete_table(DatabaseName=database, TablesToDelete=["a", "b", "c"])["Errors"]
    assert errors == [
        {
            "TableName": "c",
            "ErrorDetail": {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Table c not found."},
        }
    ]
    assert glue.get_tables(DatabaseName=database)["TableList"] == []
    assert refused("batch_delete_table", DatabaseName="nowhere", TablesToDelete=["a"])[0] == "EntityNotFoundException"


def test_what_asks_for_more_is_refused_by_name(database, refused):
    name = {"Name": "refused"}
    schema = {"SchemaReference": {"SchemaVersionNumber": 1}}
    for member, request in (
        ("TargetTable", {"TableInput": {**name, "TargetTable": {"Name": "x"}}}),
        ("FederatedTable", {"TableInput": {**name, "FederatedTable": {"Identifier": "x"}}}),
        ("ViewDefinition", {"TableInput": {**name, "ViewDefinition": {"IsProtected": True}}}),
        ("SchemaReference", {"TableInput": {**name, "StorageDescriptor": schema}}),
        ("OpenTableFormatInput", {"OpenTableFormatInput": {"IcebergInput": {"MetadataOperation": "CREATE"}}}),
        ("TransactionId", {"TableInput": name, "TransactionId": "1"}),
    ):
        code, message = refused("create_table", DatabaseName=database, **request)
        assert code == "InvalidInputException"
        assert member in message
