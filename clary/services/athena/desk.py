"""What queries ask of Athena: tables of a catalog, their partitions, how to reach another database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from clary.jobs.host import Scope
from clary.services.athena import catalogs
from clary.services.athena.session import find_database, find_table
from clary.services.glue import inside as glue

if TYPE_CHECKING:
    from clary.wire import Rooms

_Pair = tuple[str, str]  # account, region


def table(rooms: Rooms, scope: _Pair, catalog: str, database: str, name: str) -> dict[str, Any] | None:
    """A table or view of the account's Glue catalog, under whichever name of the catalog; None where there is none."""
    if not catalogs.is_glue(rooms, Scope(*scope), catalog):
        return None
    return find_table(rooms, Scope(*scope), database, name)


def databases(rooms: Rooms, scope: _Pair, catalog: str) -> list[str] | None:
    """The names of the databases of the account's Glue catalog; None for another catalog."""
    if not catalogs.is_glue(rooms, Scope(*scope), catalog):
        return None
    return [database["Name"] for database in glue.get_databases(rooms, Scope(*scope))]


def tables(rooms: Rooms, scope: _Pair, database: str) -> Iterator[dict[str, Any]]:
    """The tables and views of a database; none where there is no such database."""
    if find_database(rooms, Scope(*scope), database) is None:
        return iter(())
    return glue.get_tables(rooms, Scope(*scope), database)


def partitions(rooms: Rooms, scope: _Pair, database: str, name: str) -> Iterator[dict[str, Any]]:
    """The partitions of a table."""
    return glue.get_partitions(rooms, Scope(*scope), database, name)


def federated(rooms: Rooms, scope: _Pair, catalog: str) -> dict[str, str] | None:
    """The kind and URL of a federated catalog; None for another one."""
    return catalogs.federated(rooms, Scope(*scope), catalog)
