"""The words, names, strings and signs of a statement, with their places."""

from __future__ import annotations

import re
from typing import NamedTuple

from clary.sql.statements.errors import StatementError

_SPACE = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)*+", re.DOTALL)
_WORD = re.compile(r"[^\W\d][\w@$]*|\d[\w.]*")
_TRINO = re.compile(r"""(?P<string>'(?:[^']|'')*+')|(?P<name>"(?:[^"]|"")*+")""", re.DOTALL)
_HIVE = re.compile(
    r"""(?P<string>'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+")|(?P<name>`(?:[^`]|``)*+`)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[0-3][0-7]{2}|.)", re.DOTALL)
_ESCAPED = {"0": "\0", "n": "\n", "r": "\r", "b": "\b", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}


class Token(NamedTuple):
    """One token: `kind` is word, string, name (quoted), sign or end; `value` is what a string or name says."""

    kind: str
    text: str
    at: int
    value: str = ""

    @property
    def end(self) -> int:
        """The position behind it."""
        return self.at + len(self.text)


def tokenize(text: str, *, hive: bool) -> list[Token]:
    """All tokens and one of kind end; StatementError for what is none.

    Hive's statements quote names with backticks, strings with either quote, and escape by backslash; Trino's quote
    names with double quotes, and double a quote to escape it.
    """
    tokens, at, quoted = [], 0, _HIVE if hive else _TRINO
    while True:
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        if at == len(text):
            tokens.append(Token("end", "", at))
            return tokens
        if found := _WORD.match(text, at):
            token = Token("word", found.group(), at)
        elif found := quoted.match(text, at):
            kind = found.lastgroup or ""
            token = Token(kind, found.group(), at, _unquote(found.group(), kind, hive=hive))
        else:
            token = Token("sign", text[at], at)
            _check_sign(text, at, hive=hive)
        tokens.append(token)
        at = token.end


def _check_sign(text: str, at: int, *, hive: bool) -> None:
    if text.startswith("/*", at):
        raise StatementError(text, at, "the comment that begins here has no end")
    if text[at] in "'\"`":
        if text[at] == "`" and not hive:
            raise StatementError(
                text, at, "backquoted identifiers are not supported; use double quotes to quote identifiers"
            )
        raise StatementError(text, at, f"the {text[at]} that begins here has no end")


def _unquote(text: str, kind: str, *, hive: bool) -> str:
    inner = text[1:-1]
    if hive and kind == "string":
        return _ESCAPE.sub(_unescape, inner)
    return inner.replace(text[0] * 2, text[0])


def _unescape(match: re.Match[str]) -> str:
    # Hive's BaseSemanticAnalyzer.unescapeSQLString
    sign = match.group(1)
    if len(sign) == 5:
        return chr(int(sign[1:], 16))
    if len(sign) == 3:
        return chr(int(sign, 8))
    return _ESCAPED.get(sign, sign)
