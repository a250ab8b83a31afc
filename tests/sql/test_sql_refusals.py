"""What is wrong with a query is said as Athena says it, at its line and column; nothing reaches DuckDB itself."""

import duckdb
import pytest
from test_sql_queries import Shop, run

from clary.sql.contract import ExternalFunction
from clary.sql.errors import SqlError
from clary.sql.prepare import prepare
from clary.sql.run_time import run_time_error
from clary.sql.translate import translate

FAILURES = [
    ("SELECT n,\n  name\nFORM shop", "SYNTAX_ERROR: line 3:6: mismatched input 'shop'. Expecting: <EOF>"),
    ("SELECT n FROM shop WHERE", "SYNTAX_ERROR: line 1:25: mismatched input '<EOF>'. Expecting: <expression>"),
    ("SELECT (1", "SYNTAX_ERROR: line 1:10: mismatched input '<EOF>'. Expecting: ')'"),
    ("SELECT 'abc", "SYNTAX_ERROR: line 1:8: a string has no closing quote"),
    ("SELECT 'a\0b'", "NOT_SUPPORTED: line 1:8: The character NUL in a string or a name is not supported by Clary"),
    (r"SELECT 1, U&'\0000'", "NOT_SUPPORTED: line 1:11: The character NUL in a string or a name"),
    ("SELECT `n` FROM shop", "SYNTAX_ERROR: line 1:8: backquoted identifiers are not supported; use double quotes"),
    ("SELECT 1a", "SYNTAX_ERROR: line 1:8: identifiers must not start with a digit"),
    ("SELECT x FROM shop", "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved or requester is not authorized"),
    ("SELECT n\nFROM shop\nWHERE shop.x = 1", "COLUMN_NOT_FOUND: line 3:7: Column 'shop.x' cannot be resolved"),
    ("SELECT n m FROM shop WHERE m = 1", "COLUMN_NOT_FOUND: line 1:28: Column 'm' cannot be resolved"),
    ("SELECT n m FROM shop GROUP BY m", "COLUMN_NOT_FOUND: line 1:31: Column 'm' cannot be resolved"),
    ("SELECT * FROM nosuch", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.default.nosuch' does not exist"),
    ("SELECT * FROM other.t", "SCHEMA_NOT_FOUND: line 1:15: Schema 'other' does not exist"),
    ("SELECT * FROM none.default.shop", "CATALOG_NOT_FOUND: line 1:15: Catalog 'none' does not exist"),
    ("SELECT nofunc(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'nofunc' not registered"),
    (
        "SELECT year('x')",
        "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (varchar(1)) for function year. Expected:",
    ),
    (
        "SELECT approx_percentile(n, 1.5) FROM shop",
        "INVALID_FUNCTION_ARGUMENT: line 1:29: Percentile must be between 0 and 1",
    ),
    ("SELECT approx_percentile(n, 'a') FROM shop", "NOT_SUPPORTED: line 1:8: approx_percentile with percentages"),
    ("SELECT approx_set(n) FROM shop", "NOT_SUPPORTED: line 1:8: Function approx_set is not supported by Clary"),
    ("SELECT n = 'a' FROM shop", "TYPE_MISMATCH: line 1:10: Cannot apply operator: integer = varchar(1)"),
    (
        "SELECT n FROM shop WHERE n",
        "TYPE_MISMATCH: line 1:26: WHERE clause must evaluate to a boolean: actual type integer",
    ),
    (
        "SELECT part, n FROM shop GROUP BY part",
        "EXPRESSION_NOT_AGGREGATE: line 1:14: 'n' must be an aggregate expression",
    ),
    (
        "SELECT * FROM shop GROUP BY part",
        "EXPRESSION_NOT_AGGREGATE: line 1:8: 'shop.n' must be an aggregate expression",
    ),
    ("SELECT n, count(*) FROM shop", "EXPRESSION_NOT_AGGREGATE: line 1:8: 'n' must be an aggregate expression"),
    ("SELECT sum(count(*)) FROM shop", "NESTED_AGGREGATION: line 1:12:"),
    (
        "SELECT n FROM shop WHERE sum(n) > 1",
        "EXPRESSION_NOT_SCALAR: line 1:26: WHERE clause cannot contain aggregations",
    ),
    ("SELECT n FROM shop a, shop b", "AMBIGUOUS_NAME: line 1:8: Column 'n' is ambiguous"),
    ("SELECT n FROM shop ORDER BY 2", "INVALID_COLUMN_REFERENCE: line 1:29: ORDER BY position 2 is not in select list"),
    ("SELECT n FROM shop GROUP BY 7", "INVALID_COLUMN_REFERENCE: line 1:29: GROUP BY position 7 is not in select list"),
    ("SELECT DISTINCT part FROM shop ORDER BY n", "EXPRESSION_NOT_IN_DISTINCT: line 1:41:"),
    ("SELECT rank() FROM shop", "MISSING_OVER: line 1:8: Window function rank requires an OVER clause"),
    ("SELECT 1 UNION SELECT 'a'", "TYPE_MISMATCH: line 1:10: column 1 in UNION query has incompatible types"),
    ("SELECT 1, 2 UNION SELECT 1", "TYPE_MISMATCH: line 1:13: UNION query has different number of fields: 2, 1"),
    (
        "SELECT * FROM shop AS s(a)",
        "MISMATCHED_COLUMN_ALIASES: line 1:15: Column alias list has 1 entries but 's' has 10",
    ),
    (
        "SELECT * FROM UNNEST(ARRAY[ROW(1, 'a')]) AS t(x, y)",
        "MISMATCHED_COLUMN_ALIASES: line 1:15: Column alias list has 2 entries but 't' has 1 columns available",
    ),
    ("SELECT * FROM shop a NATURAL JOIN shop b", "NOT_SUPPORTED: line 1:22: Natural join not supported"),
    ("WITH RECURSIVE a(x) AS (SELECT 1) SELECT * FROM a", "NOT_SUPPORTED: line 1:16: WITH RECURSIVE"),
    ("WITH a AS (SELECT 1), a AS (SELECT 2) SELECT 1", "DUPLICATE_NAMED_QUERY: line 1:23:"),
    ("SELECT *", "COLUMN_NOT_FOUND: line 1:8: SELECT * not allowed in queries without FROM clause"),
    ("SELECT n FROM shop QUALIFY n = 1", "SYNTAX_ERROR: line 1:28: mismatched input 'n'"),
    ("SELECT * EXCLUDE (n) FROM shop", "SYNTAX_ERROR: line 1:10: mismatched input 'EXCLUDE'"),
    ("SELECT n FROM shop LIMIT 1 OFFSET 1", "SYNTAX_ERROR: line 1:28: mismatched input 'OFFSET'"),
    ("SELECT count(DISTINCT n) OVER () FROM shop", "NOT_SUPPORTED: line 1:8: DISTINCT in window function parameters"),
    ("SELECT array_agg(n ORDER BY n) OVER () FROM shop", "NOT_SUPPORTED: line 1:8: Window function with ORDER BY"),
    ("SELECT transform(tags, t -> (SELECT 1)) FROM shop", "NOT_SUPPORTED: line 1:24: Lambda expression cannot contain"),
    ("SELECT (n, part) IN (SELECT n, part FROM shop)", "COLUMN_NOT_FOUND: line 1:9: Column 'n'"),
    ("SELECT 1 WHERE (1, 2) IN (SELECT 1, 2)", "NOT_SUPPORTED: line 1:23: Comparing rows with the rows of a query"),
    ("SELECT ?", "INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: expected 1 but found 0"),
]


@pytest.mark.parametrize(("query", "message"), FAILURES, ids=[query for query, _ in FAILURES])
def test_failure_at_its_place(query, message):
    with pytest.raises(SqlError) as failure:
        translate(query, Shop(), catalog_name="AwsDataCatalog", database="default")
    assert str(failure.value).startswith(message)


def test_places_count_from_the_start_of_the_whole_statement():
    whole = "CREATE TABLE t AS\n  SELECT x FROM shop"
    with pytest.raises(SqlError, match="line 2:10: Column 'x'"):
        translate(whole[20:], Shop(), catalog_name="c", database="default", whole=whole, at=20)


RUN_TIME = [
    ("SELECT 1 / (n - 1) FROM shop", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT CAST(name AS integer) FROM shop", "INVALID_CAST_ARGUMENT: Cannot cast 'item0' to INT"),
    ("SELECT CAST(name AS date) FROM shop", "INVALID_CAST_ARGUMENT: Value cannot be cast to date: item0"),
    ("SELECT n + 2147483647 FROM shop", "NUMERIC_VALUE_OUT_OF_RANGE: integer addition overflow: 1 + 2147483647"),
    (
        "SELECT tags[3] FROM shop",
        "INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length: 3 > 2",
    ),
    ("SELECT props['z'] FROM shop", "INVALID_FUNCTION_ARGUMENT: Key not present in map: z"),
    ("SELECT json_parse(name) FROM shop", "INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: 'item0'"),
    ("SELECT (SELECT n FROM shop)", "SUBQUERY_MULTIPLE_ROWS: Scalar sub-query has returned multiple rows"),
    ("SELECT sum(n * 9223372036854775807) FROM shop", "NUMERIC_VALUE_OUT_OF_RANGE: bigint multiplication overflow"),
]


@pytest.fixture(scope="module")
def shop():
    connection = duckdb.connect(config={"threads": 1})
    prepare(connection)
    connection.execute("""CREATE TABLE shop AS SELECT i::INTEGER n, 'item' || i AS name, ['a', 'b'] tags,
        map(['a'], [1]) props, CASE WHEN i < 2 THEN 'p0' ELSE 'p1' END part FROM range(4) s(i)""")
    return connection


@pytest.mark.parametrize(("query", "message"), RUN_TIME, ids=[query for query, _ in RUN_TIME])
def test_failure_at_run_time(shop, query, message):
    with pytest.raises(SqlError) as failure:
        run(shop, query)
    assert str(failure.value).startswith(message)


def test_only_rows_that_are_reached_can_fail(shop):
    assert run(shop, "SELECT if(n = 1, 0, 1 / (n - 1)) FROM shop ORDER BY n") == "-1; 0; 1; 0"
    assert run(shop, "SELECT try(1 / (n - 1)) FROM shop ORDER BY n") == "-1; null; 1; 0"
    assert run(shop, "SELECT CASE WHEN n > 100 THEN 1 / 0 END FROM shop WHERE n = 0") == "null"


def test_other_problems_are_no_failures_of_the_query():
    assert run_time_error(duckdb.IOException("IO Error: disk full")) is None


OUTSIDE = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('*')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM pragma_version()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM sqlite_master",
    "SELECT getenv('HOME')",
    "SELECT current_setting('memory_limit')",
    "SELECT query('SELECT 1')",
    "SELECT clary_fail('x')",
    "ATTACH 'x.db'",
    "COPY (SELECT 1) TO '/tmp/x'",
    "PRAGMA version",
    "SET threads = 1",
    "INSTALL httpfs",
    "FROM shop",
    "SELECT 1; DROP TABLE shop",
    'SELECT "n"" FROM read_csv(\'x\') --" FROM shop',
]


@pytest.mark.parametrize("query", OUTSIDE)
def test_nothing_reaches_duckdb_itself(query):
    with pytest.raises(SqlError):
        translate(query, Shop(), catalog_name="AwsDataCatalog", database="default")


def test_strings_and_names_stay_what_they_are(shop):
    assert run(shop, "SELECT 'it''s \\' AS \"a\"\"b\", '\"' FROM shop WHERE n = 0") == "it's \\ \""
    assert run(shop, "SELECT '{0} {all} %s $1' FROM shop WHERE n = 0") == "{0} {all} %s $1"
    assert run(shop, "SELECT replace('{0}{w}', '{0}', '{1}') FROM shop WHERE n = 0") == "{1}{w}"


def test_parameters_are_constants_in_their_order(shop):
    found = translate(
        "SELECT n FROM shop WHERE name = ? AND n > ? LIMIT ?",
        Shop(),
        catalog_name="c",
        database="default",
        parameters=["'it''s'", "-1", "10"],
    )
    assert found.tables[0].filter == """("name" = 'it''s') AND ("n" > (-CAST(1 AS INTEGER)))"""
    for wrong in ("1; DROP TABLE x", "(SELECT", ""):
        with pytest.raises(SqlError):
            translate("SELECT ?", Shop(), catalog_name="c", database="default", parameters=[wrong])


def test_external_functions_are_typed_and_reported():
    twice = ExternalFunction("Twice", ["bigint"], "bigint", "my-lambda")
    found = translate("SELECT twice(n) + 1 FROM shop", Shop(), catalog_name="c", database="default", external=[twice])
    assert found.external == [twice]
    assert found.columns[0].type == "bigint"
    with pytest.raises(SqlError, match="Unexpected parameters"):
        translate("SELECT twice(name) FROM shop", Shop(), catalog_name="c", database="default", external=[twice])
