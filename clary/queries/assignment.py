"""How a column of a query becomes one of the table that INSERT INTO names, as Trino assigns it."""

from __future__ import annotations

from collections.abc import Callable

from clary.sql.casts import cast
from clary.sql.errors import START
from clary.sql.typed import Typed, coerce
from clary.sql.types import Type, common_type, turns_into
from clary.tables.duck_types import literal

_TEXTS = ("varchar", "char")
_ZONED = "timestamp with time zone"


def fits(have: Type, want: Type) -> bool:
    """Whether a value is taken: one that has a type in common is cast, but for text of a length within other types."""
    if turns_into(have, want):
        return True
    if _within(want, lambda one: one.name in _TEXTS and bool(one.sizes)) or _within(
        have, lambda one: one.name == _ZONED
    ):
        return False
    if have.name == _ZONED:
        return want.name in ("timestamp", "date")
    return common_type(have, want) is not None


def assign(sql: str, have: Type, want: Type) -> str:
    """DuckDB's text for the value as the other type; text loses nothing but blanks at its end."""
    if have.name == _ZONED:  # it comes as text: the local time, then the zone
        sql, have = f"CAST(regexp_extract({sql}, '^\\S+ \\S+') AS TIMESTAMP)", Type("timestamp", have.sizes)
    if turns_into(have, want):
        return coerce(Typed(sql, have), want) if have.children else sql
    if have.name in _TEXTS and want.name in _TEXTS:
        return _cut(sql, have, want)
    return cast(Typed(sql, have), want, START, safe=False).sql


def _cut(sql: str, have: Type, want: Type) -> str:
    told = f"Cannot truncate non-space characters when casting from {have} to {want} on INSERT"
    wrong = f"CAST(error({literal(f'INVALID_CAST_ARGUMENT: {told}')}) AS VARCHAR)"
    short = f"length(rtrim({sql}, ' ')) <= {want.sizes[0]}"
    return f"CASE WHEN {short} THEN left({sql}, {want.sizes[0]}) WHEN {sql} IS NOT NULL THEN {wrong} END"


def _within(kind: Type, test: Callable[[Type], bool]) -> bool:
    return any(test(child) or _within(child, test) for child in kind.children)
