"""What queries read: every SerDe, files of several schemas, what is missing or broken."""

import bz2
import gzip
import io
import struct
import zlib
from datetime import date, datetime, time
from decimal import Decimal

import cramjam
import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from clary.tables.infer_columnar import infer_parquet

TABLE = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int32()),
        "Name": ["a", None, "c"],
        "price": pa.array([Decimal("1.50"), None, Decimal("3.25")], pa.decimal128(10, 2)),
        "at": pa.array([datetime(2020, 1, 1, 0, 0, 0, 123456)] * 3, pa.timestamp("us")),
        "tags": [["x", "y"], [], None],
        "point": [{"X": 1.5, "y": 2.0}, None, {"X": 0.0, "y": 1e10}],
    }
)
COLUMNS = (
    "id bigint, name string, price decimal(12,2), at timestamp, tags array<string>, point struct<x:double,y:double>"
)
EXPECTED = [
    ("1", "a", "1.50", "2020-01-01 00:00:00.123", "[x, y]", "{x=1.5, y=2.0}"),
    ("2", None, None, "2020-01-01 00:00:00.123", "[]", None),
    ("3", "c", "3.25", "2020-01-01 00:00:00.123", None, "{x=0.0, y=1.0E10}"),
]


@pytest.fixture
def parquet(tmp_path):
    def make(table, **options):
        pq.write_table(table, tmp_path / "draft", **options)
        return (tmp_path / "draft").read_bytes()

    return make


def test_parquet_is_read_by_name_with_wider_numbers_and_missing_columns_null(lake, parquet):
    lake.add_table("t", COLUMNS + ", later int", "parquet")
    lake.put("t/1", parquet(TABLE))
    lake.put("t/deep/2", parquet(TABLE.slice(0, 0)))
    lake.put("t/_SUCCESS", b"nonsense")
    lake.put("t/.hidden", b"nonsense")
    assert lake.rows("select id, name, price, at, tags, point from t order by id") == EXPECTED
    assert lake.rows("select later from t where id = 1") == [(None,)]


def test_files_of_one_table_may_have_different_schemas(lake, parquet):
    lake.add_table("t", "a bigint, b double", "parquet")
    lake.put("t/1", parquet(pa.table({"a": pa.array([1], pa.int16()), "b": pa.array([0.5], pa.float32())})))
    lake.put("t/2", parquet(pa.table({"b": [2.5], "c": ["x"], "A": [1 << 40]})))
    assert lake.rows("select a, b from t order by a") == [("1", "0.5"), ("1099511627776", "2.5")]


def test_a_parquet_file_of_another_type_is_told_with_its_name(lake, parquet):
    lake.add_table("t", "a bigint", "parquet")
    lake.put("t/1", parquet(pa.table({"a": ["x"]})))
    problem = lake.problem("select a from t")
    assert problem.startswith("HIVE_BAD_DATA: Field a's type string in parquet file s3://lake/t/1 is incompatible")


def test_parquet_is_read_by_the_types_that_a_crawler_names(lake, parquet):
    stored = {
        "short": (pa.array([time(1, 2, 3, 4000)], pa.time32("ms")), "int", "3723004"),
        "long": (pa.array([time(1, 2, 3, 4005)], pa.time64("us")), "bigint", "3723004005"),
        "many": (pa.array([[time(0, 0, 1)]], pa.list_(pa.time64("us"))), "array<bigint>", "[1000000]"),
        "took": (pa.array([5], pa.duration("us")), "bigint", "5"),
        "half": (pa.array([1.5], pa.float16()), "float", "1.5"),
        "huge": (pa.array([1 << 62], pa.uint64()), "bigint", str(1 << 62)),
        "pair": (pa.array([[1, 2]], pa.list_(pa.int32(), 2)), "array<int>", "[1, 2]"),
        "view": (pa.array(["x"], pa.string_view()), "string", "x"),
        "uuid": (pa.array([b"0" * 16], pa.uuid()), "string", "30303030-3030-3030-3030-303030303030"),
    }
    file = parquet(pa.table({name: values for name, (values, _, _) in stored.items()}))
    found = {column.name: str(column.type) for column in infer_parquet(io.BytesIO(file), len(file)).columns}
    assert found == {name: kind for name, (_, kind, _) in stored.items()}
    lake.add_table("t", ", ".join(f"{name} {kind}" for name, kind in found.items()), "parquet")
    lake.put("t/1", file)
    assert lake.rows("select * from t") == [tuple(shown for _, _, shown in stored.values())]


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.99])
def test_a_parquet_file_that_breaks_off_is_told_with_its_name(lake, parquet, cut):
    lake.add_table("t", COLUMNS, "parquet")
    whole = parquet(TABLE)
    lake.put("t/1", whole[: int(len(whole) * cut)])
    assert lake.problem("select id from t").startswith("HIVE_BAD_DATA: Not valid Parquet file: s3://lake/t/1")


