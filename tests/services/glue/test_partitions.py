"""Partitions of tables, and the expressions that pick them."""

import pytest


@pytest.fixture
def put(glue):
    """`put(table, ["2026", "1"], ...)`: partitions of these values."""

    def create(table, *values):
        inputs = [{"Values": list(row)} for row in values]
        return glue.batch_create_partition(**table, PartitionInputList=inputs)["Errors"]

    return create


def test_a_partition_lives_and_goes(glue, database, make_table, refused):
    table = make_table(year="int", city="string")
    one = {"Values": ["2026", "Rome"], "StorageDescriptor": {"Location": "s3://lake/a/"}, "Parameters": {"x": "y"}}
    glue.create_partition(**table, PartitionInput=one)
    found = glue.get_partition(**table, PartitionValues=["2026", "Rome"])["Partition"]
    assert found["StorageDescriptor"]["Location"] == "s3://lake/a/"
    assert (found["DatabaseName"], found["TableName"], found["CatalogId"]) == (database, "sales", "000000000000")
    assert refused("create_partition", **table, PartitionInput=one) == (
        "AlreadyExistsException",
        "Partition already exists.",
    )
    glue.delete_partition(**table, PartitionValues=["2026", "Rome"])
    missing = "EntityNotFoundException", "Cannot find partition."
    assert refused("get_partition", **table, PartitionValues=["2026", "Rome"]) == missing
    assert refused("delete_partition", **table, PartitionValues=["2026", "Rome"]) == missing


def test_values_must_be_as_many_as_keys(make_table, refused):
    table = make_table(year="int")
    for values in ([], ["2026", "1"]):
        assert refused("create_partition", **table, PartitionInput={"Values": values}) == (
            "InvalidInputException",
            "The number of partition keys do not match the number of partition values",
        )


def test_values_have_a_size(glue, make_table, refused):
    table = make_table(a="string", b="string")
    glue.create_partition(**table, PartitionInput={"Values": ["ü" * 1024, "b"]})
    code, message = refused("create_partition", **table, PartitionInput={"Values": ["ü" * 1024, "ü" * 1024]})
    assert code == "InvalidInputException"
    assert "4103 bytes as JSON: 2500 are the most" in message


def test_a_partition_moves_unless_its_place_is_taken(glue, make_table, put, refused):
    table = make_table(year="int")
    put(table, ["1"], ["2"])
    update = {**table, "PartitionValueList": ["1"]}
    assert refused("update_partition", **update, PartitionInput={"Values": ["2"]})[0] == "AlreadyExistsException"
    glue.update_partition(**update, PartitionInput={"Values": ["3"], "Parameters": {"moved": "yes"}})
    assert glue.get_partition(**table, PartitionValues=["3"])["Partition"]["Parameters"] == {"moved": "yes"}
    assert refused("update_partition", **update, PartitionInput={"Values": ["1"]})[1] == "Cannot find partition."


def test_batches_tell_what_failed(glue, make_table, put):
    table = make_table(year="int")
    put(table, ["1"])
    errors = put(table, ["1"], ["2"], ["2"])
    assert [row["PartitionValues"] for row in errors] == [["1"], ["2"]]
    assert errors[0]["ErrorDetail"] == {
        "ErrorCode": "AlreadyExistsException",
        "ErrorMessage": "Partition already exists.",
    }
    wanted = [{"Values": ["2"]}, {"Values": ["9"]}, {"Values": ["1"]}]
    answer = glue.batch_get_partition(**table, PartitionsToGet=wanted)
    assert [row["Values"] for row in answer["Partitions"]] == [["2"], ["1"]]
    assert answer["UnprocessedKeys"] == []
    entries = [
        {"PartitionValueList": [value], "PartitionInput": {"Values": [value], "Parameters": {"a": "b"}}}
        for value in "19"
    ]
    errors = glue.batch_update_partition(**table, Entries=entries)["Errors"]
    assert [row["PartitionValueList"] for row in errors] == [["9"]]
    errors = glue.batch_delete_partition(**table, PartitionsToDelete=wanted)["Errors"]
    assert [row["PartitionValues"] for row in errors] == [["9"]]
    assert glue.get_partitions(**table)["Partitions"] == []


def test_partitions_are_listed_by_pages_and_segments(glue, make_table, put):
    table = make_table(year="int")
    values = {str(number) for number in range(40)}
    put(table, *([value] for value in values))

    def read(**request):
        pages = glue.get_paginator("get_partitions").paginate(**table, **request, PaginationConfig={"PageSize": 3})
        return [row["Values"][0] for page in pages for row in page["Partitions"]]

    assert sorted(read()) == sorted(values)
    assert sorted(read(Expression="year >= 30")) == [str(number) for number in range(30, 40)]
    parts = [read(Segment={"SegmentNumber": number, "TotalSegments": 3}) for number in range(3)]
    assert all(parts)
    assert sorted(value for part in parts for value in part) == sorted(values)


def test_column_schemas_can_be_left_out(glue, make_table):
    table = make_table(year="int")
    descriptor = {"Columns": [{"Name": "amount", "Type": "double"}], "Location": "s3://lake/"}
    glue.create_partition(**table, PartitionInput={"Values": ["1"], "StorageDescriptor": descriptor})
    [row] = glue.get_partitions(**table, ExcludeColumnSchema=True)["Partitions"]
    assert "Columns" not in row["StorageDescriptor"]
    assert row["StorageDescriptor"]["Location"] == "s3://lake/"


