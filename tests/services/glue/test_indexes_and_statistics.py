"""Partition indexes, and statistics of columns."""

import pytest

NUMBERS = {"MinimumValue": 1, "MaximumValue": 10, "NumberOfNulls": 0, "NumberOfDistinctValues": 10}


def statistics(column, kind="LONG", **data):
    member = f"{kind.capitalize()}ColumnStatisticsData"
    return {
        "ColumnName": column,
        "ColumnType": "bigint",
        "AnalyzedTime": 1_700_000_000,
        "StatisticsData": {"Type": kind, member: data or NUMBERS},
    }


def test_indexes_live_and_go(glue, make_table, refused):
    table = make_table(year="int", city="string")
    glue.create_partition_index(**table, PartitionIndex={"IndexName": "b", "Keys": ["City", "year"]})
    glue.create_partition_index(**table, PartitionIndex={"IndexName": "a", "Keys": ["year", "city"]})
    found = glue.get_partition_indexes(**table)["PartitionIndexDescriptorList"]
    year, city = {"Name": "year", "Type": "int"}, {"Name": "city", "Type": "string"}
    assert found == [
        {"IndexName": "a", "Keys": [year, city], "IndexStatus": "ACTIVE"},
        {"IndexName": "b", "Keys": [city, year], "IndexStatus": "ACTIVE"},
    ]
    glue.delete_partition_index(**table, IndexName="a")
    assert refused("delete_partition_index", **table, IndexName="a") == (
        "EntityNotFoundException",
        "Index with the given indexName : a does not exist.",
    )


def test_indexes_that_cannot_be_are_refused(glue, make_table, refused):
    table = make_table(year="int", city="string")

    def create(name, *keys):
        return refused("create_partition_index", **table, PartitionIndex={"IndexName": name, "Keys": list(keys)})

    glue.create_partition_index(**table, PartitionIndex={"IndexName": "a", "Keys": ["year"]})
    assert create("x", "amount") == (
        "InvalidInputException",
        "IndexKeys not a part of PartitionColumns. Verify the indexKeys : [amount]",
    )
    assert create("a", "city") == (
        "AlreadyExistsException",
        "Partition Index a already exists with the same name.",
    )
    assert create("x", "year")[1] == "Partition Index a already exists with the same keys."
    assert create("x", "year", "YEAR")[0] == "InvalidInputException"
    for name, keys in (("b", ["city"]), ("c", ["city", "year"])):
        glue.create_partition_index(**table, PartitionIndex={"IndexName": name, "Keys": keys})
    assert create("d", "year", "city") == (
        "ResourceNumberLimitExceededException",
        "Partition index limit exceeded. Maximum: 3",
    )


def test_a_table_comes_with_indexes_or_not_at_all(glue, database, refused):
    table = {"Name": "t", "PartitionKeys": [{"Name": "year", "Type": "int"}]}
    request = {"DatabaseName": database, "TableInput": table}
    strange = [{"IndexName": "x", "Keys": ["month"]}]
    assert refused("create_table", **request, PartitionIndexes=strange)[0] == "InvalidInputException"
    assert glue.get_tables(DatabaseName=database)["TableList"] == []
    glue.create_table(**request, PartitionIndexes=[{"IndexName": "x", "Keys": ["year"]}])
    found = glue.get_partition_indexes(DatabaseName=database, TableName="t")["PartitionIndexDescriptorList"]
    assert [index["IndexName"] for index in found] == ["x"]


@pytest.fixture(params=["table", "partition"])
def owner(request, glue, make_table):
    """What statistics can be of: the operations' ending, and what names it."""
    table = make_table(year="int")
    glue.create_partition(**table, PartitionInput={"Values": ["1"]})
    return request.param, table if request.param == "table" else {**table, "PartitionValues": ["1"]}


def test_statistics_live_and_go(glue, owner):
    kind, names = owner
    update, get, delete = (
        getattr(glue, f"{verb}_column_statistics_for_{kind}") for verb in ("update", "get", "delete")
    )
    decimal = {"UnscaledValue": b"\x01\x00", "Scale": 2}
    price = statistics("price", "DECIMAL", MinimumValue=decimal, NumberOfNulls=1, NumberOfDistinctValues=3)
    assert update(**names, ColumnStatisticsList=[statistics("amount"), price])["Errors"] == []
    update(**names, ColumnStatisticsList=[statistics("Amount", **{**NUMBERS, "MaximumValue": 11})])
    found = get(**names, ColumnNames=["price", "amount", "other"])
    first, second = found["ColumnStatisticsList"]
    assert first["StatisticsData"] == price["StatisticsData"]
    assert second["StatisticsData"]["LongColumnStatisticsData"]["MaximumValue"] == 11
    assert second["AnalyzedTime"].timestamp() == 1_700_000_000
    missing = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Statistics do not exist for this column"}
    assert found["Errors"] == [{"ColumnName": "other", "Error": missing}]
    delete(**names, ColumnName="amount")
    delete(**names, ColumnName="amount")
    assert get(**names, ColumnNames=["amount"])["ColumnStatisticsList"] == []


def test_statistics_without_their_data_are_named(glue, owner):
    kind, names = owner
    wrong = statistics("amount")
    wrong["StatisticsData"]["Type"] = "DOUBLE"
    [error] = getattr(glue, f"update_column_statistics_for_{kind}")(**names, ColumnStatisticsList=[wrong])["Errors"]
    assert error["ColumnStatistics"]["ColumnName"] == "amount"
    assert "DoubleColumnStatisticsData" in error["Error"]["ErrorMessage"]


def test_statistics_are_of_what_is_there(glue, make_table, refused):
    table = make_table(year="int")
    asked = {**table, "PartitionValues": ["9"], "ColumnNames": ["amount"]}
    assert refused("get_column_statistics_for_partition", **asked) == (
        "EntityNotFoundException",
        "Partition [9] not found",
    )
    nowhere = {**table, "TableName": "nothing", "ColumnNames": ["amount"]}
    assert refused("get_column_statistics_for_table", **nowhere)[1] == "Table nothing not found."
