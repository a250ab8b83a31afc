"""Every expression of the table has Trino's value and type, or is refused: never something else."""

import duckdb
import pytest
from values_of_trino import evaluate, over_columns, read_cases

from clary.sql.errors import SqlError
from clary.sql.prepare import prepare

CASES = read_cases()


@pytest.fixture(scope="module")
def connection():
    found = duckdb.connect(config={"threads": 1})
    prepare(found)
    return found


@pytest.mark.parametrize("case", CASES, ids=[case.expression for case in CASES])
def test_value(connection, case):
    if case.failure:
        with pytest.raises(SqlError) as failure:
            evaluate(connection, f"SELECT {case.expression}")
        assert failure.value.code == case.failure, failure.value
        return
    ((value,),), (kind,) = evaluate(connection, f"SELECT {case.expression}")
    assert value == case.value
    assert not case.type or kind == case.type


@pytest.mark.parametrize("case", CASES, ids=[case.expression for case in CASES])
def test_value_over_columns(connection, case):
    if case.failure == "SYNTAX_ERROR":
        return
    query = over_columns(case.expression)
    if query is None or "random" in query:
        return
    try:
        rows, _ = evaluate(connection, query)
    except SqlError as problem:
        assert case.failure or problem.code in ("NOT_SUPPORTED", "SYNTAX_ERROR", "EXPRESSION_NOT_CONSTANT"), problem
        return
    assert not case.failure
    assert rows == [[case.value]] * 2


@pytest.mark.parametrize(
    ("expression", "expected", "type_"),
    [
        ("-9223372036854775808", "-9223372036854775808", "bigint"),
        ("-2147483648", "-2147483648", "integer"),
        ("- 2147483648 + 1", "-2147483647", "integer"),
        ("-(2147483648)", "-2147483648", "bigint"),
        ("0-2147483648", "-2147483648", "bigint"),
        ("IF(-9223372036854775808 IN (-9223372036854775808), 1)", "1", "integer"),
    ],
)
def test_the_sign_belongs_to_the_lowest_numbers(connection, expression, expected, type_):
    assert evaluate(connection, f"SELECT {expression}") == ([[expected]], [type_])


@pytest.mark.parametrize("expression", ["-9223372036854775809", "-9223372036854775808 - 1", "abs(-2147483648)"])
def test_what_the_lowest_numbers_do_not_take(connection, expression):
    with pytest.raises(SqlError, match="NUMERIC_VALUE_OUT_OF_RANGE"):
        evaluate(connection, f"SELECT {expression}")