NULL = "__HIVE_DEFAULT_PARTITION__"
VALUES = {
    "int": ["1", "2", "10", NULL],
    "bigint": ["1", "2", "10", NULL],
    "string": ["two", "2", "it's", NULL],
    "decimal(10,2)": ["1.2", "2.6", "3e2", NULL],
    "date": ["2026-01-01", "2026-02-01", NULL],
    "timestamp": ["2026-01-01 12:34:56.789", "2026-02-01 00:00:00", NULL],
}


@pytest.mark.parametrize(
    ("kind", "expression", "values"),
    [
        ("int", "k = 2", ["2"]),
        ("int", "K = '2'", ["2"]),
        ("int", "2 = k", ["2"]),
        ("int", "2 <= k", ["10", "2"]),
        ("int", "k IN (2, '10')", ["10", "2"]),
        ("int", "k not in (1)", ["10", "2"]),
        ("int", "k between 2 and 10", ["10", "2"]),
        ("int", "k NOT BETWEEN 2 AND 10", ["1"]),
        ("int", "k > 1 AND k < 10", ["2"]),
        ("int", "k <> 2", ["1", "10"]),
        ("int", "not k = 2", ["1", "10"]),
        ("int", "NOT (k = 2 or k = 1)", ["10"]),
        ("int", "(k) = ((2)) OR ((k = 1))", ["1", "2"]),
        ("int", "k = 1 OR k = 2 AND k = 3", ["1"]),
        ("int", "k is null", [NULL]),
        ("int", "k IS NOT NULL AND k = -1", []),
        ("int", '`k`=2 and "k"=2', ["2"]),
        ("bigint", "k >= 2", ["10", "2"]),
        ("string", "k = 'two'", ["two"]),
        ("string", "k = 2", ["2"]),
        ("string", "k = 'it''s'", ["it's"]),
        ("string", "k like 't_o'", ["two"]),
        ("string", "k LIKE '%t%'", ["it's", "two"]),
        ("string", "k NOT LIKE '%t%'", ["2"]),
        ("string", "k LIKE '.'", []),
        ("string", "k between 'twn' and 'twp'", ["two"]),
        ("decimal(10,2)", "k = 2.60", ["2.6"]),
        ("decimal(10,2)", "k > 1.2", ["2.6", "3e2"]),
        ("date", "k > '2026-01-15'", ["2026-02-01"]),
        ("timestamp", "k = '2026-02-01 00:00:00.000'", ["2026-02-01 00:00:00"]),
        ("timestamp", "k < '2026-01-01 12:34:56.79'", ["2026-01-01 12:34:56.789"]),
        ("string", "  ", sorted(VALUES["string"])),
    ],
)
def test_expressions_pick_partitions(glue, make_table, put, kind, expression, values):
    table = make_table(k=kind)
    put(table, *([value] for value in VALUES[kind]))
    found = glue.get_partitions(**table, Expression=expression)["Partitions"]
    assert sorted(row["Values"][0] for row in found) == values


@pytest.mark.parametrize(
    ("kind", "expression", "message"),
    [
        ("int", "k = 'x'", '"x" is not an integer.'),
        ("int", "k in (2.5)", '"2.5" is not an integer.'),
        ("int", "k LIKE '2'", "Integral data type doesn't support operation 'LIKE'"),
        ("decimal(10,2)", "k = 'x'", "x is not a decimal."),
        ("decimal", "k LIKE '2'", "Decimal data type doesn't support operation 'LIKE'"),
        ("date", "k = '2026-02-32'", "2026-02-32 is not a date."),
        ("timestamp", "k = '2026-02-01'", "2026-02-01 is not a timestamp."),
        ("float", "k = 1", "Unknown type : 'float'"),
        ("int", "other = 1", "Invalid partition expression!"),
        ("int", "k IS test' AND not parsable", "Unsupported expression 'k IS test' AND not parsable'"),
        ("int", "k", "Unsupported expression 'k'"),
        ("int", "k = ", "Unsupported expression 'k = '"),
        ("int", "k = 1 k = 2", "Unsupported expression"),
        ("int", "(" * 1000 + "k = 1", "Unsupported expression"),
        ("int", "not " * 500 + "k = 1", "Unsupported expression"),
        ("int", "k = k", "Unsupported expression"),
        ("int", "1 = 1", "Unsupported expression"),
        ("int", "k = 1 and 2", "Unsupported expression"),
    ],
)
def test_expressions_that_are_none_are_refused(make_table, refused, kind, expression, message):
    code, said = refused("get_partitions", **make_table(k=kind), Expression=expression)
    assert code == "InvalidInputException"
    assert message in said


def test_a_value_that_is_not_of_its_type_is_named(make_table, put, refused):
    table = make_table(k="int")
    put(table, ["many"])
    assert refused("get_partitions", **table, Expression="k = 1") == (
        "InvalidStateException",
        '"many" is not an integer.',
    )


def test_no_pattern_is_slow(glue, make_table, put):
    table = make_table(k="string")
    put(table, ["a" * 1000])
    assert glue.get_partitions(**table, Expression=f"k LIKE '{'%a' * 500}b'")["Partitions"] == []
