"""Which columns and rows of a table a query needs: never fewer than it does."""

import pytest
from test_sql_queries import Shop

from clary.sql.translate import translate

P0 = "(\"part\" = 'p0')"

USES = [
    ("SELECT n FROM shop", "n", ""),
    ("SELECT count(*) FROM shop", "", ""),
    ("SELECT n FROM shop WHERE part = 'p0'", "part n", P0),
    ("SELECT n FROM shop WHERE part = 'p0' AND n > 1", "part n", f'{P0} AND ("n" > CAST(1 AS INTEGER))'),
    ("SELECT n FROM shop WHERE part = 'p0' OR n > 1", "part n", f'({P0} OR ("n" > CAST(1 AS INTEGER)))'),
    ("SELECT n FROM shop WHERE random() < 1 AND part = 'p0'", "part n", P0),
    ("SELECT n FROM shop WHERE random() < n", "n", ""),
    ("SELECT n FROM shop WHERE part IN (SELECT 'p0')", "part n", ""),
    ("SELECT n FROM shop WHERE \"$path\" = 'x'", "$path n", "(\"$path\" = 'x')"),
    ("SELECT x.n FROM (SELECT * FROM shop) x WHERE x.part = 'p0'", "part n", P0),
    ("SELECT n FROM cheap WHERE part = 'p0'", "price part n", f"(\"price\" < CAST('5e0' AS DOUBLE)) AND {P0}"),
    ("WITH w AS (SELECT * FROM shop) SELECT n FROM w WHERE part = 'p0'", "part n", P0),
    ("SELECT x.n FROM (SELECT n, part FROM shop LIMIT 1) x WHERE x.part = 'p0'", "part n", ""),
    ("SELECT x.n FROM (SELECT n, part, rank() OVER (ORDER BY n) FROM shop) x WHERE part = 'p0'", "part n", ""),
    ("SELECT x.m FROM (SELECT max(n) m, part FROM shop GROUP BY part) x WHERE part = 'p0'", "part n", ""),
    ("SELECT x.q FROM (SELECT upper(part) q FROM shop) x WHERE x.q = 'P0'", "part", ""),
    ("SELECT n FROM shop ORDER BY name", "name n", ""),
    ("SELECT place.zip FROM shop", "place", ""),
    ("SELECT n FROM (SELECT DISTINCT n, name FROM shop)", "n name", ""),
]


@pytest.mark.parametrize(("query", "columns", "filter_"), USES, ids=[query for query, *_ in USES])
def test_use_of_a_table(query, columns, filter_):
    (use,) = translate(query, Shop(), catalog_name="AwsDataCatalog", database="default").tables
    assert sorted(use.columns) == sorted(columns.split())
    assert use.filter == filter_
    catalog = "awsdatacatalog" if "FROM cheap" in query else ""  # a view's tables are in the view's own
    assert (use.catalog, use.database, use.name) == (catalog, "default", "shop")


JOINS = [
    ("a JOIN shop b ON a.n = b.n AND a.part = 'p0' AND b.part = 'p1'", P0, "(\"part\" = 'p1')"),
    ("a LEFT JOIN shop b ON a.n = b.n AND a.part = 'p0' AND b.part = 'p0'", "", P0),
    ("a RIGHT JOIN shop b ON a.n = b.n AND a.part = 'p0' AND b.part = 'p0'", P0, ""),
    ("a FULL JOIN shop b ON a.n = b.n AND a.part = 'p0' AND b.part = 'p0'", "", ""),
    ("a LEFT JOIN shop b ON a.n = b.n WHERE a.part = 'p0' AND b.part IS NULL", P0, ""),
    ("a FULL JOIN shop b ON a.n = b.n WHERE a.part = 'p0' AND b.part = 'p0'", "", ""),
    ("a CROSS JOIN shop b WHERE a.part = 'p0' AND a.part = b.part", P0, ""),
    ("a WHERE EXISTS (SELECT 1 FROM shop b WHERE b.part = 'p0' AND a.part = 'p0')", "", P0),
]


@pytest.mark.parametrize(("relation", "left", "right"), JOINS, ids=[relation for relation, *_ in JOINS])
def test_filters_of_joins(relation, left, right):
    query = f"SELECT a.n FROM shop {relation}"
    uses = translate(query, Shop(), catalog_name="AwsDataCatalog", database="default").tables
    assert [use.filter for use in uses] == [left, right]


def test_a_query_named_twice_is_not_pruned_by_one_of_its_uses():
    query = "WITH w AS (SELECT * FROM shop) SELECT n FROM w WHERE part = 'p0' UNION ALL SELECT n FROM w"
    (use,) = translate(query, Shop(), catalog_name="AwsDataCatalog", database="default").tables
    assert use.filter == ""
