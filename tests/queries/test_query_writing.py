"""Results as CSV, and the files of CREATE TABLE AS, INSERT and UNLOAD."""

import bz2
import gzip

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from clary.queries import Target
from clary.tables.bucketing import hashes_of
from clary.tables.hive_types import parse_hive_type
from clary.tables.lines import read_lines
from clary.tables.serde import TableFile

ROWS = """
SELECT i AS id, 'n' || CAST(i AS varchar) AS name, ARRAY[i, NULL] AS items, MAP(ARRAY['k'], ARRAY[i]) AS m,
       CAST(ROW(i, 'w') AS row(u integer, v varchar)) AS s, TIMESTAMP '2020-01-01 00:00:00.500' AS at,
       CAST(1.50 AS decimal(38,2)) AS price, date '2020-02-29' AS day, i > 1 AS late, 1e10 AS big
FROM UNNEST(sequence(1, 2)) t(i)
"""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1", '"1"'),
        ("NULL", ""),
        ("''", '""'),
        ("'a\"b,c\nd'", '"a""b,c\nd"'),
        ("true", '"true"'),
        ("1e10", '"1.0E10"'),
        ("-123456789.25e0", '"-1.2345678925E8"'),
        ("0.0001234e0", '"1.234E-4"'),
        ("1e0/0e0", '"Infinity"'),
        ("REAL '1.1'", '"1.1"'),
        ("DECIMAL '1.50'", '"1.50"'),
        ("CAST(0.5 AS decimal(2,2))", '"0.50"'),
        ("TIMESTAMP '2020-01-01 00:00:00'", '"2020-01-01 00:00:00"'),
        ("CAST(TIMESTAMP '2020-01-01 00:00:00.5' AS timestamp(3))", '"2020-01-01 00:00:00.500"'),
        ("CAST(TIMESTAMP '2020-01-01 00:00:00.5' AS timestamp(6))", '"2020-01-01 00:00:00.500000"'),
        ("DATE '2020-01-01'", '"2020-01-01"'),
        ("TIME '01:02:03.4'", '"01:02:03.4"'),
        ("X'6162ff'", '"61 62 ff"'),
        ("ARRAY[1, NULL, 3]", '"[1, null, 3]"'),
        ("CAST(ARRAY[] AS array(integer))", '"[]"'),
        ("MAP(ARRAY['a', 'b'], ARRAY[1.5e0, NULL])", '"{a=1.5, b=null}"'),
        ("CAST(ROW(1, 'b') AS row(x integer, y varchar))", '"{x=1, y=b}"'),
        ("ROW(1, ARRAY[ROW(2)])", '"{field0=1, field1=[{field0=2}]}"'),
        ("INTERVAL '2' DAY", '"2 00:00:00.000"'),
    ],
)
def test_values_are_written_as_athena_writes_them(lake, value, shown):
    assert lake.text(f"SELECT {value} AS v") == shown + "\n"


def test_the_head_and_the_order_of_rows_are_kept(lake):
    outcome = lake.run('SELECT i AS "a ""b", i FROM UNNEST(sequence(1, 9999)) t(i) ORDER BY i DESC')
    lines = (lake.folder / "work" / outcome.result).read_text().splitlines()
    assert lines[:2] == ['"a ""b","i"', '"9999","9999"']
    assert lines[1:] == [f'"{i}","{i}"' for i in range(9999, 0, -1)]
    assert (outcome.rows, outcome.columns) == (9999, [('a "b', "bigint"), ("i", "bigint")])


def written(lake, form, **fields):
    outcome = lake.run(ROWS, Target(kind="create_table", format=form, **fields))
    assert outcome.ok, outcome.message
    (item,) = outcome.written
    assert (item.rows, outcome.rows) == (2, 2)
    path = lake.folder / "work" / item.path
    assert path.stat().st_size == item.bytes
    return path, item


KINDS = {
    "PARQUET": ("parquet", ["GZIP", "SNAPPY", "ZSTD", "LZ4", "NONE"]),
    "ORC": ("orc", ["ZLIB", "SNAPPY", "ZSTD", "LZ4", "NONE"]),
    "AVRO": ("avro", ["DEFLATE", "SNAPPY", "BZIP2", "NONE"]),
    "JSON": ("json", ["GZIP", "BZIP2", "ZSTD", "SNAPPY", "LZ4", "NONE"]),
    "TEXTFILE": ("text", ["GZIP", "BZIP2", "ZSTD", "SNAPPY", "LZ4", "NONE"]),
}
DECLARED = (
    "id bigint, name string, items array<bigint>, m map<string,bigint>, s struct<u:int,v:string>, at timestamp, "
    "price decimal(38,2), day date, late boolean, big double"
)


