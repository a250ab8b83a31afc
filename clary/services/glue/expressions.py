"""Patterns of names, as GetTables and GetUserDefinedFunctions take them."""

import re
from collections.abc import Callable, Sequence

import regex

from clary.services.glue.errors import InvalidInputException

# A star that repeats nothing that a regular expression could repeat is Hive's: any text.
_HIVE_STAR = re.compile(r"(?<![.\])}\\])(?<!\\[a-zA-Z])\*")
_SECONDS = 1.0  # what one name may take


def matcher(pattern: str) -> Callable[[Sequence[str]], list[str]]:
    """What picks the names that fit a pattern wholly: a regular expression in which `*` may stand for any text."""
    try:
        expression = regex.compile(_HIVE_STAR.sub(".*", pattern), regex.IGNORECASE | regex.DOTALL)
    except regex.error as problem:
        raise InvalidInputException(f"Pattern {pattern!r} is not a regular expression: {problem}") from None

    def fits(names: Sequence[str]) -> list[str]:
        try:
            return [name for name in names if expression.fullmatch(name, timeout=_SECONDS)]
        except TimeoutError:
            raise InvalidInputException(f"Pattern {pattern!r} takes longer than {_SECONDS} s for a name.") from None

    return fits
