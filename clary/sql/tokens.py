"""The words of a statement, with the place of each."""

from __future__ import annotations

import re
from typing import NamedTuple

from clary.sql.errors import Place, SqlError, refusal

_PATTERN = re.compile(
    r"""(?P<space>\s+|--[^\r\n]*|/\*.*?\*/)
      | (?P<string>'(?:[^']|'')*')
      | (?P<unicode>[Uu]&'(?:[^']|'')*')
      | (?P<binary>[Xx]'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")+")
      | (?P<backquoted>`(?:[^`]|``)*`)
      | (?P<double>(?:\d+(?:\.\d*)?|\.\d+)[eE][+-]?\d+)(?![A-Za-z_])
      | (?P<decimal>\d+\.\d*|\.\d+)(?![A-Za-z_])
      | (?P<integer>\d+)(?![A-Za-z_\d])
      | (?P<digits>\d+[A-Za-z_][A-Za-z0-9_]*)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign><>|!=|<=|>=|\|\||->|=>|[-+*/%<>=()\[\],.;?])
    """,
    re.VERBOSE | re.DOTALL,
)

# Words that name nothing unless they are quoted. Source: Trino's documentation, "Reserved keywords".
RESERVED = frozenset(
    """ALTER AND AS BETWEEN BY CASE CAST CONSTRAINT CREATE CROSS CUBE CURRENT_CATALOG CURRENT_DATE CURRENT_PATH
    CURRENT_ROLE CURRENT_SCHEMA CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DEALLOCATE DELETE DESCRIBE DISTINCT DROP
    ELSE END ESCAPE EXCEPT EXECUTE EXISTS EXTRACT FALSE FOR FROM FULL GROUP GROUPING HAVING IN INNER INSERT INTERSECT
    INTO IS JOIN JSON_ARRAY JSON_EXISTS JSON_OBJECT JSON_QUERY JSON_TABLE JSON_VALUE LEFT LIKE LISTAGG LOCALTIME
    LOCALTIMESTAMP NATURAL NORMALIZE NOT NULL ON OR ORDER OUTER PREPARE RECURSIVE RIGHT ROLLUP SELECT SKIP TABLE THEN
    TRIM TRUE UESCAPE UNION UNNEST USING VALUES WHEN WHERE WITH""".split()
)


class Token(NamedTuple):
    """One word. `text` is the value of strings and quoted names; `upper` is a bare word or a sign, else empty."""

    kind: str
    text: str
    upper: str
    place: Place
    raw: str


def read_tokens(text: str, start: Place) -> list[Token]:
    """All words of a text whose first character stands at `start`; the last is the end of the text."""
    tokens = []
    line, line_start = start.line, 1 - start.column
    at = 0
    while at < len(text):
        match = _PATTERN.match(text, at)
        place = Place(line, at - line_start + 1)
        if match is None:
            raise SqlError("SYNTAX_ERROR", _unreadable(text[at:]), place)
        kind, raw = str(match.lastgroup), match.group()
        if kind == "digits":
            message = "identifiers must not start with a digit; surround the identifier with double quotes"
            raise SqlError("SYNTAX_ERROR", message, place)
        if kind == "backquoted":
            message = "backquoted identifiers are not supported; use double quotes to quote identifiers"
            raise SqlError("SYNTAX_ERROR", message, place)
        if kind != "space":
            token = _token(kind, raw, place)
            if "\0" in token.text:
                raise refusal("The character NUL in a string or a name", place)
            tokens.append(token)
        if "\n" in raw:
            line += raw.count("\n")
            line_start = at + raw.rindex("\n") + 1
        at = match.end()
    tokens.append(Token("end", "<EOF>", "", Place(line, at - line_start + 1), "<EOF>"))
    return tokens


def _unreadable(rest: str) -> str:
    if rest[0] == "'":
        return "a string has no closing quote"
    return f"mismatched input '{rest[0]}'. Expecting: <expression>"


def _token(kind: str, raw: str, place: Place) -> Token:
    if kind == "string":
        return Token(kind, raw[1:-1].replace("''", "'"), "", place, raw)
    if kind == "unicode":
        return Token("string", _unescape(raw[3:-1].replace("''", "'"), place), "", place, raw)
    if kind == "binary":
        return Token(kind, re.sub(r"\s", "", raw[2:-1]), "", place, raw)
    if kind == "quoted":
        return Token(kind, raw[1:-1].replace('""', '"'), "", place, raw)
    return Token(kind, raw, raw.upper() if kind in ("word", "sign") else "", place, raw)


def _unescape(text: str, place: Place) -> str:
    def replace(match: re.Match[str]) -> str:
        if match.group() == r"\\":
            return "\\"
        digits = match.group(1) or match.group(2)
        if digits is None:
            raise SqlError("SYNTAX_ERROR", f"Invalid escape sequence: {match.group()}", place)
        return chr(int(digits, 16))

    return re.sub(r"\\(?:\\|\+([0-9A-Fa-f]{6})|([0-9A-Fa-f]{4})|.?)", replace, text)
