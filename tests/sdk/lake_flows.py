"""awswrangler and PyAthena, unmodified, after `eval "$(clary env)"`: python lake_flows.py [FLOW ...]."""

import datetime as dt
import decimal
import sys

import awswrangler as wr
import flow
import pandas as pd
import pyathena
from pyathena.pandas.cursor import PandasCursor

ROWS = {
    "id": [1, 2, 3],
    "name": ["a", "b", None],
    "price": [1.5, None, 2.5],
    "day": ["2026-01-01", "2026-01-02", "2026-01-02"],
}


def _lake(name):
    """A database with one table of three rows in two partitions, and where results may go."""
    wr._utils.client("s3", session=None).create_bucket(Bucket=name)
    wr.catalog.create_database(name)
    written = wr.s3.to_parquet(
        pd.DataFrame(ROWS), path=f"s3://{name}/t/", dataset=True, database=name, table="t", partition_cols=["day"]
    )
    assert len(written["paths"]) == 2
    return {"database": name, "s3_output": f"s3://{name}/results/"}


def wrangler_reads_a_table_three_ways():
    lake = _lake("wrangler-reads")
    ways = ({"ctas_approach": False}, {"ctas_approach": True}, {"ctas_approach": False, "unload_approach": True})
    for number, way in enumerate(ways):
        options = {**lake, "s3_output": f"{lake['s3_output']}{number}/"}
        found = wr.athena.read_sql_query("SELECT id, name, price, day FROM t", **options, **way)
        found = found.sort_values("id").reset_index(drop=True)
        assert found["id"].tolist() == [1, 2, 3], way
        assert found["name"].fillna("").tolist() == ["a", "b", ""], way
        assert found["price"].fillna(0).tolist() == [1.5, 0, 2.5], way
        assert found["day"].tolist() == ROWS["day"], way
    assert wr.catalog.tables(database=lake["database"])["Table"].tolist() == ["t"]  # the temporary one is gone


def wrangler_passes_parameters_and_pages():
    lake = {**_lake("wrangler-parameters"), "ctas_approach": False}
    statement = "SELECT id FROM t WHERE name = {}"
    assert wr.athena.read_sql_query(statement.format(":n"), params={"n": "b"}, **lake)["id"].tolist() == [2]
    marked = wr.athena.read_sql_query(statement.format("?"), params=["b"], paramstyle="qmark", **lake)
    assert marked["id"].tolist() == [2]
    wr.athena.create_prepared_statement(statement.format("?"), statement_name="by_name")
    prepared = wr.athena.read_sql_query('EXECUTE "by_name"', params=["a"], paramstyle="qmark", **lake)
    assert prepared["id"].tolist() == [1]
    chunks = wr.athena.read_sql_query("SELECT id FROM t ORDER BY id", chunksize=2, **lake)
    assert [chunk["id"].tolist() for chunk in chunks] == [[1, 2], [3]]


def wrangler_makes_and_describes_tables():
    lake = _lake("wrangler-makes")
    made = wr.athena.create_ctas_table(
        "SELECT id, day FROM t",
        ctas_database=lake["database"],
        ctas_table="c",
        storage_format="orc",
        partitioning_info=["day"],
        wait=True,
        **lake,
    )
    assert made["ctas_query_metadata"].raw_payload["Status"]["State"] == "SUCCEEDED"
    wr.athena.start_query_execution("INSERT INTO c SELECT id + 10, day FROM t", wait=True, **lake)
    count = wr.athena.read_sql_query("SELECT count(*) AS n FROM c", ctas_approach=False, **lake)
    assert count["n"].tolist() == [6]
    described = wr.athena.describe_table("c", **lake)
    assert described["Column Name"].tolist() == ["id", "day"]
    assert described["Partition"].tolist() == [False, True]
    assert wr.athena.show_create_table("c", **lake).startswith("CREATE EXTERNAL TABLE `c`(")
    assert wr.athena.repair_table("c", **lake) == "SUCCEEDED"


def pyathena_reads_all_types():
    lake = _lake("pyathena-reads")
    with pyathena.connect(s3_staging_dir=lake["s3_output"], schema_name=lake["database"]) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT id, name, price, CAST(day AS date), true, CAST(1.5 AS decimal(5,2)), "
            "TIMESTAMP '2026-01-01 01:02:03.456', ARRAY[1, 2] FROM t ORDER BY id LIMIT 1"
        )
        assert cursor.fetchall() == [
            (
                *(1, "a", 1.5, dt.date(2026, 1, 1), True, decimal.Decimal("1.50")),
                *(dt.datetime(2026, 1, 1, 1, 2, 3, 456000), [1, 2]),
            )
        ]
        cursor.execute("SELECT id FROM t WHERE name = %(name)s", {"name": "b"})
        assert cursor.fetchall() == [(2,)]
        cursor.execute("SELECT id FROM t WHERE name = ?", ["'b'"], paramstyle="qmark")
        assert cursor.fetchall() == [(2,)]
        cursor.execute("SHOW PARTITIONS t")
        assert cursor.fetchall() == [("day=2026-01-01",), ("day=2026-01-02",)]
        try:
            cursor.execute("SELECT *\nFROM nope")
        except pyathena.error.OperationalError as error:
            assert str(error).startswith("TABLE_NOT_FOUND: line 2:6: "), error
        frame = connection.cursor(PandasCursor).execute("SELECT id FROM t ORDER BY id").as_pandas()
        assert frame["id"].tolist() == [1, 2, 3]


def pyathena_reads_the_catalog_and_its_errors():
    lake = _lake("pyathena-catalog")
    with pyathena.connect(s3_staging_dir=lake["s3_output"], schema_name=lake["database"]) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT column_name, data_type, extra_info FROM information_schema.columns "
            "WHERE table_schema = %(schema)s AND table_name = 't' ORDER BY ordinal_position",
            {"schema": lake["database"]},
        )
        assert cursor.fetchall() == [
            ("id", "bigint", None),
            ("name", "varchar", None),
            ("price", "double", None),
            ("day", "varchar", "partition key"),
        ]
        assert cursor.execute('SELECT * FROM "t$partitions" ORDER BY day DESC').fetchone() == ("2026-01-02",)
        rows = "SELECT ARRAY[CAST(ROW('a', 1) AS ROW(name varchar, n integer))] AS items"
        cursor.execute(f"SELECT item.name, item.n FROM ({rows}) CROSS JOIN UNNEST(items) AS t(item)")
        assert cursor.fetchall() == [("a", 1)]
        for statement, kind, reason in (
            ("SELECT id FROM t WHERE", pyathena.error.DatabaseError, "line 1:23: mismatched input '<EOF>'"),
            ("SELECT * FROM nowhere.t", pyathena.error.OperationalError, "Schema 'nowhere' does not exist"),
        ):
            try:
                cursor.execute(statement)
            except kind as error:
                assert reason in str(error), error
            else:
                raise AssertionError(statement)


if __name__ == "__main__":
    flow.run(flow.flows_of(sys.modules[__name__]), sys.argv[1:])
