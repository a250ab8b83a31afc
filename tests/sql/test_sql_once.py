"""An operand is evaluated once for each row, however often its text is needed; nesting makes no text explode."""

import time

import duckdb
import pytest
from values_of_trino import NoTables, evaluate

from clary.sql.contract import ExternalFunction
from clary.sql.errors import SqlError
from clary.sql.prepare import prepare
from clary.sql.translate import translate

ROWS = "FROM UNNEST(sequence(1, 10000)) AS t(n)"


@pytest.fixture(scope="module")
def connection():
    found = duckdb.connect(config={"threads": 1})
    prepare(found)
    found.execute("SELECT setseed(0.5)")
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("count_if(random() BETWEEN 0.4 AND 0.6)", 0.2),
        ("count_if(random() BETWEEN (SELECT 0.4) AND 0.6)", 0.2),
        ("count_if(random(10) IN (1, 2))", 0.2),
        ("count_if(random() IN (2e0, random()))", 0),
        ("count_if(CASE random(3) WHEN 0 THEN true WHEN 1 THEN true ELSE false END)", 2 / 3),
        ("count_if(CASE random(2) WHEN (SELECT 1) THEN true WHEN (SELECT 0) THEN true END)", 1),
        ("count_if(nullif(random(2), 0) = 1)", 1 / 2),
        ("count_if(greatest(random(), 0.5) > 0.75)", 1 / 4),
        ("count_if(least(random(), random()) < 0.5)", 3 / 4),
        ("count_if(sqrt(random()) < 0.5)", 1 / 4),
        ("count_if(uuid() = uuid())", 0),
        ("count_if(ROW(random(2), 1) = ROW(1, 1))", 1 / 2),
        ("count_if(CAST(CAST(random(10) AS varchar) AS integer) < 5)", 1 / 2),
        ("count_if(TRY_CAST(CAST(random(10) AS varchar) AS integer) IS NULL)", 0),
        ("count_if(array_join(ARRAY['', '', ''], CAST(random(2) AS varchar)) IN ('00', '11'))", 1),
        ("count_if(random(2) IN (SELECT 1))", 1 / 2),
        ("count_if(element_at(transform(ARRAY[n], x -> random(2)), 1) = 1)", 1 / 2),
        ("sum(if(random() BETWEEN 0.4 AND 0.6, 1)) OVER ()", 0.2),
        ("if(max(random()) < 1 AND min(random()) >= 0, 10000)", 1),
    ],
)
def test_what_varies_is_drawn_once_a_row(connection, expression, expected):
    connection.execute("SELECT setseed(0.5)")  # the same draws, whichever tests ran before
    ((found, *_), *_), _ = evaluate(connection, f"SELECT {expression} {ROWS} LIMIT 1")
    assert int(found) / 10000 == pytest.approx(expected, abs=0.03)


def test_an_external_function_is_called_once_a_row():
    external = [ExternalFunction("score", ["integer"], "integer", "lambda")]
    query = "SELECT score(n) BETWEEN 1 AND 3 FROM (VALUES 1, 2, 9) AS t(n)"
    found = translate(query, NoTables(), catalog_name="c", database="d", external=external)
    assert found.sql.count('"score"(') == 1
    calls = []
    with duckdb.connect() as connection:
        connection.create_function("score", lambda n: calls.append(n) or n, ["INTEGER"], "INTEGER", side_effects=True)
        assert connection.execute(found.sql).fetchall() == [(True,), (True,), (False,)]
    assert sorted(calls) == [1, 2, 9]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("avg(CAST(random() AS decimal(9,8)))", "NOT_SUPPORTED: line 1:8: avg of a function whose value varies"),
        ("1 + skewness(random())", "NOT_SUPPORTED: line 1:12: skewness of a function whose value varies"),
        ("try(1 / random(2))", "NOT_SUPPORTED: line 1:8: TRY of a function whose value varies"),
        ("ROW(random(), 1).*", r"NOT_SUPPORTED: line 1:8: \.\* of a row that varies"),
    ],
)
def test_what_cannot_be_drawn_once_is_refused(expression, message):
    with pytest.raises(SqlError, match=message):
        translate(f"SELECT {expression} {ROWS}", NoTables(), catalog_name="c", database="d")


