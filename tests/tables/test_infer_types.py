"""Types of values, and how types that differ meet."""

import pytest

from clary.tables.hive_types import parse_hive_type
from clary.tables.infer_types import Column, merge, similarity, type_of_texts, widen


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-20", ""], "bigint"),
        (["007", "8"], "bigint"),
        (["9223372036854775808"], "double"),
        (["1", "2.5", "1e9"], "double"),
        (["true", "FALSE"], "boolean"),
        (["true", "1"], "string"),
        (["1_000"], "string"),
        (["nan", "1.5"], "string"),
        (["Infinity"], "string"),
        (["٣"], "string"),
        (["2026-12-01"], "string"),
        (["", ""], "null"),
    ],
)
def test_texts(values, expected):
    assert str(type_of_texts(values)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("int", "bigint", "bigint"),
        ("bigint", "double", "double"),
        ("float", "int", "double"),
        ("double", "string", "string"),
        ("boolean", "int", "string"),
        ("date", "timestamp", "timestamp"),
        ("decimal(10,2)", "decimal(5,4)", "decimal(12,4)"),
        ("array<int>", "array<double>", "array<double>"),
        ("array<int>", "int", "string"),
        ("struct<a:int>", "struct<b:string,a:bigint>", "struct<a:bigint,b:string>"),
        ("map<string,int>", "map<string,bigint>", "map<string,bigint>"),
    ],
)
def test_types_meet_in_the_narrowest_that_holds_both(one, other, expected):
    left, right = parse_hive_type(one), parse_hive_type(other)
    assert widen(left, right) == parse_hive_type(expected)
    assert sorted(str(widen(right, left))) == sorted(expected)


def columns(text):
    return [Column(name, parse_hive_type(kind)) for name, kind in (pair.split(":") for pair in text.split())]


def test_new_columns_are_appended():
    assert merge([columns("a:int b:string"), columns("c:int a:double")]) == columns("a:double b:string c:int")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a:int b:int", "a:int b:bigint", 1.0),
        ("a:int b:int", "c:int d:int", 0.0),
        ("a:int b:int", "a:int b:int c:int", 0.8),
        ("a:int b:int", "a:int b:boolean", 0.75),
        ("", "a:int", 0.0),
        ("", "", 1.0),
    ],
)
def test_similarity(one, other, expected):
    assert similarity(columns(one), columns(other)) == expected
