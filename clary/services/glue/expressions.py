"""Patterns of names, as GetTables and GetUserDefinedFunctions take them."""

import re
from collections.abc import Callable, Sequence

from clary.services.glue.errors import InvalidInputException

# A star that repeats nothing that a regular expression could repeat is Hive's: any text.
_HIVE_STAR = re.compile(r"(?<![.\])}\\])(?<!\\[a-zA-Z])\*")


def matcher(pattern: str) -> Callable[[Sequence[str]], list[str]]:
    """What picks the names that fit a pattern wholly: a regular expression in which `*` may stand for any text.

    RE2 does the matching: no pattern makes it slow.
    """
    from pyarrow import ArrowInvalid, array, compute, string

    whole = f"(?i)^(?:{_HIVE_STAR.sub('.*', pattern)})$"

    def fits(names: Sequence[str]) -> list[str]:
        try:
            found = compute.match_substring_regex(array(names, string()), whole)
        except ArrowInvalid as problem:
            raise InvalidInputException(f"Pattern {pattern!r} is not a regular expression: {problem}") from None
        return [name for name, fitting in zip(names, found.to_pylist(), strict=True) if fitting]

    return fits
