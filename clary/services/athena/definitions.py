"""Statements that read or change the catalog alone: what each does, and the lines that it answers with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.services.athena import (
    define_databases,
    define_partitions,
    define_tables,
    describe,
    prepared_statements,
    show,
    views,
)
from clary.services.athena.session import Session, StatementFailed, not_done
from clary.sql.statements import tree

if TYPE_CHECKING:
    from clary.wire import Rooms

Definition = Callable[["Rooms", Session, Any], list[str]]


def _prepare(rooms: Rooms, session: Session, statement: tree.Prepare) -> list[str]:
    prepared_statements.create_statement(
        rooms, session.scope, session.workgroup, statement.name, statement.statement.text
    )
    return []


def _deallocate(rooms: Rooms, session: Session, statement: tree.Deallocate) -> list[str]:
    prepared_statements.delete_statement(rooms, session.scope, session.workgroup, statement.name)
    return []


def _of_partition(change: Definition) -> Definition:
    """What a statement does to a table, or to one of its partitions where it names one."""

    def run(rooms: Rooms, session: Session, statement: Any) -> list[str]:
        if statement.partition is None:
            return change(rooms, session, statement)
        return define_partitions.change_partition(rooms, session, statement, statement.partition)

    return run


DEFINITIONS: dict[type, Definition] = {
    tree.CreateDatabase: define_databases.create_database,
    tree.DropDatabase: define_databases.drop_database,
    tree.SetDatabaseProperties: define_databases.set_properties,
    tree.ShowDatabases: define_databases.show_databases,
    tree.CreateExternalTable: define_tables.create_table,
    tree.DropTable: define_tables.drop_table,
    tree.SetTableProperties: define_tables.set_properties,
    tree.SetLocation: _of_partition(define_tables.set_location),
    tree.AddColumns: _of_partition(define_tables.add_columns),
    tree.ReplaceColumns: _of_partition(define_tables.replace_columns),
    tree.ChangeColumn: define_tables.change_column,
    tree.AddPartitions: define_partitions.add_partitions,
    tree.DropPartitions: define_partitions.drop_partitions,
    tree.RenamePartition: define_partitions.rename_partition,
    tree.ShowPartitions: define_partitions.show_partitions,
    tree.RepairTable: define_partitions.repair_table,
    tree.DropView: views.drop_view,
    tree.ShowCreateView: views.show_create_view,
    tree.ShowTables: show.show_tables,
    tree.ShowViews: show.show_views,
    tree.ShowColumns: show.show_columns,
    tree.ShowTableProperties: show.show_properties,
    tree.ShowCreateTable: show.show_create_table,
    tree.Describe: describe.describe,
    tree.Prepare: _prepare,
    tree.Deallocate: _deallocate,
}


def define(rooms: Rooms, session: Session, statement: tree.Statement) -> list[str]:
    """Do what a statement says; StatementFailed with the reason where that can't be."""
    try:
        return DEFINITIONS[type(statement)](rooms, session, statement)
    except ServiceError as error:
        raise not_done(error.message) from None


__all__ = ["DEFINITIONS", "StatementFailed", "define"]
