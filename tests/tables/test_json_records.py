"""JSON records by a table's columns: values worked out by hand, and Arrow's way against ours, value by value."""

import json
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clary.tables.json_fields import JsonOptions
from clary.tables.json_records import JsonReader

OPENX, HIVE = JsonOptions(), JsonOptions(hive=True)


def read(columns, records, options=OPENX):
    """The rows, and the reasons of what was refused."""
    reader = JsonReader(list(columns.items()), options)
    table, refused = reader.read([record.encode() if isinstance(record, str) else record for record in records])
    return table.to_pylist(), {item.number: item.reason for item in refused}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "7", 7),
        ("int", '"7"', 7),
        ("int", "7.0", 7),
        ("int", "7e1", 70),
        ("int", "null", None),
        ("double", "1.5", 1.5),
        ("double", '"1.5"', 1.5),
        ("double", "2", 2.0),
        ("float", "16777217", 16777216.0),
        ("float", "1e39", float("inf")),
        ("boolean", "true", True),
        ("boolean", '"False"', False),
        ("string", '"x"', "x"),
        ("string", "1.50", "1.50"),
        ("string", "true", "true"),
        ("string", '{"b": [1, "x"]}', '{"b":[1,"x"]}'),
        ("varchar(3)", '"abcdef"', "abc"),
        ("decimal(10,2)", "1.505", Decimal("1.51")),
        ("decimal(10,2)", '"3"', Decimal("3.00")),
        ("date", '"2026-02-28"', date(2026, 2, 28)),
        ("timestamp", '"2017-02-07T15:13:01.39256Z"', datetime(2017, 2, 7, 15, 13, 1, 392000)),
        ("timestamp", '"2017-02-07 15:13:01.3"', datetime(2017, 2, 7, 15, 13, 1, 300000)),
        ("timestamp", '"2017-2-7 15:13:01"', datetime(2017, 2, 7, 15, 13, 1)),
        ("timestamp", '"1969-12-31T23:59:59.9999"', datetime(1969, 12, 31, 23, 59, 59, 999000)),
        ("timestamp", "1518033528", datetime(2018, 2, 7, 19, 58, 48)),
        ("timestamp", "1518033528123", datetime(2018, 2, 7, 19, 58, 48, 123000)),
        ("timestamp", "1518033528.123", datetime(2018, 2, 7, 19, 58, 48, 123000)),
        ("timestamp", '"1518033528"', datetime(2018, 2, 7, 19, 58, 48)),
        ("array<int>", '[1, "2", null]', [1, 2, None]),
        ("map<string,int>", '{"x": 1, "y": null}', [("x", 1), ("y", None)]),
        ("map<int,string>", '{"1": "a"}', [(1, "a")]),
        ("struct<x:int,y:array<date>>", '{"Y": ["2026-01-01"], "z": 1}', {"x": None, "y": [date(2026, 1, 1)]}),
        ("binary", '"abc"', b"abc"),
    ],
)
def test_values_that_fit(kind, text, value):
    assert read({"a": kind}, [f'{{"a": {text}}}', "{}"]) == ([{"a": value}, {"a": None}], {})


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", '"seven"'),
        ("int", "7.5"),
        ("int", "3000000000"),
        ("int", "true"),
        ("tinyint", "128"),
        ("double", '"x"'),
        ("double", "1e999"),
        ("boolean", "1"),
        ("decimal(3,1)", "1000"),
        ("date", '"2026-02-30"'),
        ("date", "7"),
        ("timestamp", '"yesterday"'),
        ("timestamp", "true"),
        ("array<int>", "1"),
        ("array<int>", '["x"]'),
        ("map<string,int>", "[]"),
        ("struct<x:int>", '"x"'),
        ("binary", "1"),
    ],
)
def test_values_that_do_not_fit(kind, text):
    rows, refused = read({"a": kind, "b": "int"}, ['{"b": 1}', f'{{"a": {text}}}', '{"b": 2}'])
    assert rows == [{"a": None, "b": 1}, {"a": None, "b": 2}]
    assert list(refused) == [1]
    assert "does not fit the column a" in refused[1]


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("struct<x:int>", '{"X": "no"}', '"no" does not fit the column a.x of type int'),
        ("struct<x:struct<y:int>>", '{"x": {"y": [1]}}', "[1] does not fit the column a.x.y of type int"),
        ("array<int>", '[1, 2, "no"]', '"no" does not fit the column a[2] of type int'),
        ("array<struct<x:date>>", '[{"x": 7}]', "7 does not fit the column a[0].x of type date"),
        ("map<string,array<int>>", '{"k": [1], "l": [true]}', "true does not fit the column a.l[0] of type int"),
        ("map<int,int>", '{"k": 1}', '"k" does not fit the column a.key of type int'),
        ("map<string,boolean>", '{"k": 1}', "1 does not fit the column a.k of type boolean"),
        ("decimal(3,1)", "1000", "1000 does not fit the column a of type decimal(3,1)"),
        ("int", f'"{"x" * 101}"', f'"{"x" * 100}..." does not fit the column a of type int'),
    ],
)
def test_a_misfit_is_named_by_its_place(kind, text, told):
    _, refused = read({"a": kind}, [f'{{"a": {text}}}'])
    assert refused == {0: f"Data does not match the schema: {told}"}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('{"a": 1', "Malformed JSON"),
        ("", "The record was empty or contained only whitespace"),
        ("7", "not a number"),
        ('[{"a": 1}, {"a": 2}]', "not an array"),
        ('{"a": 1}, {"a": 2}', "Malformed JSON"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": "\ud800"}'.encode("utf-8", "surrogatepass"), "not UTF-8"),
        (b'{"a": "\\ud800", "b": "x"}', "half of a surrogate pair"),
        ('{"a": "line\nbreak"}', "Malformed JSON"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deep"),
    ],
)
def test_what_is_no_json_is_refused_and_what_is_around_it_is_kept(record, reason):
    rows, refused = read({"a": "string"}, ['{"a": "before"}', record, '{"a": "after"}'])
    assert rows == [{"a": "before"}, {"a": "after"}]
    assert list(refused) == [1]
    assert reason in refused[1]


