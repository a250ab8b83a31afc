"""What is wrong with a statement, worded as Athena words it: kind, line and column of the user's text, sentence."""

from __future__ import annotations

from typing import NamedTuple

from clary.errors import ClientError


class Place(NamedTuple):
    """Where in the user's statement: lines and columns count from 1."""

    line: int
    column: int


START = Place(1, 1)


class SqlError(ClientError):
    """A statement that can't run. `code` is Trino's name of the failure; `place` is None for a failure at run time."""

    def __init__(self, code: str, message: str, place: Place | None = None) -> None:
        where = f"line {place.line}:{place.column}: " if place else ""
        super().__init__(f"{code}: {where}{message}")
        self.code = code
        self.place = place


def refusal(what: str, place: Place | None) -> SqlError:
    """The answer to what Trino can do and Clary can't."""
    return SqlError("NOT_SUPPORTED", f"{what} is not supported by Clary", place)
