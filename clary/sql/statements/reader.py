"""Reads a statement token by token: words, names, lists, properties, and the texts of queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from clary.sql.statements.errors import StatementError
from clary.sql.statements.tokens import Token, tokenize
from clary.sql.statements.tree import Name, Query, Value

_MOST_PARTS = 3
_CLOSING = {"(": ")", "<": ">"}

Item = TypeVar("Item")


class Reader:
    """Where the reading of one statement stands."""

    def __init__(self, text: str, *, hive: bool) -> None:
        self.text = text
        self.tokens = tokenize(text, hive=hive)
        self.at = 0

    @property
    def next(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.at]

    def problem(self, *expected: str, token: Token | None = None) -> StatementError:
        """What is said of a token (the next one) that is wrong, naming what would be right in its place."""
        token = token or self.next
        shown = token.text or "<EOF>"
        listed = f". Expecting: {', '.join(expected)}" if expected else ""
        return StatementError(self.text, token.at, f"mismatched input '{shown}'{listed}")

    def take(self) -> Token:
        """The next token, which is not the end."""
        token = self.next
        if token.kind == "end":
            raise self.problem()
        self.at += 1
        return token

    def sees(self, *words: str) -> bool:
        """Whether these words or signs come next."""
        following = self.tokens[self.at : self.at + len(words)]
        return len(following) == len(words) and all(
            token.kind in ("word", "sign") and token.text.upper() == word
            for token, word in zip(following, words, strict=True)
        )

    def accept(self, *words: str) -> bool:
        """Take these words if they come next."""
        if not self.sees(*words):
            return False
        self.at += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Take these words, which must come next."""
        for word in words:
            if not self.accept(word):
                raise self.problem(f"'{word}'")

    def choose(self, *words: str) -> str:
        """Take one of these words, which must come next."""
        for word in words:
            if self.accept(word):
                return word
        raise self.problem(*(f"'{word}'" for word in words))

    def end(self) -> None:
        """Refuse what follows the statement."""
        if self.next.kind != "end":
            raise self.problem("<EOF>")

    def identifier(self) -> str:
        """One name, lower case."""
        token = self.next
        if token.kind not in ("word", "name") or (token.kind == "word" and token.text[0].isdigit()):
            raise self.problem("<identifier>")
        self.at += 1
        return (token.value if token.kind == "name" else token.text).lower()

    def name(self) -> Name:
        """A name of up to three parts."""
        first = self.next
        parts = [self.identifier()]
        while self.accept("."):
            parts.append(self.identifier())
        if len(parts) > _MOST_PARTS:
            raise StatementError(self.text, first.at, f"Invalid table name {'.'.join(parts)}")
        return Name(*reversed(parts))

    def string(self) -> str:
        """The value of a string."""
        token = self.next
        if token.kind != "string":
            raise self.problem("<string>")
        self.at += 1
        return token.value

    def number(self) -> int:
        """A whole number."""
        token = self.next
        if token.kind != "word" or not token.text.isdecimal():
            raise self.problem("<integer>")
        self.at += 1
        return int(token.text)

    def listed(self, read: Callable[[], Item]) -> tuple[Item, ...]:
        """Items in parentheses, with commas between."""
        self.expect("(")
        found = [read()]
        while self.accept(","):
            found.append(read())
        self.expect(")")
        return tuple(found)

    def strings(self) -> dict[str, str]:
        """Hive's properties: ('a'='1', "b"="2"); the same name twice takes the last value."""

        def pair() -> tuple[str, str]:
            name = self.string()
            self.expect("=")
            return name, self.string()

        return dict(self.listed(pair))

    def properties(self) -> dict[str, Value]:
        """Trino's properties: (a = 'x', b = ARRAY['y'], c = 3), by lower-case name."""

        def pair() -> tuple[str, Value]:
            name = self.identifier()
            self.expect("=")
            return name, self._value()

        first, found = self.next, self.listed(pair)
        names = [name for name, _ in found]
        for name in names:
            if names.count(name) > 1:
                raise StatementError(self.text, first.at, f"Duplicate property: {name}")
        return dict(found)

    def _value(self) -> Value:
        if self.next.kind == "string":
            return self.string()
        if self.accept("ARRAY"):
            self.expect("[")
            found = [] if self.sees("]") else [self.string()]
            while self.accept(","):
                found.append(self.string())
            self.expect("]")
            return tuple(found)
        if self.sees("TRUE") or self.sees("FALSE"):
            return self.take().text.upper() == "TRUE"
        negative = self.accept("-")
        token = self.next
        if token.kind != "word" or not token.text[0].isdigit():
            raise self.problem("<string>", "<number>", "'ARRAY'", "'TRUE'", "'FALSE'")
        self.at += 1
        number = float(token.text) if "." in token.text else int(token.text)
        return -number if negative else number

    def type_text(self) -> str:
        """The text of a column's type, without what stands around it."""
        start, open_signs = self.next, []
        if start.kind != "word":
            raise self.problem("<type>")
        while (token := self.next).kind != "end":
            if token.text in _CLOSING:
                open_signs.append(_CLOSING[token.text])
            elif open_signs and token.text == open_signs[-1]:
                open_signs.pop()
            elif token.text in _CLOSING.values() or (not open_signs and self._ends_type(token, start)):
                break
            self.at += 1
        if open_signs:
            raise self.problem(*(f"'{sign}'" for sign in open_signs[-1:]))
        return self.text[start.at : self.tokens[self.at - 1].end]

    def _ends_type(self, token: Token, start: Token) -> bool:
        # A type is one word, but for "double precision".
        if token.kind != "word":
            return True
        return token is not start and not (start.text.upper() == "DOUBLE" and token.text.upper() == "PRECISION")

    def text_until(self, *words: str) -> str:
        """The text up to one of these words or signs outside of brackets, or to the end; not empty."""
        start, depth, first = self.next, 0, self.at
        while (token := self.next).kind != "end" and (depth or not any(map(self.sees, words))):
            if token.kind == "sign":
                depth += (token.text in "([") - (token.text in ")]")
            self.at += 1
        if self.at == first:
            raise self.problem("<expression>")
        self.check_brackets(first, self.at)
        return self.text[start.at : self.tokens[self.at - 1].end]

    def query(self, stop: int | None = None) -> Query:
        """The query that begins here and reaches to a token (its number), or to the end; its brackets are closed."""
        stop = len(self.tokens) - 1 if stop is None else stop
        start = self.next
        if stop - self.at < 2:  # no query has one word
            raise self.problem("<query>", token=self.tokens[stop])
        self.check_brackets(self.at, stop)
        self.at = stop
        return Query(self.text[start.at : self.tokens[stop - 1].end], start.at)

    def check_brackets(self, first: int, stop: int) -> None:
        """Refuse brackets that don't fit in the tokens of a query."""
        opened: list[Token] = []
        for token in self.tokens[first:stop]:
            if token.kind != "sign":
                continue
            if token.text in "([":
                opened.append(token)
            elif token.text in ")]":
                if not opened or "([".index(opened[-1].text) != ")]".index(token.text):
                    raise self.problem(token=token)
                opened.pop()
        if opened:
            raise self.problem("')'" if opened[-1].text == "(" else "']'", token=self.tokens[stop])

    def bracketed(self) -> Query:
        """A query in parentheses, without them."""
        self.expect("(")
        depth, number = 1, self.at
        while depth and self.tokens[number].kind != "end":
            token = self.tokens[number]
            if token.kind == "sign":
                depth += (token.text == "(") - (token.text == ")")
            number += 1
        if depth:
            raise self.problem("')'", token=self.tokens[-1])
        found = self.query(number - 1)
        self.expect(")")
        return found