def test_objects_one_after_another_are_rows():
    rows, _ = read({"a": "int"}, ['{"a":1}{"a":2}', '{"a":3}\n{"a":4}\n'])
    assert [row["a"] for row in rows] == [1, 2, 3, 4]


def test_records_that_only_together_are_json_are_refused():
    rows, refused = read({"a": "int", "b": "int"}, ['{"a":1', ',"b":2}', '{"a":3}'])
    assert rows == [{"a": 3, "b": None}]
    assert list(refused) == [0, 1]


def test_keys():
    columns = {"belt_temp": "double", "id": "int"}
    record = '{"Belt_Temp": 1.5, "ID": 2}'
    assert read(columns, [record])[0] == [{"belt_temp": 1.5, "id": 2}]
    sensitive = JsonOptions(case_insensitive=False)
    assert read(columns, [record, '{"id": 3}'], sensitive)[0] == [
        {"belt_temp": None, "id": None},
        {"belt_temp": None, "id": 3},
    ]
    dots = JsonOptions(dots_to_underscores=True)
    assert read(columns, ['{"belt.temp": 2}'], dots)[0] == [{"belt_temp": 2.0, "id": None}]
    mapped = JsonOptions(keys={"id": "Timestamp"})
    assert read(columns, ['{"timestamp": 4}', '{"id": 5}'], mapped)[0] == [
        {"belt_temp": None, "id": 4},
        {"belt_temp": None, "id": None},
    ]
    assert read({"id": "int"}, ['{"id": 1, "Id": 2}', '{"id": 3, "id": 4}'])[0] == [{"id": 2}, {"id": 4}]


def test_keys_may_be_spelled_in_many_ways_among_others():
    records = [json.dumps({"other": [[1]], "x": {"y": None}, key: 1}) for key in ("id", "Id", "iD", "ID")]
    assert read({"id": "int"}, records * 100)[0] == [{"id": 1}] * 400


def test_a_deep_array_that_no_column_wants_does_no_harm():
    deep = '{"id": 1, "x": ' + "[" * 100_000 + "]" * 100_000 + "}"
    rows, refused = read({"id": "int"}, [deep, '{"id": 2, "x": {}}'])
    assert {"id": 2} in rows
    assert len(rows) + len(refused) == 2


def test_the_hive_serde_takes_text_for_text():
    rows, refused = read({"a": "int", "b": "boolean"}, ['{"a": "1"}', '{"b": "true"}', '{"a": 1, "B": true}'], HIVE)
    assert rows == [{"a": 1, "b": True}]
    assert len(refused) == 2


def test_timestamp_formats():
    options = JsonOptions(hive=True, timestamp_formats=("yyyy/MM/dd hh:mm:ss a Z", "dd MMM yyyy", "millis"))
    texts = ['"2026/01/02 03:04:05 PM +0100"', '"02 Jan 2026"', "1000", '"2026-01-02 03:04:05"']
    rows, refused = read({"a": "timestamp"}, [f'{{"a": {text}}}' for text in texts], options)
    assert refused == {}
    assert [row["a"] for row in rows] == [
        datetime(2026, 1, 2, 14, 4, 5),
        datetime(2026, 1, 2),
        datetime(1970, 1, 1, 0, 0, 1),
        datetime(2026, 1, 2, 3, 4, 5),
    ]


