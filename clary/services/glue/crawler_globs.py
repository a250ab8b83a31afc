"""The glob patterns of what a crawler leaves out.

Source: AWS Glue Developer Guide, "Include and exclude patterns".
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import regex

from clary.services.glue.crawler_errors import CrawlFailed
from clary.services.glue.errors import InvalidInputException

_SECONDS = 1.0
"""What one path may take: a pattern with many asterisks would take for ever."""


def compile_globs(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path, relative to the include path, is left out."""
    compiled = [(pattern, _compile(pattern)) for pattern in patterns]

    def excluded(path: str) -> bool:
        for pattern, expression in compiled:
            try:
                if expression.fullmatch(path, timeout=_SECONDS):
                    return True
            except TimeoutError:
                raise CrawlFailed(
                    f"The exclude pattern {pattern!r} took longer than {_SECONDS} s for {path!r}"
                ) from None
        return False

    return excluded


def _compile(pattern: str) -> Any:
    try:
        return regex.compile(_translate(pattern), regex.DOTALL)
    except regex.error as problem:
        raise InvalidInputException(f"Exclude pattern {pattern!r}: {problem}.") from None


def _translate(pattern: str) -> str:
    """The pattern as a regular expression."""
    parts: list[str] = []
    at, grouped = 0, False
    while at < len(pattern):
        sign = pattern[at]
        if sign == "*":
            double = pattern.startswith("**", at)
            parts.append(".*" if double else "[^/]*")
            at += double
        elif sign == "?":
            parts.append("[^/]")
        elif sign == "[":
            text, at = _bracket(pattern, at)
            parts.append(text)
        elif sign == "\\" and at + 1 < len(pattern):
            at += 1
            parts.append(re.escape(pattern[at]))
        elif sign == "{" or (sign in ",}" and grouped):
            if sign == "{" and grouped:
                raise InvalidInputException(f"Exclude pattern {pattern!r}: a group in braces can't hold another.")
            parts.append({"{": "(?:", ",": "|", "}": ")"}[sign])
            grouped = sign != "}"
        else:
            parts.append(re.escape(sign))
        at += 1
    if grouped:
        raise InvalidInputException(f"Exclude pattern {pattern!r}: a brace isn't closed.")
    return "".join(parts)


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """A set of characters as a regular expression, and where it ends."""
    end = pattern.find("]", at + 1)
    if end < 0:
        raise InvalidInputException(f"Exclude pattern {pattern!r}: a bracket isn't closed.")
    inner = pattern[at + 1 : end]
    negated = inner.startswith("!")
    signs = inner[negated:]
    if not signs:
        raise InvalidInputException(f"Exclude pattern {pattern!r}: a bracket is empty.")
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", signs)
    escaped = "\\-" + escaped[1:] if escaped.startswith("-") else escaped
    return f"(?!/)[{'^' if negated else ''}{escaped}]", end