def test_order_by_a_column_that_varies(connection):
    rows, _ = evaluate(connection, f"SELECT random(1000000) AS r {ROWS} ORDER BY r")
    found = [int(one) for (one,) in rows]
    assert found == sorted(found)
    with pytest.raises(SqlError, match="NOT_SUPPORTED: line 1:71: ORDER BY over a column that varies"):
        translate(f"SELECT random() AS r {ROWS} ORDER BY -r", NoTables(), catalog_name="c", database="d")


@pytest.mark.parametrize(
    ("expression", "start", "value"),
    [
        ("nullif({}, 1)", "n", "7"),
        ("greatest({}, 1e0)", "CAST(n AS double)", "7.0"),
        ("CAST(CAST({} AS varchar) AS integer)", "n", "7"),
        ("CAST(CAST({} AS varchar) AS double)", "CAST(n AS double)", "7.0"),
        ("if({} BETWEEN 1 AND 9, 2, 3)", "n", "2"),
        ("CASE {} WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE 5 END", "n", "5"),
        ("map_concat({}, map(ARRAY[n], ARRAY[n]))", "map(ARRAY[n], ARRAY[n])", "{7=7}"),
        ("(1000 / {})", "n", "7"),
        ("sqrt({})", "1e0 * n", "1.0004751885863268"),
    ],
)
def test_nesting_makes_no_text_explode(connection, expression, start, value):
    for _ in range(12):
        start = expression.format(start)
    query = f"SELECT {start} FROM (VALUES 7) AS t(n)"
    assert len(translate(query, NoTables(), catalog_name="c", database="d").sql) < 10_000
    assert evaluate(connection, query)[0] == [[value]]


def test_lambdas_that_would_explode_are_refused():
    body = "x = 1"
    for _ in range(12):
        body = f"any_match(ARRAY[1], x -> {body})"
    with pytest.raises(SqlError, match="NOT_SUPPORTED: line 1:1: The query is too large"):
        translate(f"SELECT {body}", NoTables(), catalog_name="c", database="d")


def test_a_text_beyond_measure_is_refused():
    items = ", ".join(f"CAST('{'x' * 100_000}' AS varchar(9)) || n" for _ in range(90))
    with pytest.raises(SqlError, match=r"NOT_SUPPORTED: line 1:8: The expression is too large"):
        translate(f"SELECT concat({items}) FROM (VALUES 'a') AS t(n)", NoTables(), catalog_name="c", database="d")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("lag(n, -1)", "Offset must be at least 0"),
        ("lead(n, n - 2)", "Offset must be at least 0"),
        ("lead(n, -1, 5)", "Offset must be at least 0"),
        ("nth_value(n, 0)", "Offset must be at least 1"),
        ("ntile(0)", "Buckets must be greater than 0"),
    ],
)
def test_offsets_of_window_functions_are_checked(connection, call, message):
    with pytest.raises(SqlError, match=f"INVALID_FUNCTION_ARGUMENT: {message}"):
        evaluate(connection, f"SELECT {call} OVER (ORDER BY n) FROM (VALUES 1, 2) AS t(n)")


def test_offsets_may_be_zero_or_columns(connection):
    query = "SELECT lag(n, 0) OVER w, lead(n, k) OVER w, ntile(k) OVER w FROM (VALUES (1, 1), (2, 1)) AS t(n, k)"
    assert evaluate(connection, f"{query} WINDOW w AS (ORDER BY n)")[0] == [["1", "2", "1"], ["2", "null", "1"]]


@pytest.mark.parametrize(("operator", "expected"), [("/", "0"), ("%", "6")])
def test_a_long_chain_of_divisions_by_constants_is_quick(connection, operator, expected):
    chain = f" {operator} ".join(["n", *["7"] * 300])
    started = time.monotonic()
    assert evaluate(connection, f"SELECT {chain} FROM (VALUES 6) AS t(n)")[0] == [[expected]]
    assert time.monotonic() - started < 5  # with a lambda for each of them it is 14