COLUMNS = {
    "i": "int",
    "t": "tinyint",
    "l": "bigint",
    "d": "double",
    "f": "float",
    "s": "string",
    "v": "varchar(2)",
    "b": "boolean",
    "day": "date",
    "at": "timestamp",
    "m": "decimal(6,2)",
    "n": "struct<i:int,at:timestamp,l:array<struct<i:int,s:varchar(1)>>>",
    "ls": "array<string>",
}
numbers = st.one_of(
    st.integers(-(2**70), 2**70), st.integers(-130, 130), st.floats(allow_nan=False), st.sampled_from([1e3, -0.0, 1e40])
)
times = st.one_of(
    st.datetimes(datetime(1600, 1, 1), datetime(2300, 1, 1)).map(datetime.isoformat),
    st.datetimes().map(lambda moment: moment.isoformat(" ", "milliseconds") + "Z"),
    st.dates().map(date.isoformat),
    st.from_regex(r"\A20\d\d-[01]\d-[0-3]\d[ T]\d\d(:\d\d(:\d\d(\.\d{0,10})?)?)?(Z|[+-]\d\d(:?\d\d)?)?\Z"),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=4), times)
keys = st.sampled_from([*COLUMNS, "I", "N", "At", "other", "a"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=6,
)
typed = {
    "i": st.integers(-(2**31), 2**31 - 1),
    "t": st.integers(-128, 127),
    "l": st.integers(-(2**63), 2**63 - 1),
    "d": st.floats(allow_nan=False, allow_infinity=False),
    "f": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "s": st.text(),
    "v": st.text(),
    "b": st.booleans(),
    "day": st.one_of(st.dates().map(date.isoformat), times),
    "at": st.one_of(times, st.integers(0, 2**42)),
    "m": st.decimals(-9999, 9999, places=2).map(float),
    "n": st.fixed_dictionaries(
        {}, optional={"i": st.integers(0, 9), "at": times, "l": st.lists(st.just({"i": 1, "s": "xy"}), max_size=2)}
    ),
    "ls": st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=3),
}
proper = st.fixed_dictionaries({}, optional={key: st.one_of(st.none(), kind) for key, kind in typed.items()})
anything = st.dictionaries(keys, values, max_size=4)


def texts(objects):
    return [json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogatepass") for found in objects]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(proper, proper, proper, anything), min_size=1, max_size=4).map(texts), st.booleans())
def test_what_is_read_quickly_is_read_right(records, hive):
    reader = JsonReader(list(COLUMNS.items()), HIVE if hive else OPENX)
    quick = reader._read_quickly(records)
    slow, refused = reader._read_slowly(records)
    if quick is not None:
        assert refused == []
        assert quick.equals(slow), (quick.to_pylist(), slow.to_pylist())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.sampled_from('{}[]",:ai1 \n\\'), max_size=12).map(str.encode), min_size=1, max_size=4))
def test_no_text_is_read_quickly_that_is_refused_slowly(records):
    reader = JsonReader([("a", "int"), ("i", "string")], OPENX)
    quick = reader._read_quickly(records)
    slow, refused = reader._read_slowly(records)
    assert quick is None or (refused == [] and quick.equals(slow))


def test_ordinary_records_are_read_quickly():
    columns = {
        "belt_id": "bigint",
        "at": "timestamp",
        "belt_temp": "double",
        "seen": "timestamp",
        "at2": "struct<x:int>",
    }
    records = texts(
        {"beltId": n, "at": "2026-01-01T00:00:00.123456", "belt_temp": 1.5, "seen": 1_700_000_000 + n, "at2": {"X": n}}
        for n in range(1000)
    )
    records = [record.replace(b"beltId", b"Belt_ID") + b"\n" for record in records]
    for extra in (b"", b', "note": [1, "x", {"y": null}]'):
        reader = JsonReader(list(columns.items()), OPENX)
        table = reader._read_quickly(
            [record.replace(b"}\n", extra + b"}\n") if extra else record for record in records]
        )
        assert table is not None
        assert table.num_rows == 1000
        assert table.column("belt_id")[7].as_py() == 7
        assert table.column("seen")[0].as_py() == datetime(2023, 11, 14, 22, 13, 20)
        assert table.column("at2")[5].as_py() == {"x": 5}


def test_an_empty_block():
    table, refused = JsonReader([("a", "int")], OPENX).read([])
    assert (table.schema, table.num_rows, refused) == (pa.schema([("a", pa.int32())]), 0, [])