def test_a_parquet_file_whose_pages_are_broken_is_an_error_that_names_the_object(lake, parquet):
    lake.add_table("t", "a bigint", "parquet")
    whole = bytearray(parquet(pa.table({"a": list(range(10_000))}), compression="snappy", use_dictionary=False))
    whole[200:2000] = b"\xff" * 1800
    lake.put("t/1", bytes(whole))
    problem = lake.problem("select sum(a) from t")
    assert problem.startswith(("HIVE_", "INVALID_", "GENERIC_"))
    assert "staged" not in problem


def test_only_the_chunks_of_used_columns_count_as_scanned(lake, parquet):
    table = pa.table({"a": list(range(50_000)), "b": [str(number) * 5 for number in range(50_000)]})
    lake.add_table("t", "a bigint, b string", "parquet")
    lake.put("t/1", parquet(table))
    sizes = {}
    for query in (
        "select sum(a) from t",
        "select max(b) from t",
        "select a, b from t limit 1",
        "select count(*) from t",
    ):
        lake.text(query)
        sizes[query] = lake.outcome.scanned_bytes
    one, other, both, none = sizes.values()
    assert 0 < one < other
    assert one + other == both < len(lake.objects["lake", "t/1"])
    assert none == 0


def test_orc_is_read_by_position_or_by_name(lake, tmp_path):
    orc.write_table(pa.table({"_col0": [1, 2], "_col1": ["a", "b"]}), tmp_path / "1")
    lake.add_table("t", "id bigint, name string, later int", "orc")
    lake.put("t/1", tmp_path / "1")
    assert lake.rows("select name, id, later from t order by id") == [("a", "1", None), ("b", "2", None)]
    one = lake.outcome.scanned_bytes
    lake.text("select id from t")
    assert 0 < lake.outcome.scanned_bytes < one < len(lake.objects["lake", "t/1"])
    orc.write_table(pa.table({"NAME": ["a"], "id": [1]}), tmp_path / "2")
    lake.add_table("n", "id bigint, name string", "orc", **{"orc.column.index.access": "false"})
    lake.put("n/1", tmp_path / "2")
    assert lake.rows("select id, name from n") == [("1", "a")]
    lake.put("n/1", b"ORC nonsense")
    assert lake.problem("select id from n").startswith("HIVE_BAD_DATA: Not a valid ORC file: s3://lake/n/1")


@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "zlib", "zstd", "lz4"])
def test_what_an_orc_column_takes_is_read_from_the_stripes(tmp_path, compression):
    from clary.tables.orc_chunks import column_bytes

    table = pa.table({"a": list(range(20_000)), "s": [{"x": str(number), "y": number} for number in range(20_000)]})
    orc.write_table(table, tmp_path / "f", compression=compression, stripe_size=100_000)
    one, other = column_bytes(str(tmp_path / "f"), {0}), column_bytes(str(tmp_path / "f"), {1})
    assert 0 < one < other
    size = (tmp_path / "f").stat().st_size
    assert 0.8 * size < one + other < size


