"""Whole queries over a small table: clauses, joins, groups, windows, sets and what each gives."""

from pathlib import Path

import duckdb
import pytest
from values_of_trino import evaluate

from clary.sql.contract import Column, Relation
from clary.sql.errors import SqlError
from clary.sql.prepare import prepare
from clary.sql.translate import translate

COLUMNS = {
    "n": "integer",
    "name": "varchar",
    "price": "double",
    "cost": "decimal(10,2)",
    "day": "date",
    "at": "timestamp(3)",
    "tags": "array(varchar)",
    "props": "map(varchar,integer)",
    "place": "row(city varchar, zip integer)",
    "part": "varchar",
}


VIEWS = {
    "cheap": ("SELECT n, part FROM shop WHERE price < 5e0", [("n", "integer"), ("part", "varchar")]),
    "wide": ("SELECT n AS total FROM shop", [("total", "bigint")]),
    "longer": ("SELECT * FROM shop", [("n", "integer")]),
    "swapped": ("SELECT n, part FROM shop", [("part", "varchar"), ("n", "integer")]),
    "broken": ("SELECT nosuch FROM shop", [("nosuch", "integer")]),
}


class Shop:
    """A catalog of one table and of views of it."""

    def relation(self, catalog, database, name):
        if database != "default" or catalog not in ("", "awsdatacatalog"):
            return None
        if name == "shop":
            return Relation([Column(*pair) for pair in COLUMNS.items()], hidden=[Column("$path", "varchar")])
        if name in VIEWS:
            text, columns = VIEWS[name]
            return Relation([Column(*pair) for pair in columns], text)
        return None

    def missing(self, catalog, database):
        if catalog not in ("", "awsdatacatalog"):
            return "catalog"
        return "" if database == "default" else "database"


@pytest.fixture(scope="module")
def connection():
    found = duckdb.connect(config={"threads": 1})
    prepare(found)
    found.execute("""
        CREATE TABLE shop AS SELECT i::INTEGER n, 'item' || i AS name, i * 1.5::DOUBLE price,
            (i * 1.1)::DECIMAL(10,2) AS cost,
            DATE '2024-01-30' + i::INTEGER AS day, TIMESTAMP '2024-01-30 10:00:00' + to_hours(i) AS at,
            CASE WHEN i = 3 THEN NULL ELSE ['t' || i, 'all'] END tags, map(['a', 'b'], [i::INTEGER, 7]) props,
            {'city': 'C' || i, 'zip': i::INTEGER} place, CASE WHEN i < 2 THEN 'p0' ELSE 'p1' END part,
            's3://bucket/' || i AS "$path"
        FROM range(4) s(i)""")
    return found


def run(connection, query):
    translation = translate(query, Shop(), catalog_name="AwsDataCatalog", database="default")
    for use in translation.tables:
        connection.execute(f'CREATE OR REPLACE TEMP VIEW "{use.alias}" AS SELECT * FROM {use.name}')
    rows, _ = evaluate(connection, query, Shop())
    return "; ".join(" ".join(row) for row in rows)


LINES = Path(__file__).with_name("queries.txt").read_text().splitlines()
PAIRS = [line.rpartition(" => ")[::2] for line in LINES if not line.startswith("#")]


@pytest.mark.parametrize(("query", "expected"), PAIRS, ids=[query for query, _ in PAIRS])
def test_query(connection, query, expected):
    found = run(connection, query)
    if expected.endswith(" approximately"):
        numbers = [float(one) for one in expected.split()[:-1]]
        assert [float(one) for one in found.split()] == pytest.approx(numbers, abs=1e-2)
    else:
        assert found == expected


def test_names_and_types_of_the_columns():
    translation = translate(
        'SELECT n, n + 1, "NAME" AS "My Name", n, count(*) OVER () FROM shop',
        Shop(),
        catalog_name="c",
        database="default",
    )
    assert [tuple(column) for column in translation.columns] == [
        ("n", "integer"),
        ("_col1", "integer"),
        ("my name", "varchar"),
        ("n", "integer"),
        ("_col4", "bigint"),
    ]


@pytest.mark.parametrize(
    ("view", "told"), [("longer", "stored view column count (1)"), ("swapped", "column [n] of type integer projected")]
)
def test_a_view_whose_query_gives_other_columns_by_now_is_stale(view, told):
    with pytest.raises(SqlError) as caught:
        translate(f"SELECT * FROM {view}", Shop(), catalog_name="AwsDataCatalog", database="default")
    stale = f"VIEW_IS_STALE: line 1:15: View 'awsdatacatalog.default.{view}' is stale or in invalid state: {told}"
    assert str(caught.value).startswith(stale)


@pytest.mark.parametrize("view", ["broken", "nosuch"])
def test_a_view_that_cannot_be_read_is_refused(view):
    with pytest.raises(SqlError, match=r"VIEW_IS_INVALID: line 1:15|TABLE_NOT_FOUND: line 1:15"):
        translate(f"SELECT * FROM {view}", Shop(), catalog_name="c", database="default")
