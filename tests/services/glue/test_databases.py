"""Databases of the catalog."""


def test_a_database_lives_and_goes(glue, make_database, refused):
    name = make_database(Description="Sales", LocationUri="s3://lake/", Parameters={"team": "belts"})
    found = glue.get_database(Name=name)["Database"]
    assert found.pop("CreateTime").tzinfo
    assert found == {
        "Name": name,
        "Description": "Sales",
        "LocationUri": "s3://lake/",
        "Parameters": {"team": "belts"},
        "CatalogId": "000000000000",
        "CreateTableDefaultPermissions": [
            {"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}
        ],
    }
    glue.update_database(Name=name, DatabaseInput={"Name": name, "Description": "Belts"})
    found = glue.get_database(Name=name)["Database"]
    assert found["Description"] == "Belts"
    assert "LocationUri" not in found
    assert refused("update_database", Name=name, DatabaseInput={"Name": "other"}) == (
        "InvalidInputException",
        "Database cannot be renamed",
    )
    glue.delete_database(Name=name)
    for operation, request in (("get", {}), ("delete", {}), ("update", {"DatabaseInput": {"Name": name}})):
        answer = refused(f"{operation}_database", Name=name, **request)
        assert answer == ("EntityNotFoundException", f"Database {name} not found.")


def test_names_are_lower_case_and_unique(glue, database, refused):
    assert refused("create_database", DatabaseInput={"Name": database.upper()}) == (
        "AlreadyExistsException",
        "Database already exists.",
    )
    assert glue.get_database(Name=database.upper())["Database"]["Name"] == database


def test_a_database_takes_all_it_holds_with_it(glue, database, make_table):
    table = make_table(year="int")
    glue.create_partition(**table, PartitionInput={"Values": ["2026"]})
    glue.update_table(DatabaseName=database, TableInput={"Name": "sales"})
    glue.create_user_defined_function(DatabaseName=database, FunctionInput={"FunctionName": "f"})
    glue.delete_database(Name=database)
    glue.create_database(DatabaseInput={"Name": database})
    assert glue.get_tables(DatabaseName=database)["TableList"] == []
    assert glue.get_user_defined_functions(DatabaseName=database, Pattern="*")["UserDefinedFunctions"] == []
    again = make_table(year="int")
    assert glue.get_partitions(**again)["Partitions"] == []
    assert [row["VersionId"] for row in glue.get_table_versions(**again)["TableVersions"]] == ["0"]


def test_databases_are_listed_by_pages(glue, make_database, refused):
    names = [make_database() for _ in range(3)]
    pages = glue.get_paginator("get_databases").paginate(PaginationConfig={"PageSize": 2})
    found = [row["Name"] for page in pages for row in page["DatabaseList"]]
    assert [name for name in found if name in names] == sorted(names)
    rows = glue.get_databases(AttributesToGet=["NAME"])["DatabaseList"]
    assert {"Name": names[0]} in rows
    assert glue.get_databases(ResourceShareType="FOREIGN")["DatabaseList"] == []
    assert refused("get_databases", NextToken="made-up")[0] == "InvalidInputException"


def test_there_is_one_catalog_an_account(glue, database, refused):
    assert glue.get_database(CatalogId="000000000000", Name=database)["Database"]["Name"] == database
    assert refused("get_database", CatalogId="111122223333", Name=database)[0] == "AccessDeniedException"
    assert refused("get_database", CatalogId="other", Name=database) == (
        "EntityNotFoundException",
        "Catalog other not found.",
    )


def test_databases_have_tags(glue, database):
    glue.delete_database(Name=database)
    glue.create_database(DatabaseInput={"Name": database}, Tags={"team": "belts"})
    arn = f"arn:aws:glue:us-east-1:000000000000:database/{database}"
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"team": "belts"}
    glue.delete_database(Name=database)
    glue.create_database(DatabaseInput={"Name": database})
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {}


def test_a_region_has_its_own(aws, database):
    names = [row["Name"] for row in aws("glue", region="eu-west-1").get_databases()["DatabaseList"]]
    assert database not in names


def test_what_asks_for_more_is_refused_by_name(refused):
    target = {"CatalogId": "000000000000", "DatabaseName": "other"}
    for member, value in (
        ("TargetDatabase", target),
        ("FederatedDatabase", {"Identifier": "x", "ConnectionName": "y"}),
        ("CreateTableDefaultPermissions", [{"Permissions": ["SELECT"]}]),
    ):
        code, message = refused("create_database", DatabaseInput={"Name": "refused", member: value})
        assert code == "InvalidInputException"
        assert member in message
