"""Patterns with %."""

import pytest

from clary.tables.wildcards import compile_wildcards


@pytest.mark.parametrize(
    ("pattern", "one", "text", "fits"),
    [
        ("abc", "", "abc", True),
        ("abc", "", "abcd", False),
        ("a%", "", "a", True),
        ("%c", "", "a\nc", True),
        ("a%b%c", "", "a-b-b-c", True),
        ("a%b%c", "", "a-c-b", False),
        ("%ab%ab", "", "ab", False),
        ("%%", "", "", True),
        ("a_c", "", "abc", False),
        ("a_c", "_", "abc", True),
        ("a.c", "_", "abc", False),
        ("%a" * 500 + "b", "", "a" * 2000, False),
    ],
)
def test_patterns(pattern, one, text, fits):
    assert bool(compile_wildcards(pattern, one=one).fullmatch(text)) is fits