def test_avro_is_read_by_name(lake, tmp_path):
    schema = {
        "type": "record",
        "name": "row",
        "fields": [
            {"name": "Name", "type": ["null", "string"]},
            {"name": "id", "type": "int"},
            {"name": "day", "type": {"type": "int", "logicalType": "date"}},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "m", "type": {"type": "map", "values": "int"}},
        ],
    }
    day, at = date(2020, 2, 29), datetime.fromisoformat("2020-02-29T12:00:00.250+00:00")
    with (tmp_path / "f").open("wb") as file:
        fastavro.writer(file, schema, [{"Name": None, "id": 1, "day": day, "at": at, "m": {"k": 5}}])
    lake.add_table("t", "id bigint, name string, day date, at timestamp, m map<string,int>, later int", "avro")
    lake.put("t/1", tmp_path / "f")
    expected = [("1", None, "2020-02-29", "2020-02-29 12:00:00.250", "{k=5}", None)]
    assert lake.rows("select id, name, day, at, m, later from t") == expected
    assert lake.rows("select count(*) from t x, t y") == [("1",)]
    lake.put("t/1", (tmp_path / "f").read_bytes()[:-10])
    assert lake.problem("select id from t").startswith("HIVE_BAD_DATA: Error reading Avro file s3://lake/t/1")


def test_lazy_simple_takes_what_isnt_a_value_for_null(lake):
    columns = "a int, b double, c string, d date, e timestamp, f boolean, g decimal(5,2)"
    lake.add_table("t", columns, "text", **{"field.delim": ","})
    lake.put(
        "t/1",
        b"1,1.5,x,2020-01-02,2020-01-02 03:04:05.678,TRUE,1.25\nword,,\\N,,x,t,word\n2.9\n\n3,0,q,,,,,more,columns\r\n",
    )
    assert lake.rows("select a, b, c, d, e, f, g from t") == [
        ("1", "1.5", "x", "2020-01-02", "2020-01-02 03:04:05.678", "true", "1.25"),
        (None, None, None, None, None, None, None),
        ("2", None, None, None, None, None, None),
        (None, None, None, None, None, None, None),
        ("3", "0.0", "q", None, None, None, None),
    ]


def hadoop(content, compress):
    """Hadoop's framing: blocks of 5 bytes, each of one piece."""
    found = b""
    for at in range(0, len(content), 5):
        block = content[at : at + 5]
        piece = bytes(compress(block))
        found += struct.pack(">II", len(block), len(piece)) + piece
    return found


