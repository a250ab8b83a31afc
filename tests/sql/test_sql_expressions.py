"""Every expression of the table has Trino's value and type, or is refused: never something else."""

import duckdb
import pytest
from values_of_trino import evaluate, over_columns, read_cases

from clary.sql import SqlError, prepare

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