@pytest.mark.parametrize(("form", "codec"), [(form, codec) for form, (_, codecs) in KINDS.items() for codec in codecs])
def test_what_is_written_is_read_back(lake, form, codec):
    path, item = written(lake, form, compression=codec)
    lake.put(f"t/{item.name}", path)
    lake.add_table("t", DECLARED, KINDS[form][0])
    assert lake.rows("SELECT * FROM t ORDER BY id") == [
        (f"{i}", f"n{i}", f"[{i}, null]", f"{{k={i}}}", f"{{u={i}, v=w}}", "2020-01-01 00:00:00.500",
         "1.50", "2020-02-29", late, "1.0E10")
        for i, late in ((1, "false"), (2, "true"))
    ]  # fmt: skip


def test_files_are_what_other_readers_take_them_for(lake):
    path, _ = written(lake, "PARQUET")
    assert pq.read_table(path).column("m").to_pylist() == [[("k", 1)], [("k", 2)]]
    assert pq.read_metadata(path).row_group(0).column(0).compression == "GZIP"
    path, _ = written(lake, "ORC")
    assert orc.ORCFile(str(path)).compression == "ZLIB"
    path, _ = written(lake, "AVRO")
    with path.open("rb") as file:
        assert next(iter(fastavro.reader(file)))["s"] == {"u": 1, "v": "w"}
    path, item = written(lake, "JSON", compression="BZIP2")
    assert item.name.endswith(".bz2")
    assert bz2.decompress(path.read_bytes()).splitlines()[0].decode() == (
        '{"id":1,"name":"n1","items":[1,null],"m":{"k":1},"s":{"u":1,"v":"w"},"at":"2020-01-01 00:00:00.500",'
        '"price":1.50,"day":"2020-02-29","late":false,"big":10000000000.0}'
    )
    path, item = written(lake, "TEXTFILE", field_delimiter=",")
    assert item.name.endswith(".gz")
    assert gzip.decompress(path.read_bytes()).splitlines()[0].decode() == (
        "1,n1,1\x02\\N,k\x031,1\x02w,2020-01-01 00:00:00.500,1.50,2020-02-29,false,1.0E10"
    )


@pytest.mark.parametrize("form", ["PARQUET", "ORC", "JSON"])
def test_partitions_lie_in_hives_folders(lake, form):
    query = "SELECT i, i * 2 AS double, IF(i = 1, NULL, DATE '2020-01-01') AS d, IF(i = 2, 'a/b=ü', '') AS p " \
            "FROM UNNEST(sequence(1, 4)) t(i)"  # fmt: skip
    outcome = lake.run(query, Target(kind="create_table", format=form, partitioned_by=["d", "p"]))
    assert outcome.ok, outcome.message
    folders = {item.name.rpartition("/")[0]: (item.partition, item.rows) for item in outcome.written}
    null = "__HIVE_DEFAULT_PARTITION__"
    assert folders == {
        f"d={null}/p={null}": ([None, None], 1),
        "d=2020-01-01/p=a%2Fb%3Dü": (["2020-01-01", "a/b=ü"], 1),
        f"d=2020-01-01/p={null}": (["2020-01-01", None], 2),
    }


@pytest.mark.parametrize("form", ["PARQUET", "ORC"])
def test_no_more_than_100_partitions_are_written_at_once(lake, form):
    query = "SELECT i, i AS p FROM UNNEST(sequence(1, {})) t(i)"
    target = Target(kind="create_table", format=form, partitioned_by=["p"])
    assert len(lake.run(query.format(100), target).written) == 100
    problem = "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for partitions/buckets"
    assert lake.run(query.format(101), target).message == problem