@pytest.mark.parametrize(
    ("ending", "compress"),
    [
        ("zst", lambda content: pa.compress(content, "zstd", asbytes=True)),
        ("deflate", zlib.compress),
        ("lz4", cramjam.lz4.compress),
        ("lz4", lambda content: hadoop(content, lambda block: cramjam.lz4.compress_block(block, store_size=False))),
        ("snappy", cramjam.snappy.compress),
        ("snappy", lambda content: hadoop(content, cramjam.snappy.compress_raw)),
    ],
)
def test_text_is_read_whatever_packed_it_and_broken_files_are_told(lake, ending, compress):
    lake.add_table("t", "a string, n int", "text", **{"field.delim": ","})
    whole = bytes(compress(b"x,1\ny,2\n" + b"z,3\n" * 1000))
    lake.put(f"t/1.{ending}", whole)
    assert lake.rows("select a, sum(n) from t group by a order by a") == [("x", "1"), ("y", "2"), ("z", "3000")]
    told = f"HIVE_CURSOR_ERROR: Failed to read file at s3://lake/t/1.{ending}"
    for broken in (whole[: len(whole) // 2], whole[:12] + b"\xff" * (len(whole) - 12)):
        lake.put(f"t/1.{ending}", broken)
        assert lake.problem("select count(*) from t").startswith(told)


def test_lazy_simple_nests_by_its_delimiters(lake):
    names = {"field.delim": "|", "collection.delim": ",", "mapkey.delim": ":", "escape.delim": "\\"}
    lake.add_table("t", "a array<int>, m map<string,int>, s struct<x:int,y:string>, z string", "text", **names)
    lake.put("t/1", b"1,2,x|k:1,l:2|5,five|a\\|b\n|||\n\\N|\\N|\\N|\\N\n")
    assert lake.rows("select a, m, s, z from t") == [
        ("[1, 2, null]", "{k=1, l=2}", "{x=5, y=five}", "a|b"),
        ("[]", "{}", "{x=null, y=null}", ""),
        (None, None, None, None),
    ]


def test_lines_at_the_end_of_each_file_may_be_no_rows(lake):
    skipped = {"field.delim": ",", "skip.header.line.count": "1", "skip.footer.line.count": "2"}
    lake.add_table("t", "a int", "text", **skipped)
    lake.put("t/1", b"head\n1\n2\nsum\nend\n")
    lake.put("t/2", b"head\nsum\nend")
    lake.put("t/3", b"end")
    lake.put("t/4", b"head\n" + b"3\n" * 3_000_000 + b"sum\nend\n")
    assert lake.rows("select count(*), count(a), sum(a) from t") == [("3000002", "3000002", "9000003")]
    lake.add_table("j", "a int", "json", **{"skip.footer.line.count": "1"})
    lake.put("j/1", b'{"a": 1}\nno object\n')
    assert lake.rows("select a from j") == [("1",)]
    lake.add_table("w", "a int", "text", **{"skip.footer.line.count": "one"})
    lake.put("w/1", b"1\n")
    assert lake.problem("select a from w") == (
        "HIVE_INVALID_METADATA: skip.footer.line.count must be a number, not 'one'"
    )


def test_text_may_be_compressed_have_a_header_and_bytes_that_are_no_text(lake):
    lake.add_table("t", "a string, b int", "text", **{"field.delim": "\t", "skip.header.line.count": "1"})
    lake.put("t/1.gz", gzip.compress(b"a\tb\nx\t1\n"))
    lake.put("t/2.bz2", bz2.compress(b"a\tb\r\ny\t2\r\n"))
    lake.put("t/3", b"a\tb\n\xff\t3")
    assert lake.rows("select a, b from t order by b") == [("x", "1"), ("y", "2"), ("\ufffd", "3")]
    lake.put("t/4.gz", gzip.compress(b"a\tb\n" + b"x\t1\n" * 1000)[:-12])
    assert lake.problem("select count(a) from t").startswith(
        "HIVE_CURSOR_ERROR: Failed to read file at s3://lake/t/4.gz"
    )


def test_open_csv_unquotes_and_refuses_what_isnt_a_value(lake):
    lake.add_table("t", "a int, b string, d date, e timestamp", "csv")
    lake.put("t/1", b'"1","x, ""y""","18262","1577934245678"\n2,z\\",2020-01-01,2020-01-01 00:00:00\n')
    assert lake.rows("select a, b, d, e from t") == [
        ("1", 'x, "y"', "2020-01-01", "2020-01-02 03:04:05.678"),
        ("2", 'z"', "2020-01-01", "2020-01-01 00:00:00.000"),
    ]
    lake.put("t/1", b'"one","x"\n')
    assert lake.problem("select a from t") == (
        "HIVE_BAD_DATA: Error parsing field value 'one' for field 0: For input string: \"one\""
    )
    assert lake.rows("select b from t") == [("x",)]


def test_json_minds_no_case_and_maps_names(lake):
    lake.add_table(
        "t", "id int, name string, at timestamp, tags array<string>, p struct<lat:double,inner:map<string,int>>, "
        "x_y int",
        "json", **{"mapping.name": "fullName", "dots.in.keys": "true"},
    )  # fmt: skip
    lake.put("t/1", b'{"ID": 1, "FULLNAME": "A", "at": "2020-01-01T00:00:00Z", "tags": ["a", null], "x.y": 7}\n\n'
             b'{"id": 2, "fullname": {"b": 1}, "p": {"Lat": 1.5, "inner": {"K": 1}}, "more": [{}]}\n')  # fmt: skip
    assert lake.rows("select id, name, at, tags, p, x_y from t") == [
        ("1", "A", "2020-01-01 00:00:00.000", "[a, null]", None, "7"),
        ("2", '{"b":1}', None, None, "{lat=1.5, inner={k=1}}", None),
    ]


def test_json_that_breaks_off_or_holds_another_type(lake):
    lake.add_table("t", "id int", "json")
    lake.put("t/1", b'{"id": 1}\n{"id": \n')
    assert lake.problem("select id from t").startswith("HIVE_CURSOR_ERROR: Row is not a valid JSON Object")
    lake.put("t/1", b'{"id": "word"}\n')
    assert lake.problem("select id from t").startswith("HIVE_BAD_DATA: Error parsing field value 'word' for field 0")
    lake.add_table("u", "id int", "json", **{"ignore.malformed.json": "true"})
    lake.put("u/1", b'{"id": 1}\n[2]\nnonsense\n')
    assert lake.rows("select id from u") == [("1",), (None,), (None,)]


def test_regex_takes_groups(lake):
    lake.add_table("t", "host string, status int", "regex", **{"input.regex": r"(\S+) .* (\d{3})"})
    lake.put("t/1", b"a GET / 200\nnonsense\n")
    assert lake.rows("select host, status from t") == [("a", "200"), (None, None)]


def test_grok_takes_the_fields_of_its_pattern(lake):
    pattern = "%{IPORHOST:host} %{VERB:verb} %{NUMBER:status:int}(?: %{NUMBER:bytes:long})?"
    serde = {"input.format": pattern, "input.grokCustomPatterns": "VERB (GET|PUT)"}
    lake.add_table("t", "host string, verb string, status int, bytes bigint", "grok", **serde)
    lake.put("t/1", b"10.0.0.1 GET 200 17\n10.0.0.2 PUT 404\nnonsense\n")
    assert lake.rows("select host, verb, status, bytes from t") == [
        ("10.0.0.1", "GET", "200", "17"),
        ("10.0.0.2", "PUT", "404", None),
        (None, None, None, None),
    ]
    lake.add_table("u", "host string", "grok", **{"input.format": "%{NOWHERE:host}"})
    lake.put("u/1", b"x\n")
    assert lake.problem("select host from u") == "HIVE_INVALID_METADATA: There is no grok pattern 'NOWHERE'"


def test_a_table_without_files_is_empty(lake):
    lake.add_table("t", "a int", "parquet", keys="p string")
    assert lake.rows("select count(*) from t") == [("0",)]
    assert lake.rows("select a, p from t") == []


def test_a_serde_that_clary_lacks_is_refused_by_name(lake):
    lake.add_table("t", "a int", "csv")["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"] = (
        "com.amazon.ionhiveserde.IonHiveSerDe"
    )
    lake.put("t/1", b"1")
    assert "com.amazon.ionhiveserde.IonHiveSerDe" in lake.problem("select a from t")


def test_the_path_of_each_row(lake):
    lake.add_table("t", "a int", "text")
    lake.put("t/x/1", b"1\n")
    lake.put("t/y", b"2\n")
    assert lake.rows('select a, "$path" from t order by a') == [("1", "s3://lake/t/x/1"), ("2", "s3://lake/t/y")]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("1767261600", "2026-01-01 10:00:00.000"),
        ("1767261600500", "2026-01-01 10:00:00.500"),
        ("1767261600.5", "2026-01-01 10:00:00.500"),
        ("-1", "1969-12-31 23:59:59.000"),
        ('"1767261600"', "2026-01-01 10:00:00.000"),
        ('"2026-01-01 10:00:00.5"', "2026-01-01 10:00:00.500"),
        ('"2026-01-01T12:00:00+02:00"', "2026-01-01 10:00:00.000"),
        ('"2026-01-01 04:30:00.123-0530"', "2026-01-01 10:00:00.123"),
        ('"2026-01-01T10:00:00Z"', "2026-01-01 10:00:00.000"),
        ("null", None),
    ],
)
def test_timestamps_of_json_may_be_numbers(lake, value, read):
    lake.add_table("t", "at timestamp", "json")
    lake.put("t/1", f'{{"at": {value}}}\n'.encode())
    assert lake.rows("select at from t") == [(read,)]


