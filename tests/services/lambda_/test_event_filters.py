"""The rules of filter patterns, by AWS's table of comparison operators."""

import json

import pytest

from clary.services.lambda_.errors import InvalidParameterValueException
from clary.services.lambda_.filter_pattern import fits, parse


def fit(pattern, record):
    return fits(parse({"Filters": [{"Pattern": json.dumps(pattern)}]}), record)


@pytest.mark.parametrize(
    ("rules", "fitting", "others"),
    [
        ([None], [None], ["", 0]),
        ([""], [""], [None]),
        (["Alice"], ["Alice", ["x", "Alice"]], ["alice", None, []]),
        ([100], [100, 100.0], ["100", 101]),
        ([True], [True], [1, "true"]),
        ([{"numeric": ["=", 100]}], [100], [99, "100", True]),
        ([{"numeric": [">", 10, "<=", 20]}], [11, 20], [10, 21]),
        ([{"prefix": "us-"}], ["us-east-1"], ["eu-us-", None]),
        ([{"suffix": ".png"}], ["a.png"], ["a.jpg"]),
        ([{"equals-ignore-case": "alice"}], ["ALICE"], ["bob"]),
        ([{"anything-but": ["rainy"]}], ["sunny", None], ["rainy"]),
        ([{"anything-but": 1}], [2], [1]),
        (["a", {"prefix": "b"}], ["a", "bc"], ["c"]),
    ],
)
def test_rules(rules, fitting, others):
    for value in fitting:
        assert fit({"key": rules}, {"key": value}), value
    for value in others:
        assert not fit({"key": rules}, {"key": value}), value


def test_members_that_are_or_are_not_there():
    assert fit({"key": [{"exists": True}]}, {"key": None})
    assert not fit({"key": [{"exists": True}]}, {})
    assert fit({"key": [{"exists": False}]}, {})
    assert not fit({"key": ["x"]}, {})


def test_all_members_must_fit_or_one_of_several():
    both = {"a": {"b": [1]}, "c": [2]}
    assert fit(both, {"a": {"b": 1}, "c": 2, "d": 3})
    assert not fit(both, {"a": {"b": 1}})
    assert not fit(both, {"a": 1, "c": 2})
    either = {"$or": [{"a": [1]}, {"b": [2]}]}
    assert fit(either, {"b": 2})
    assert not fit(either, {"a": 2})


@pytest.mark.parametrize(
    "pattern",
    [
        "[]",
        "{",
        pytest.param("[" * 5000, id="deep"),
        '{"a": 1}',
        '{"a": []}',
        '{"a": [{"numeric": ["!", 1]}]}',
        '{"a": [{"prefix": 1}]}',
    ],
)
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(InvalidParameterValueException, match="Invalid filter pattern definition"):
        parse({"Filters": [{"Pattern": pattern}]})