@pytest.mark.parametrize("form", ["PARQUET", "ORC", "TEXTFILE"])
def test_bucketed_files_hold_the_rows_of_their_bucket(lake, form):
    target = Target(kind="create_table", format=form, compression="NONE", bucketed_by=["name"], bucket_count=3)
    query = "SELECT 'n' || CAST(i AS varchar) AS name FROM UNNEST(sequence(1, 500)) t(i)"
    outcome = lake.run(query, target)
    assert sorted(item.name[:9] for item in outcome.written) == ["000000_0_", "000001_0_", "000002_0_"]
    assert outcome.rows == 500
    for item in outcome.written:
        path = lake.folder / "work" / item.path
        names = {
            "PARQUET": lambda path: pq.read_table(path, partitioning=None).column("name").combine_chunks(),
            "ORC": lambda path: orc.read_table(str(path)).column("name").combine_chunks(),
            "TEXTFILE": lambda path: next(read_lines(TableFile(str(path), "x", 1))),
        }[form](path)
        hashes = hashes_of(names.cast(pa.string()), parse_hive_type("string"))
        assert {(value & 0x7FFFFFFF) % 3 for value in hashes.tolist()} == {int(item.name[:6])}


def test_an_insert_takes_the_tables_types(lake):
    target = Target(kind="insert", columns=[("A", "bigint"), ("b", "double"), ("p", "string")], partitioned_by=["p"])
    outcome = lake.run("SELECT CAST(1 AS tinyint), REAL '0.5', 'x'", target)
    assert outcome.ok, outcome.message
    table = pq.read_table(lake.folder / "work" / outcome.written[0].path, partitioning=None)
    assert table.schema.names == ["a", "b"]
    assert [str(field.type) for field in table.schema] == ["int64", "double"]
    assert lake.run("SELECT 1, 'x', 'y'", target).message == (
        "TYPE_MISMATCH: Insert query has mismatched column types: Table: [bigint, double, varchar], "
        "Query: [integer, varchar(1), varchar(1)]"
    )


@pytest.mark.parametrize("form", ["PARQUET", "ORC", "JSON", "TEXTFILE"])
def test_an_insert_puts_the_fields_of_rows_by_their_place(lake, form):
    columns = [("s", "struct<a:int,b:int>"), ("l", "array<struct<a:int,b:string>>"), ("m", "map<string,struct<a:int>>")]
    query = (
        "SELECT ARRAY[CAST(ROW(1, 'x') AS row(b integer, a varchar)), NULL], "
        "CAST(ROW(1, 2) AS row(b integer, a smallint)), MAP(ARRAY['k'], ARRAY[ROW(3)])"
    )
    given = ["l", "s", "m"]
    outcome = lake.run(query, Target(kind="insert", format=form, compression="NONE", columns=columns, given=given))
    assert outcome.ok, outcome.message
    lake.put("t/1", lake.folder / "work" / outcome.written[0].path)
    lake.add_table("t", ", ".join(map(" ".join, columns)), KINDS[form][0])
    assert lake.rows("SELECT s, l, m FROM t") == [("{a=1, b=2}", "[{a=1, b=x}, null]", "{k={a=3}}")]


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("tinyint", "3", "3"),
        ("int", "2.5e0", "3"),
        ("float", "0.1e0", "0.1"),
        ("decimal(4,1)", "123.45", "123.5"),
        ("decimal(4,1)", "7", "7.0"),
        ("varchar(3)", "'ab   '", "ab "),
        ("varchar(3)", "CAST(NULL AS varchar)", None),
        ("char(3)", "'a' || 'b'", "ab "),
        ("timestamp", "TIMESTAMP '2020-01-01 00:00:00.123500'", "2020-01-01 00:00:00.124"),
        ("timestamp", "TIMESTAMP '2020-01-01 01:00:00 Asia/Tokyo'", "2020-01-01 01:00:00.000"),
        ("date", "TIMESTAMP '2020-01-01 23:00:00'", "2020-01-01"),
        ("array<tinyint>", "ARRAY[1e0, 2e0]", "[1, 2]"),
        ("struct<a:float>", "ROW(1e0)", "{a=1.0}"),
    ],
)
def test_an_insert_casts_what_has_a_type_in_common(lake, kind, value, read):
    outcome = lake.run(f"SELECT {value}", Target(kind="insert", format="ORC", columns=[("a", kind)]))
    assert outcome.ok, outcome.message
    lake.put("t/1", lake.folder / "work" / outcome.written[0].path)
    lake.add_table("t", f"a {kind}", "orc")
    assert lake.rows("SELECT a FROM t") == [(read,)]


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        ("varchar(3)", "'abcd'", "INVALID_CAST_ARGUMENT: Cannot truncate non-space characters when casting from "
         "varchar(4) to varchar(3) on INSERT"),
        ("char(3)", "'abcd'", "INVALID_CAST_ARGUMENT: Cannot truncate non-space characters when casting from "
         "varchar(4) to char(3) on INSERT"),
        ("int", "3e9", "INVALID_CAST_ARGUMENT: "),
        ("decimal(4,1)", "12345", "INVALID_CAST_ARGUMENT: "),
        ("int", "'1'", "TYPE_MISMATCH: Insert query has mismatched column types: "),
        ("date", "'2020-01-01'", "TYPE_MISMATCH: Insert query has mismatched column types: "),
        ("array<varchar(1)>", "ARRAY['ab']", "TYPE_MISMATCH: Insert query has mismatched column types: "),
        ("array<timestamp>", "ARRAY[now()]", "TYPE_MISMATCH: Insert query has mismatched column types: "),
    ],
)  # fmt: skip
def test_an_insert_loses_nothing(lake, kind, value, problem):
    outcome = lake.run(f"SELECT {value}", Target(kind="insert", format="PARQUET", columns=[("a", kind)]))
    assert outcome.message.startswith(problem)