def test_a_word_is_no_timestamp_of_json(lake):
    lake.add_table("t", "at timestamp", "json")
    lake.put("t/1", b'{"at": "noon"}\n')
    assert lake.problem("select at from t").startswith("HIVE_BAD_DATA: Error parsing field value 'noon' for field 0")


def test_offsets_of_timestamps_are_minded_in_texts_and_within_json(lake):
    offset = "2026-01-01T12:00:00.5+02:00"
    lake.add_table("t", "at timestamp", "text")
    lake.put("t/1", f"{offset}\n2026-01-01 10:00:00.5\n".encode())
    assert lake.rows("select distinct at from t") == [("2026-01-01 10:00:00.500",)]
    lake.add_table("j", "a array<timestamp>, s struct<at:timestamp>", "json")
    lake.put("j/1", f'{{"a": ["{offset}", "2026-01-01 10:00:00.5"], "s": {{"at": "{offset}"}}}}\n'.encode())
    assert lake.rows("select a[1] = a[2], s.at = a[1], s.at from j") == [("true", "true", "2026-01-01 10:00:00.500")]


def test_nested_json_has_nulls_for_what_is_not_there_and_texts_of_numbers(lake):
    lake.add_table(
        "t",
        "st struct<n:int,m:map<string,bigint>,d:date,miss:string,inn:struct<a:double,b:array<boolean>>>, "
        "l array<struct<x:int,y:decimal(5,2)>>, m map<int,array<int>>",
        "json",
    )
    lake.put(
        "t/1",
        b'{"st": {"n": "5", "m": {"K": "7"}, "d": "2026-01-01", "x": 1, "inn": {"b": [true, "false"]}}, '
        b'"l": [{"x": 1}, {"y": "1.5"}, null, {}], "m": {"1": [2], "3": []}}\n'
        b'{"st": null, "l": []}\n{"l": null, "st": {}}\n',
    )
    assert lake.rows("select st.n, st.m, st.d, st.miss, st.inn.a, st.inn.b from t") == [
        ("5", "{k=7}", "2026-01-01", None, None, "[true, false]"),
        (None,) * 6,
        (None,) * 6,
    ]
    assert lake.rows("select l, m, st is null from t") == [
        ("[{x=1, y=null}, {x=null, y=1.50}, null, {x=null, y=null}]", "{1=[2], 3=[]}", "false"),
        ("[]", None, "true"),
        (None, None, "false"),
    ]


