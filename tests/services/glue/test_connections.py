"""Connections of the catalog, and their tags."""

import itertools

import pytest

from clary.jobs.host import Scope
from clary.services.glue.errors import InvalidInputException
from clary.services.glue.jdbc_table import find_jdbc_tables

URL = {"JDBC_CONNECTION_URL": "jdbc:mysql://127.0.0.1:1/shop"}
_numbers = itertools.count()


@pytest.fixture
def make(glue):
    made = []

    def create(properties=URL, **options):
        name = f"connection_{next(_numbers)}"
        tags = options.pop("Tags", {})
        input_ = {"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": properties, **options}
        glue.create_connection(ConnectionInput=input_, Tags=tags)
        made.append(name)
        return name

    yield create
    glue.batch_delete_connection(ConnectionNameList=made)


def test_a_connection_lives_and_goes(glue, make, refused):
    name = make({**URL, "USERNAME": "me", "PASSWORD": "secret"}, Description="the shop")
    found = glue.get_connection(Name=name)["Connection"]
    assert found["ConnectionProperties"] == {**URL, "USERNAME": "me", "PASSWORD": "secret"}
    assert (found["ConnectionType"], found["Description"], found["Status"]) == ("JDBC", "the shop", "READY")
    hidden = glue.get_connection(Name=name, HidePassword=True)["Connection"]
    assert hidden["ConnectionProperties"] == {**URL, "USERNAME": "me"}
    input_ = {"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": URL}
    assert refused("create_connection", ConnectionInput=input_) == (
        "AlreadyExistsException",
        "Connection already exists.",
    )
    glue.update_connection(Name=name, ConnectionInput=input_)
    updated = glue.get_connection(Name=name)["Connection"]
    assert updated["ConnectionProperties"] == URL
    assert updated["CreationTime"] == found["CreationTime"]
    glue.delete_connection(ConnectionName=name)
    missing = "EntityNotFoundException", f"Connection {name} not found."
    assert refused("get_connection", Name=name) == missing
    assert refused("delete_connection", ConnectionName=name) == missing
    assert refused("update_connection", Name=name, ConnectionInput=input_) == missing


def test_connections_are_listed_by_filters_and_pages(glue, make):
    names = [make(MatchCriteria=["a", "b"]), make(MatchCriteria=["a"]), make({}, ConnectionType="NETWORK")]

    def read(**request):
        pages = glue.get_paginator("get_connections").paginate(**request, PaginationConfig={"PageSize": 1})
        return [row["Name"] for page in pages for row in page["ConnectionList"] if row["Name"] in names]

    assert read() == names
    assert read(Filter={"MatchCriteria": ["a"]}) == names[:2]
    assert read(Filter={"MatchCriteria": ["b", "a"]}) == names[:1]
    assert read(Filter={"ConnectionType": "NETWORK"}) == names[2:]
    assert read(Filter={"ConnectionSchemaVersion": 2}) == []


def test_many_are_deleted_at_once(glue, make):
    name = make()
    answer = glue.batch_delete_connection(ConnectionNameList=[name, "nothing"])
    assert answer["Succeeded"] == [name]
    assert answer["Errors"]["nothing"]["ErrorCode"] == "EntityNotFoundException"


def test_what_cannot_be_connected_to_is_refused_by_name(refused):
    for input_, named in (
        ({"ConnectionType": "KAFKA", "ConnectionProperties": {}}, "KAFKA"),
        ({"ConnectionType": "JDBC", "ConnectionProperties": {}}, "JDBC_CONNECTION_URL"),
        ({"ConnectionType": "JDBC", "ConnectionProperties": {"JDBC_CONNECTION_URL": "jdbc:oracle://h"}}, "jdbc:oracle"),
        ({"ConnectionType": "JDBC", "ConnectionProperties": {**URL, "SECRET_ID": "x"}}, "SECRET_ID"),
        (
            {"ConnectionType": "JDBC", "ConnectionProperties": URL, "SparkProperties": {"a": "b"}},
            "SparkProperties",
        ),
    ):
        code, message = refused("create_connection", ConnectionInput={"Name": "refused", **input_})
        assert code == "InvalidInputException"
        assert named in message


