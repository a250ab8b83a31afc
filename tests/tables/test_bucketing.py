"""Hive's buckets. The expected hashes are those that Trino's tests check against Hive itself (version 1)."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from clary.errors import ClientError
from clary.tables.bucketing import buckets_of, check_bucket_type, hashes_of
from clary.tables.hive_types import parse_hive_type, to_arrow

WIDE = "\U00020ffc\U00020ffd\U00020ffe\U00020fff"
KNOWN = [
    ("string", "Trino rocks", 1132136730),
    ("boolean", True, 1),
    ("boolean", False, 0),
    ("tinyint", -128, -128),
    ("smallint", 300, 300),
    ("int", 300_000, 300_000),
    ("int", -(1 << 31), -(1 << 31)),
    ("bigint", 300_000_000_000, -647710651),
    ("bigint", -(1 << 63), -2147483648),
    ("bigint", (1 << 63) - 1, -2147483648),
    ("float", float(np.float32(12.34)), 1095069860),
    ("float", float("-inf"), -8388608),
    ("float", float("nan"), 2143289344),
    ("float", float("-nan"), 2143289344),
    ("double", 12.34, 986311098),
    ("double", float("inf"), 2146435072),
    ("double", float("nan"), 2146959360),
    ("varchar(15)", "", 1),
    ("varchar(15)", "test string", -189841218),
    ("varchar(15)", "强大的Trino引擎", 1899852420),
    ("varchar(15)", WIDE, -457487557),
    ("string", "", 0),
    ("string", "test string", -318923937),
    ("string", "强大的Trino引擎", 1688501507),
    ("string", WIDE, -1810797254),
    ("date", date(2015, 11, 19), 16758),
    ("date", date(1950, 11, 19), -6983),
    ("array<boolean>", [], 0),
    ("array<smallint>", [5, 8, 13], 5066),
    ("array<string>", ["test1", "test2", "test3", "test4"], 957612994),
    ("array<array<bigint>>", [[10, 20], [-10, -20], [None]], 326368),
    ("map<string,bigint>", [("key", 123), ("key2", 123456789), ("key3", -123456)], 127880789),
    ("map<array<double>,map<int,string>>", [([12.3, 45.7], [(123, "test99")])], -34001111),
]


@pytest.mark.parametrize(("text", "value", "expected"), KNOWN)
def test_hashes_are_those_of_hive_wherever_the_value_stands(text, value, expected):
    hive = parse_hive_type(text)
    column = pa.array([None, value, None, value], to_arrow(hive))
    assert hashes_of(column, hive).tolist() == [0, expected, 0, expected]
    assert hashes_of(column[1:2], hive).tolist() == [expected]


def test_several_columns_make_one_hash():
    types = [parse_hive_type(text) for text in ("float", "array<smallint>", "map<string,bigint>")]
    values = [float(np.float32(12.34)), [5, 8, 13], [("key", 123)]]
    columns = [pa.array([value], to_arrow(hive)) for value, hive in zip(values, types, strict=True)]
    assert buckets_of(columns, types, 997).tolist() == [95411006 % 997]


def test_a_negative_hash_has_a_bucket_too():
    hive = parse_hive_type("string")
    assert buckets_of([pa.array(["Trino rocks", "test string"])], [hive], 4).tolist() == [
        2,
        (-318923937 & 0x7FFFFFFF) % 4,
    ]


@pytest.mark.parametrize("text", ["decimal(5,2)", "timestamp", "struct<a:int>", "array<binary>"])
def test_types_that_hive_and_trino_dont_bucket_alike_are_refused(text):
    with pytest.raises(ClientError, match="NOT_SUPPORTED: Cannot bucket by a column of the type"):
        check_bucket_type(parse_hive_type(text))
