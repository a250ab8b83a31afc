import pyarrow as pa
import pytest

from clary.errors import ClientError
from clary.tables.hive_types import from_arrow, parse_hive_type, to_arrow


@pytest.mark.parametrize(
    ("text", "arrow"),
    [
        ("int", pa.int32()),
        ("INTEGER", pa.int32()),
        ("double precision", pa.float64()),
        ("decimal", pa.decimal128(10, 0)),
        ("decimal(20, 4)", pa.decimal128(20, 4)),
        ("varchar(12)", pa.string()),
        ("array<tinyint>", pa.list_(pa.int8())),
        ("map<string,array<bigint>>", pa.map_(pa.string(), pa.list_(pa.int64()))),
        (
            "struct<id:int, `a b`:struct<on:date>>",
            pa.struct([("id", pa.int32()), ("a b", pa.struct([("on", pa.date32())]))]),
        ),
    ],
)
def test_text_to_arrow(text, arrow):
    assert to_arrow(parse_hive_type(text)) == arrow


@pytest.mark.parametrize(
    "text", ["bigint", "decimal(9,2)", "array<struct<a:int,b:map<string,double>>>", "timestamp", "binary"]
)
def test_arrow_and_back(text):
    assert str(from_arrow(to_arrow(parse_hive_type(text)))) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("strnig", "no type 'strnig'"),
        ("array<int", "ends too early"),
        ("array<int,int>", "takes 1 types"),
        ("map<int>", "takes 2 types"),
        ("struct<a int>", "expected :"),
        ("decimal(40,2)", "precision from 1 to 38"),
        ("char", "takes one length"),
        ("int)", "follows its end"),
        ("", "ends too early"),
        pytest.param(f"{'array<' * 5000}int{'>' * 5000}", "more than 100 types within one another", id="deep"),
        pytest.param(f"array<{'x' * 5000}>", "x...' is not a column type", id="long"),
    ],
)
def test_what_is_no_type_is_refused_with_the_reason(text, reason):
    with pytest.raises(ClientError, match=reason) as caught:
        parse_hive_type(text)
    assert repr(text)[:200] in str(caught.value)