def test_text_of_a_table_that_has_an_escape_is_escaped(lake):
    properties = {"escape.delim": "\\", "field.delim": ",", "serialization.null.format": "-"}
    target = Target(
        kind="insert", format="TEXTFILE", compression="NONE", columns=[("a", "string"), ("b", "string")],
        field_delimiter=",", properties=properties,
    )  # fmt: skip
    outcome = lake.run("VALUES ('x,y\\z', NULL)", target)
    path = lake.folder / "work" / outcome.written[0].path
    assert path.read_text() == "x\\,y\\\\z,-\n"
    lake.put("t/1", path)
    lake.add_table("t", "a string, b string", "text", **properties)
    assert lake.rows("SELECT a, b FROM t") == [("x,y\\z", None)]


def test_no_rows_make_no_file_and_no_data_none_either(lake):
    for form in KINDS:
        assert lake.run("SELECT 1 AS a WHERE false", Target(kind="create_table", format=form)).written == []
    outcome = lake.run("SELECT 1 AS a", Target(kind="create_table", with_data=False))
    assert (outcome.ok, outcome.written, outcome.columns) == (True, [], [("a", "integer")])


@pytest.mark.parametrize(
    ("query", "fields", "problem"),
    [
        ("SELECT 1 AS a, 2 AS p", {"partitioned_by": ["a"]}, "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be"),
        ("SELECT 1 AS p", {"partitioned_by": ["p"]}, "INVALID_TABLE_PROPERTY: Table contains only partition columns"),
        ("SELECT 1 AS a, 2 AS A", {}, "DUPLICATE_COLUMN_NAME: Column name 'a' specified more than once"),
        ("SELECT 1 AS a, ARRAY[1] AS p", {"partitioned_by": ["p"]}, "NOT_SUPPORTED: Unsupported type [array<int>]"),
        ("SELECT 1 AS a", {"bucketed_by": ["b"], "bucket_count": 2}, "INVALID_TABLE_PROPERTY: Bucketing columns [b]"),
        ("SELECT 1 AS a", {"bucketed_by": ["a"]}, "INVALID_TABLE_PROPERTY: bucket_count must be greater than zero"),
        ("SELECT INTERVAL '1' DAY AS a", {}, "NOT_SUPPORTED: Unsupported Hive type: interval day to second"),
        ("SELECT 1 AS a", {"format": "RCFILE"}, "NOT_SUPPORTED: Clary does not write the format 'RCFILE'"),
        ("SELECT 1 AS a", {"compression": "LZO"}, "INVALID_TABLE_PROPERTY: Clary does not write PARQUET with"),
        ("SELECT MAP(ARRAY[1], ARRAY[2]) AS a", {"format": "AVRO"}, "NOT_SUPPORTED: Avro has no type for map<int,int>"),
    ],
)
def test_what_cant_be_written_is_told(lake, query, fields, problem):
    assert lake.run(query, Target(kind="create_table", **fields)).message.startswith(problem)


def test_a_million_rows_are_written_in_bounded_memory(lake):
    rows = "UNNEST(sequence(1, 1000)) a(i), UNNEST(sequence(1, 1000)) b(j)"
    target = Target(kind="unload", format="TEXTFILE", partitioned_by=["p"])
    outcome = lake.run(f"SELECT i, rpad('x', 100, 'y') AS t, j % 7 AS p FROM {rows}", target, memory_bytes=300 << 20)
    assert outcome.ok, outcome.message
    assert (outcome.rows, len(outcome.written)) == (1_000_000, 7)
