"""A Glue of the running server, and databases that go when a test ends."""

import itertools
from contextlib import suppress

import pytest

from tests.services.glue.lake import Lake

_numbers = itertools.count()


@pytest.fixture(scope="session")
def glue(aws):
    return aws("glue")


@pytest.fixture
def refused(glue):
    """`refused("get_table", ...)`: the code and the message of the refusal."""

    def call(operation, **request):
        with pytest.raises(glue.exceptions.ClientError) as caught:
            getattr(glue, operation)(**request)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call


@pytest.fixture
def make_database(glue):
    made = []

    def make(**input_):
        name = f"database_{next(_numbers)}"
        glue.create_database(DatabaseInput={"Name": name, **input_})
        made.append(name)
        return name

    yield make
    for name in made:
        with suppress(glue.exceptions.EntityNotFoundException):
            glue.delete_database(Name=name)


@pytest.fixture
def database(make_database):
    return make_database()


@pytest.fixture
def make_table(glue, database):
    """`make_table("sales", year="int")`: a table with those partition keys; what names it in a request."""

    def make(name="sales", **keys):
        columns = [{"Name": key, "Type": kind} for key, kind in keys.items()]
        descriptor = {"Columns": [{"Name": "amount", "Type": "double"}], "Location": "s3://lake/sales/"}
        table = {"Name": name, "StorageDescriptor": descriptor, "PartitionKeys": columns}
        glue.create_table(DatabaseName=database, TableInput=table)
        return {"DatabaseName": database, "TableName": name}

    return make


@pytest.fixture
def lake(server, aws, database):
    found = Lake(server, aws, database.replace("_", "-"), database)
    yield found
    for crawler in found.glue.list_crawlers()["CrawlerNames"]:
        if crawler == found.name:
            found.wait()
            found.glue.delete_crawler(Name=crawler)