@pytest.mark.parametrize(
    "line",
    ['{"st": {"n": "word"}}', '{"l": [{"n": "word"}]}', '{"m": {"k": {"n": "word"}}}', '{"st": 5}', '{"m": ["a"]}'],
)
def test_nested_json_of_another_type_is_told(lake, line):
    lake.add_table("t", "st struct<n:int>, l array<struct<n:int>>, m map<string,struct<n:int>>", "json")
    lake.put("t/1", line.encode())
    assert lake.problem("select st, l, m from t").startswith("HIVE_BAD_DATA: Error parsing field value ")


def test_a_lone_value_is_an_array_of_one_for_openx(lake):
    lake.add_table("t", "tags array<string>, ns array<int>", "json")
    lake.put("t/1", b'{"tags": "a", "ns": 5}\n{"tags": ["b"], "ns": null}\n')
    assert lake.rows("select tags, ns from t") == [("[a]", "[5]"), ("[b]", None)]
    serde = lake.tables["db", "t"]["StorageDescriptor"]["SerdeInfo"]
    serde["SerializationLibrary"] = "org.apache.hive.hcatalog.data.JsonSerDe"
    assert lake.problem("select tags from t").startswith("HIVE_BAD_DATA: Error parsing field value '\"a\"' for field 0")


def test_hive_keeps_the_case_of_a_maps_keys_where_openx_has_none(lake):
    lake.add_table(
        "t", "m map<string,struct<n:int>>, l array<map<string,int>>, st struct<n:int,m:map<string,int>>", "json"
    )
    lake.put("t/1", b'{"M": {"Key": {"N": 1}}, "L": [{"A": 1, "a": 2}], "ST": {"N": 3, "m": {"\\u00c4": 4}}}\n')
    assert lake.rows("select m, l, st from t") == [("{key={n=1}}", "[{a=2}]", "{n=3, m={ä=4}}")]
    serde = lake.tables["db", "t"]["StorageDescriptor"]["SerdeInfo"]
    serde["SerializationLibrary"] = "org.apache.hive.hcatalog.data.JsonSerDe"
    assert lake.rows("select m, l, st from t") == [("{Key={n=1}}", "[{A=1, a=2}]", "{n=3, m={Ä=4}}")]


def test_timestamps_within_json_may_be_numbers(lake):
    lake.add_table("t", "st struct<at:timestamp>", "json")
    lake.put("t/1", b'{"st": {"at": 1767261600}}\n')
    assert lake.rows("select st.at from t") == [("2026-01-01 10:00:00.000",)]
