"""The schema that records are converted by: the columns of a Glue table, and whether it can ever be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.delivery.columns import SchemaProblem, check_columns
from clary.delivery.host import Column
from clary.errors import ServiceError
from clary.jobs.host import Scope
from clary.services.firehose.errors import InvalidArgumentException
from clary.services.glue import inside as catalog

if TYPE_CHECKING:
    from clary.delivery.plan import Conversion
    from clary.wire import Rooms

_NO_TABLE = (
    "The specified table/database could not be found. Please ensure that the table/database exists and that the values "
    "provided in the schema configuration are correct, especially with regards to casing."
)
_NO_VERSION = "Could not find a matching schema from glue. Please make sure the specified version of the table exists."


def columns_of(rooms: Rooms, conversion: Conversion) -> list[Column]:
    """The columns of a table's version; SchemaProblem with the code that Firehose's logs have for it."""
    scope = Scope(conversion.catalog, conversion.region)
    named = conversion.database, conversion.table
    place = f"Catalog {conversion.catalog}, region {conversion.region}"
    try:
        catalog.get_table(rooms, scope, *named)
    except ServiceError as problem:
        raise SchemaProblem("EntityNotFound", f"{_NO_TABLE} {place}: {problem.message}") from None
    try:
        table = catalog.get_table_version(rooms, scope, *named, conversion.table_version)
    except ServiceError as problem:
        told = f"{_NO_VERSION} Table {conversion.table}, VersionId {conversion.table_version}: {problem.message}"
        raise SchemaProblem("InvalidVersionId", told) from None
    rows = (table.get("StorageDescriptor") or {}).get("Columns")
    if not rows:
        raise SchemaProblem("InvalidSchema", "The schema is invalid. The specified table has no columns.")
    return [Column(row["Name"], row.get("Type") or "string") for row in rows]


def check_schema(rooms: Rooms, conversion: Conversion) -> None:
    """Refuse a conversion that could never be done."""
    try:
        columns = columns_of(rooms, conversion)
        check_columns(columns)
    except SchemaProblem as problem:
        raise InvalidArgumentException(problem.message) from None
    names = [column.name for column in columns]
    for name in conversion.options.get("BloomFilterColumns") or ():
        if name not in names:
            raise InvalidArgumentException(f"BloomFilterColumns names {name}, which is not a column of the table.")
    taken: dict[str, str] = {}
    for name in names:
        key = conversion.keys.get(name, name)
        if taken.setdefault(key.lower() if conversion.case_insensitive else key, name) != name:
            raise InvalidArgumentException(
                f"ColumnToJsonKeyMappings gives two columns the JSON key {key}, {name} is one: not in Clary."
            )
