"""Patterns in which % stands for any text, as in SQL's LIKE and in the paths of JDBC crawls."""

import re


def compile_wildcards(pattern: str, *, one: str = "") -> re.Pattern[str]:
    """What `fullmatch` tells whether a text fits; `one` stands for any one character, nothing does where it is "".

    What is between two % is taken where it is found first and never tried again, so no pattern is slow.
    """
    first, *rest = ("".join("." if sign == one else re.escape(sign) for sign in part) for part in pattern.split("%"))
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1] if part)
    return re.compile(first + middle + (f".*{rest[-1]}" if rest else ""), re.DOTALL)
