"""Operands that must stand once in DuckDB's text: they vary from draw to draw, or copies of copies would fill memory.

A node's text may name an operand many times (BETWEEN, greatest, a cast with its failure), and DuckDB's macros copy
text too. Such an operand gets a mark while its parent is written; if the parent repeats the mark, the operand is
bound to a lambda's argument instead: list_transform([operand], lambda v: parent)[1] evaluates it once for each row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from clary.sql.errors import Place, SqlError, refusal
from clary.sql.typed import Typed
from clary.tables.duck_types import quote

_LARGE = 1000  # characters of text that may be repeated
_COPYING = 3  # calls of macros that copy, nested in what may be repeated
_LONGEST = 8_000_000  # characters of a translated expression
_NESTED = 8  # calls of macros that copy, each within the other's arguments
_VARYING = r"\b(?:random|uuid)\("
_ARGUMENT = "clary_once"
_NUMBERED = re.compile(rf"lambda {_ARGUMENT}(\d+):")
_BRACKETS = re.compile(r"'[^']*'|\"[^\"]*\"|\w*\(|\)")
_QUERY = re.compile(r"\b(?:SELECT|EXISTS) ")


@cache
def _copying() -> re.Pattern[str]:
    """Calls of macros that use an argument more than once, or within a lambda."""
    from clary.sql.prepare import macros

    texts = macros()
    found: set[str] = set()
    for name, (head, body) in texts.items():
        arguments = re.findall(r"\w+", head.partition("(")[2])
        if "lambda " in body or any(len(re.findall(rf"\b{one}\b", body)) > 1 for one in arguments):
            found.add(name)
    before = 0
    while len(found) > before:
        before = len(found)
        found |= {name for name, (_, body) in texts.items() if found & set(re.findall(r"\w+(?=\()", body))}
    return re.compile(rf"\b(?:{'|'.join(sorted(found))})\(")


def check_length(sql: str, place: Place) -> None:
    """Refuse a text that would fill memory."""
    if len(sql) > _LONGEST:
        message = f"The expression is too large: more than {_LONGEST} characters in DuckDB's SQL"
        raise SqlError("NOT_SUPPORTED", message, place)


def check_copies(sql: str, place: Place) -> None:
    """Refuse a whole query's text whose macros would copy one another's arguments beyond measure."""
    copying, open_ = _copying(), [0]
    for match in _BRACKETS.finditer(sql):
        found = match.group()
        if found.endswith("("):
            open_.append(open_[-1] + (copying.fullmatch(found) is not None))
            if open_[-1] > _NESTED:
                raise SqlError("NOT_SUPPORTED", "The query is too large: functions with lambdas nest too deeply", place)
        elif found == ")" and len(open_) > 1:
            open_.pop()


def varies_in(sql: str, external: Iterable[str]) -> bool:
    """Whether a text calls what gives another value each time; `external` are the names of the user's functions."""
    return re.search("|".join([_VARYING, *(re.escape(f"{quote(one)}(") for one in external)]), sql) is not None


@dataclass(slots=True)
class _Operand:
    sql: str
    varies: bool
    large: bool
    query: bool


@dataclass(slots=True)
class Operands:
    """The operands of one node, as far as it matters how often they stand in its text."""

    external: list[str]
    held: dict[str, _Operand] = field(default_factory=dict)

    def hold(self, value: Typed, mark: str) -> Typed:
        """The operand, or what marks its place until the parent's text is there."""
        sql = value.sql
        if value.constant is not None:
            return value
        varies = varies_in(sql, self.external)
        large = len(sql) > _LARGE or (sql.count("clary_") >= _COPYING and len(_copying().findall(sql)) >= _COPYING)
        query = _QUERY.search(sql) is not None
        if not varies and not large and not query:
            return value
        self.held[mark] = _Operand(sql, varies, large, query)
        return value._replace(sql=mark)

    def varying(self, sql: str) -> bool:
        """Whether an operand in this text varies from draw to draw."""
        return any(one.varies and mark in sql for mark, one in self.held.items())

    def placed(self, sql: str) -> str:
        """The text with its operands where their marks are."""
        for mark, one in self.held.items():
            sql = sql.replace(mark, one.sql)
        return sql

    def bound(self, sql: str, over_rows: str, place: Place) -> str:
        """The text with its operands, each evaluated once; `over_rows` names an aggregate or a window function."""
        repeated = [mark for mark, one in self.held.items() if self._repeats(sql, mark, one)]
        if over_rows and any(self.held[mark].varies and _copies(sql, mark) for mark in repeated):
            raise refusal(f"{over_rows} of a function whose value varies, like random(),", place)
        if not repeated or over_rows:
            return self.placed(sql)
        # A lambda takes no query in its text: those are bound too.
        chosen = [mark for mark, one in self.held.items() if mark in sql and (mark in repeated or one.query)]
        found = self._lambda_of(sql, chosen)
        if found is None and any(self.held[mark].varies for mark in repeated):
            raise refusal("A function whose value varies, like random(), beside a query", place)
        return found or self.placed(sql)

    def _lambda_of(self, sql: str, chosen: list[str]) -> str | None:
        """The text over the chosen operands as a lambda's argument; None where a query stands in it."""
        name = f"{_ARGUMENT}{1 + max(map(int, _NUMBERED.findall(self.placed(sql))), default=0)}"
        operand = self.held[chosen[0]].sql
        if len(chosen) == 1:
            sql = sql.replace(chosen[0], name)
        else:
            for at, mark in enumerate(chosen):
                sql = sql.replace(mark, f"struct_extract({name}, 'x{at}')")
            operand = f"struct_pack({', '.join(f'x{at} := {self.held[mark].sql}' for at, mark in enumerate(chosen))})"
        body = self.placed(sql)
        return None if _QUERY.search(body) else f"list_transform([{operand}], lambda {name}: {body})[1]"

    @staticmethod
    def _repeats(sql: str, mark: str, one: _Operand) -> bool:
        if not one.varies and not one.large:
            return False
        return _copies(sql, mark) or (one.varies and mark in sql and ("lambda " in sql or "TRY(" in sql))


def _copies(sql: str, mark: str) -> bool:
    """Whether a text has the mark more than once, or a macro of it may."""
    count = sql.count(mark)
    return count > 1 or (count == 1 and _copying().search(sql) is not None)
