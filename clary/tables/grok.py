"""Grok: patterns of lines built from named patterns, `%{NUMBER:num:int}`.

Source: AWS Glue Developer Guide, "Writing grok custom classifiers". A pattern is the user's, so each match has a limit
of time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import regex

from clary.errors import ClientError
from clary.tables.grok_patterns import PATTERNS
from clary.tables.hive_types import HiveType
from clary.tables.infer_schema import Schema
from clary.tables.infer_types import STRING, Column

MATCH_SECONDS = 0.5
"""What one line may take: a pattern with repetitions inside each other would take for ever."""

_TYPES = {
    "byte": "tinyint",
    "boolean": "boolean",
    "double": "double",
    "short": "smallint",
    "int": "int",
    "long": "bigint",
    "float": "float",
    "string": "string",
}
_REFERENCE = re.compile(r"%\{(\w+)(?::([^{}:]+)(?::(\w+))?)?\}")
_DEEPEST = 20
_LONGEST = 100_000
_BUILT_IN_SHARE = 0.9
_LINES = 1000


class Grok(NamedTuple):
    """A pattern that can match, and the columns that it makes."""

    pattern: str
    custom: str
    compiled: Any  # regex has no types
    columns: list[Column]


def compile_grok(pattern: str, custom: str = "") -> Grok:
    """Make a pattern ready; ClientError names an unknown or endless pattern, type, or what is wrong with the regex."""
    known = {**PATTERNS, **_parse_custom(custom)}
    expansion = _Expansion(known)
    text = expansion.expand(pattern)
    try:
        compiled = regex.compile(text)
    except (regex.error, RecursionError) as problem:
        raise ClientError(f"The grok pattern {pattern!r} is no regular expression: {problem}") from None
    return Grok(pattern, custom, compiled, expansion.columns)


def _parse_custom(text: str) -> dict[str, str]:
    """Patterns of one's own: a name and its regular expression on each line."""
    found = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            name, _, pattern = line.strip().partition(" ")
            if not pattern or not name.isidentifier():
                raise ClientError(f"The custom pattern {line!r} is not a name, a blank and a regular expression")
            found[name] = pattern.strip()
    return found


class _Expansion:
    """The text of a pattern with each `%{...}` replaced by its regular expression, and the fields that are in it."""

    def __init__(self, known: dict[str, str]) -> None:
        self.columns: list[Column] = []
        self._known = known
        self._spent = 0

    def expand(self, text: str, depth: int = 0) -> str:
        """The regular expression; what refers to itself, or to ever more patterns, is refused before it grows."""
        self._spent += len(text)
        if depth > _DEEPEST or self._spent > _LONGEST:
            raise ClientError(f"The grok pattern refers to itself, or is too large, at {text[:100]!r}")
        expanded = _REFERENCE.sub(lambda match: self._replace(match, depth), text)
        if "%{" in expanded:
            raise ClientError(f"{text!r}: what follows %{{ is not NAME, NAME:field or NAME:field:type")
        return expanded

    def _replace(self, match: re.Match[str], depth: int) -> str:
        name, field, kind = match.groups()
        if name not in self._known:
            raise ClientError(f"There is no grok pattern {name!r}")
        if kind is not None and kind not in _TYPES:
            raise ClientError(f"%{{{name}:{field}:{kind}}}: {kind!r} is none of {', '.join(sorted(_TYPES))}")
        if field is None:
            return f"(?:{self.expand(self._known[name], depth + 1)})"
        names = [column.name for column in self.columns]
        if field.lower() not in names:
            names.append(field.lower())
            self.columns.append(Column(field.lower(), HiveType(_TYPES[kind]) if kind else STRING))
        group = group_of(names.index(field.lower()))
        return f"(?P<{group}>{self.expand(self._known[name], depth + 1)})"


def group_of(position: int) -> str:
    """The name of the group that has the text of a column."""
    return f"column_{position}"


def match_share(grok: Grok, lines: Sequence[str]) -> float:
    """The share of the lines that the pattern matches as a whole; ClientError when one takes too long."""
    lines = [line for line in lines[:_LINES] if line]
    try:
        matched = sum(grok.compiled.fullmatch(line, timeout=MATCH_SECONDS) is not None for line in lines)
    except TimeoutError:
        raise ClientError(f"The grok pattern {grok.pattern!r} took longer than {MATCH_SECONDS} s for a line") from None
    return matched / len(lines) if lines else 0.0


def describe(grok: Grok, classification: str, records: int) -> Schema:
    """The schema of files whose lines the pattern matches."""
    serde = {"input.format": grok.pattern}
    if grok.custom:
        serde["input.grokCustomPatterns"] = grok.custom
    parameters = {"grokPattern": grok.pattern}
    return Schema(
        classification, grok.columns, parameters=parameters, serde=serde, library="GrokSerDe", records=records
    )


def infer_log(text: str) -> Schema | None:
    """The schema of a web server's log in Apache's combined or common format; None for other text."""
    lines = text.splitlines()
    for classification, pattern in (("combined_apache", "%{COMBINEDAPACHELOG}"), ("apache", "%{COMMONAPACHELOG}")):
        grok = compile_grok(pattern)
        if match_share(grok, lines[:1]) == 1.0 and match_share(grok, lines) >= _BUILT_IN_SHARE:
            return describe(grok, classification, len(lines))
    return None
