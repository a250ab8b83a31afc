"""JSONPath as filters use it: what can be read, which columns, which parts of a document."""

import pytest

from clary.errors import ClientError
from clary.transform.json_path import columns, find, parse

RECORD = {"id": 7, "features": [1, 2, 3], "inner": {"a": {"b": [10, 20]}, "c": "x"}, "it's": 1}


@pytest.mark.parametrize(
    ("path", "chosen"),
    [
        ("$", [0, 1, 2, 3, 4]),
        ("$[*]", [0, 1, 2, 3, 4]),
        ("$[1:]", [1, 2, 3, 4]),
        ("$[:2]", [0, 1]),
        ("$[-2:]", [3, 4]),
        ("$[1:3]", [1, 2]),
        ("$[0,-1]", [0, 4]),
        ("$[0, 3:]", [0, 3, 4]),
        ("$[2,0,2]", [2, 0, 2]),
        ("$.[1]", [1]),
    ],
)
def test_columns(path, chosen):
    assert parse(path).by_place
    assert columns(parse(path), 5) == chosen


@pytest.mark.parametrize("path", ["$[5]", "$[-6]", "$[0,9]", "$[7:]"])
def test_columns_that_a_row_does_not_have(path):
    with pytest.raises(ClientError, match="of 5 column"):
        columns(parse(path), 5)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", RECORD),
        ("$.id", 7),
        ("$['id']", 7),
        ("$.features", [1, 2, 3]),
        ("$.features[0]", 1),
        ("$.features[-1]", 3),
        ("$.features[0,2]", [1, 3]),
        ("$.features[1:]", [2, 3]),
        ("$.features[*]", [1, 2, 3]),
        ("$['id','features']", {"id": 7, "features": [1, 2, 3]}),
        ("$.inner.['a','c']", {"a": {"b": [10, 20]}, "c": "x"}),
        ("$.inner.*", [{"b": [10, 20]}, "x"]),
        ("$.inner.a.b[1]", 20),
        ("$['it\\'s']", 1),
    ],
)
def test_parts_of_a_document(path, found):
    assert find(parse(path), RECORD) == found


@pytest.mark.parametrize(
    "path", ["$.none", "$['id','none']", "$.id.more", "$.features.more", "$.id[0]", "$.features[3]"]
)
def test_parts_that_a_document_does_not_have(path):
    with pytest.raises(ClientError, match=r"^\$"):
        find(parse(path), RECORD)


@pytest.mark.parametrize(
    "path",
    ["", "id", "$id", "$..id", "$[?(@.a > 1)]", "$[", "$['a]", "$['a',]", "$[1:2:3]", "$[1,a]", "$.", "$.a b", "$[]"],
)
def test_what_is_no_path(path):
    with pytest.raises(ValueError, match=r"begin with|can't be read"):
        parse(path)


def test_names_choose_no_columns():
    assert not parse("$.id").by_place
    assert not parse("$[0][1]").by_place
