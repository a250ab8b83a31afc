"""The words of a statement, one at a time."""

from __future__ import annotations

from clary.sql.errors import Place, SqlError
from clary.sql.tokens import RESERVED, Token, read_tokens


def _after_brackets(tokens: list[Token]) -> list[int]:
    """For each word the place of the first from there on that is no opening bracket."""
    found = list(range(len(tokens)))
    for at in range(len(tokens) - 2, -1, -1):
        if tokens[at].upper == "(":
            found[at] = found[at + 1]
    return found


class TokenReader:
    """Where a parser stands in a text, and what is wrong there."""

    def __init__(self, text: str, start: Place) -> None:
        self.tokens = read_tokens(text, start)
        self.at = 0
        self.inner = _after_brackets(self.tokens)
        self.stars = False
        self.parameters = 0

    @property
    def token(self) -> Token:
        """The next word."""
        return self.tokens[self.at]

    @property
    def previous(self) -> Token:
        """The word before."""
        return self.tokens[self.at - 1]

    def peek(self, ahead: int = 1) -> Token:
        """A later word."""
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def after_brackets(self) -> Token:
        """The first word from here on that is no opening bracket."""
        return self.tokens[self.inner[self.at]]

    def advance(self) -> Token:
        """The next word, which is then read."""
        token = self.token
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def take_word(self, *words: str) -> bool:
        """Read one of these bare words if it comes next."""
        if self.token.kind == "word" and self.token.upper in words:
            self.advance()
            return True
        return False

    def take_sign(self, sign: str) -> bool:
        """Read this sign if it comes next."""
        if self.token.kind == "sign" and self.token.text == sign:
            self.advance()
            return True
        return False

    def expect_word(self, word: str) -> None:
        """Read this word, or fail."""
        if not self.take_word(word):
            raise self.mismatch(f"'{word}'")

    def expect_sign(self, sign: str) -> None:
        """Read this sign, or fail."""
        if not self.take_sign(sign):
            raise self.mismatch(f"'{sign}'")

    def is_identifier(self) -> bool:
        """Whether a name comes next: quoted, or no reserved word."""
        return self.token.kind == "quoted" or (self.token.kind == "word" and self.token.upper not in RESERVED)

    def read_identifier(self) -> str:
        """A name, in lower case: Trino minds no case, quoted or not."""
        if not self.is_identifier():
            raise self.mismatch("<identifier>")
        return self.advance().text.lower()

    def mismatch(self, expected: str) -> SqlError:
        """The syntax error at the next word."""
        message = f"mismatched input '{self.token.raw}'. Expecting: {expected}"
        return SqlError("SYNTAX_ERROR", message, self.token.place)
