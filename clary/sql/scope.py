"""What names mean at a place of a query: the fields of its relations, then those of the queries around it."""

from __future__ import annotations

from dataclasses import dataclass, field

from clary.sql.errors import Place, SqlError, refusal
from clary.sql.types import Type
from clary.tables.duck_types import quote


@dataclass(slots=True, eq=False)
class UsedTable:
    """One occurrence of a table: which of its columns are used and which conjuncts concern it alone."""

    alias: str
    name: tuple[str, str, str]
    columns: dict[str, None] = field(default_factory=dict)
    filters: list[str] = field(default_factory=list)
    bare: bool = False


@dataclass(slots=True, eq=False)
class Field:
    """A column that can be named.

    `sources` are the fields it is computed from, `origin` the one that it is as it stands, `table` where it
    lies itself.
    """

    name: str
    type: Type
    sql: str
    qualifier: tuple[str, ...] = ()
    sources: tuple[Field, ...] = ()
    table: UsedTable | None = None
    origin: Field | None = None
    hidden: bool = False

    def base(self) -> Field:
        """The column of a table that this is, through queries that hand it on; itself if it is computed."""
        return self.origin.base() if self.origin else self

    def text(self) -> str:
        """Its DuckDB text; bare while a filter for its table is written."""
        base = self.base()
        return quote(base.name) if base.table and base.table.bare else self.sql

    def mark_used(self) -> None:
        """Remember in the tables that this is needed."""
        if self.table:
            self.table.columns[self.name] = None
        for source in self.sources:
            source.mark_used()


@dataclass(slots=True, eq=False)
class Scope:
    """The fields of one FROM, and the scope around it."""

    fields: list[Field]
    parent: Scope | None = None

    def find(self, parts: list[str], place: Place) -> tuple[Field, list[str]] | None:
        """The field of a dotted name, with the parts that go into its rows; None where nothing here has it."""
        for length in range(len(parts), 0, -1):
            *before, name = parts[:length]
            found = [one for one in self.fields if one.name == name and _is_of(one.qualifier, before)]
            if len(found) > 1:
                message = f"Column '{'.'.join(parts[:length])}' is ambiguous"
                raise SqlError("AMBIGUOUS_NAME", message, place)
            if found:
                return found[0], parts[length:]
        return None

    def resolve(self, parts: list[str], place: Place) -> tuple[Field, list[str], bool]:
        """The field, the parts that go into its rows, and whether it is of this scope itself."""
        scope: Scope | None = self
        while scope:
            found = scope.find(parts, place)
            if found:
                return *found, scope is self
            scope = scope.parent
        raise not_found(parts, place)

    def of_relation(self, parts: list[str]) -> list[Field]:
        """The fields that `relation.*` stands for."""
        return [one for one in self.fields if not one.hidden and _is_of(one.qualifier, parts)]


def _is_of(qualifier: tuple[str, ...], prefix: list[str]) -> bool:
    return not prefix or (len(prefix) <= len(qualifier) and list(qualifier[-len(prefix) :]) == prefix)


def not_found(parts: list[str], place: Place) -> SqlError:
    """The failure for a name that nothing has."""
    if parts[-1] in ("$bucket", "$partition", "$file_size", "$file_modified_time"):
        return refusal(f'The column "{parts[-1]}"', place)
    name = ".".join(parts)
    message = f"Column '{name}' cannot be resolved or requester is not authorized to access requested resources"
    return SqlError("COLUMN_NOT_FOUND", message, place)
