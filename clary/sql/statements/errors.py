"""What is wrong with a statement, and where."""

from __future__ import annotations

from clary.errors import ClientError


class StatementError(ClientError):
    """A statement that cannot be read; its message begins `line 3:8: `, both counted from 1."""

    def __init__(self, text: str, at: int, reason: str) -> None:
        self.line, self.column = place_of(text, at)
        super().__init__(f"line {self.line}:{self.column}: {reason}")


class SeveralStatements(ClientError):
    """More than one statement in one text."""

    def __init__(self, text: str) -> None:
        super().__init__(f"Only one sql statement is allowed. Got: {text}")


class UnsupportedStatement(ClientError):
    """A statement that AWS or Clary doesn't do; the message names it."""


def place_of(text: str, at: int) -> tuple[int, int]:
    """The line and the column of a position, both counted from 1."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
