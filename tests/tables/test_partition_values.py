"""Which texts are values of a partition key's type."""

import pytest

from clary.tables.hive_types import parse_hive_type
from clary.tables.partition_values import is_of_type


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("bigint", ["0", "-1", "+7", "007", "9223372036854775807"], ["a", "1.5", "9223372036854775808", " 1", "1_0"]),
        ("tinyint", ["127", "-128"], ["128"]),
        ("double", ["1.5", "1e3", "-2"], ["x", "1_0"]),
        ("decimal(4,2)", ["99.99", "-1"], ["100", "x", "NaN"]),
        ("boolean", ["true", "FALSE"], ["1", "yes"]),
        ("date", ["2026-01-31", "2026-1-1"], ["2026-02-30", "20260131", "2026-01"]),
        ("timestamp", ["2026-01-31 10:00:00", "2026-01-31", "2026-01-31 10:00:00.123"], ["2026-01-31 25:00:00", "x"]),
        ("string", ["", "x"], []),
        ("varchar(1)", ["x"], []),
    ],
)
def test_texts_of_a_type(kind, good, bad):
    type_ = parse_hive_type(kind)
    assert [text for text in good if not is_of_type(text, type_)] == []
    assert [text for text in bad if is_of_type(text, type_)] == []