def test_a_test_really_connects(glue, make, refused, postgres_server, aws):
    glue.test_connection(ConnectionName=make(postgres_server.connection()))
    glue.test_connection(
        TestConnectionInput={"ConnectionType": "JDBC", "ConnectionProperties": postgres_server.connection()}
    )
    wrong = postgres_server.connection(PASSWORD="wrong")
    code, message = refused("test_connection", ConnectionName=make(wrong))
    assert code == "InvalidInputException"
    assert "password authentication failed" in message
    assert "Connection to mysql at 127.0.0.1:1 failed" in refused("test_connection", ConnectionName=make())[1]
    assert refused("test_connection", ConnectionName="nothing")[0] == "EntityNotFoundException"
    assert refused("test_connection")[0] == "InvalidInputException"
    input_ = {"Name": "valid", "ConnectionType": "JDBC", "ConnectionProperties": wrong, "ValidateCredentials": True}
    assert "password authentication failed" in refused("create_connection", ConnectionInput=input_)[1]


def test_a_certificate_comes_from_s3(make, refused, postgres_server, aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket="glue-certificates")
    s3.put_object(Bucket="glue-certificates", Key="root.pem", Body=b"no certificate")
    secure = {"JDBC_ENFORCE_SSL": "true", "CUSTOM_JDBC_CERT": "s3://glue-certificates/root.pem"}
    name = make(postgres_server.connection(**secure))
    assert "SSL" in refused("test_connection", ConnectionName=name)[1]
    gone = make(postgres_server.connection(**{**secure, "CUSTOM_JDBC_CERT": "s3://glue-certificates/none.pem"}))
    assert "CUSTOM_JDBC_CERT s3://glue-certificates/none.pem" in refused("test_connection", ConnectionName=gone)[1]


def test_a_crawl_of_a_connection_finds_tables(server, make, postgres_server):
    import psycopg

    with psycopg.connect(
        host=postgres_server.folder, port=postgres_server.port, user="clary", dbname="postgres"
    ) as made:
        made.execute('CREATE TABLE "Crawled Sales" ("Id" int, amount numeric(10,2))')
        made.execute('CREATE TABLE "Twice" (a int); CREATE TABLE twice (b int)')
    rooms, scope = server.house.rooms, Scope("000000000000", "us-east-1")
    name = make(postgres_server.connection())
    [found] = find_jdbc_tables(rooms, scope, name, "postgres/public/Crawled%", lambda _: False, prefix="p_")
    assert found["Name"] == "p_postgres_public_crawled_sales"
    assert found["StorageDescriptor"]["Location"] == "postgres.public.Crawled Sales"
    assert found["StorageDescriptor"]["Columns"] == [
        {"Name": "id", "Type": "int"},
        {"Name": "amount", "Type": "decimal(10,2)"},
    ]
    assert found["Parameters"] == {
        "classification": "postgresql",
        "compressionType": "none",
        "connectionName": name,
        "typeOfData": "table",
    }
    first, second = find_jdbc_tables(rooms, scope, name, "postgres/public/%wice", lambda _: False)
    assert first["Name"] == "postgres_public_twice"
    assert second["Name"].startswith("postgres_public_twice_")
    with pytest.raises(InvalidInputException, match="names another database"):
        find_jdbc_tables(rooms, scope, name, "other/%", lambda _: False)


def test_tags(glue, make, refused):
    name = make(Tags={"team": "belts"})
    arn = f"arn:aws:glue:us-east-1:000000000000:connection/{name}"
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"team": "belts"}
    glue.tag_resource(ResourceArn=arn, TagsToAdd={"cost": "1"})
    glue.untag_resource(ResourceArn=arn, TagsToRemove=["team", "nothing"])
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"cost": "1"}
    many = {str(number): "" for number in range(50)}
    assert refused("tag_resource", ResourceArn=arn, TagsToAdd=many)[0] == "InvalidInputException"
    glue.delete_connection(ConnectionName=name)
    assert refused("get_tags", ResourceArn=arn)[0] == "EntityNotFoundException"
    assert refused("get_tags", ResourceArn=arn.replace("connection/", "thing/"))[0] == "InvalidInputException"
    input_ = {"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": URL}
    glue.create_connection(ConnectionInput=input_)
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {}
