"""Databases and tables of a catalog, as Athena shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from clary.errors import ServiceError
from clary.jobs.host import Scope
from clary.services.athena import catalogs
from clary.services.athena.errors import InvalidRequestException, MetadataException, malformed
from clary.services.glue import inside as glue
from clary.store.pages import BadToken, seal, unseal
from clary.wire import Call, operation

_PAGE = 50


@operation
def list_databases(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a catalog's databases."""
    scope = _scope(call, request)
    with _words_of_glue():
        rows, token = _page(call, request, map(_database, glue.get_databases(call.rooms, scope)))
    if request.get("AttributesToGet"):
        rows = [{"Name": row["Name"]} for row in rows]
    return {"DatabaseList": rows, "NextToken": token}


@operation
def get_database(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One database."""
    scope = _scope(call, request)
    with _words_of_glue():
        return {"Database": _database(glue.get_database(call.rooms, scope, request["DatabaseName"]))}


@operation
def list_table_metadata(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a database's tables whose names an expression matches."""
    scope, wanted = _scope(call, request), request.get("AttributesToGet")
    if wanted is not None and "NAME" not in wanted:
        raise InvalidRequestException("AttributesToGet must include NAME.")
    shown = {"Name", "TableType"} if wanted and "TABLE_TYPE" in wanted else {"Name"}
    with _words_of_glue():
        found = glue.get_tables(call.rooms, scope, request["DatabaseName"], request.get("Expression") or "")
        rows, token = _page(call, request, map(_table, found))
    if wanted:
        rows = [{name: row[name] for name in shown} for row in rows]
    return {"TableMetadataList": rows, "NextToken": token}


@operation
def get_table_metadata(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One table."""
    scope = _scope(call, request)
    with _words_of_glue():
        table = glue.get_table(call.rooms, scope, request["DatabaseName"], request["TableName"])
    return {"TableMetadata": _table(table)}


def _scope(call: Call, request: dict[str, Any]) -> Scope:
    scope, name = Scope(call.account, call.region), request["CatalogName"]
    found = catalogs.find_catalog(call.rooms, scope, name)
    if found is None:
        raise InvalidRequestException(f"Catalog {name} was not found", "DATACATALOG_NOT_FOUND")
    if found["Type"] != "GLUE":
        raise InvalidRequestException(
            f"The metadata of catalog {name} is not supported by Clary, which can query its tables.", "NOT_SUPPORTED"
        )
    return scope


def _page(
    call: Call, request: dict[str, Any], rows: Iterable[dict[str, Any]]
) -> tuple[list[dict[str, Any]], str | None]:
    asked = {name: value for name, value in request.items() if name not in ("NextToken", "MaxResults")}
    binding = call.operation, call.account, call.region, asked
    token, after = request.get("NextToken"), ""
    if token:
        try:
            after = str(unseal(token, *binding)[0])
        except BadToken:
            raise malformed(token) from None
    most = request.get("MaxResults") or _PAGE
    found = list(islice((row for row in rows if row["Name"] > after), most + 1))
    more = seal([found[most - 1]["Name"]], *binding) if len(found) > most else None
    return found[:most], more


@contextmanager
def _words_of_glue() -> Iterator[None]:
    try:
        yield
    except ServiceError as error:
        raise MetadataException(error.message) from None


def _database(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": body["Name"],
        "Description": body.get("Description") or None,
        "Parameters": body.get("Parameters") or None,
    }


def _table(body: dict[str, Any]) -> dict[str, Any]:
    descriptor = body.get("StorageDescriptor") or {}
    serde = descriptor.get("SerdeInfo") or {}
    parameters = {
        **(body.get("Parameters") or {}),
        "location": descriptor.get("Location", ""),
        "inputformat": descriptor.get("InputFormat", ""),
        "outputformat": descriptor.get("OutputFormat", ""),
        "serde.serialization.lib": serde.get("SerializationLibrary", ""),
        **{f"serde.param.{name}": value for name, value in (serde.get("Parameters") or {}).items()},
    }
    return {
        "Name": body["Name"],
        "CreateTime": body["CreateTime"],
        "LastAccessTime": body.get("LastAccessTime", 0.0),
        "TableType": body.get("TableType", ""),
        "Columns": descriptor.get("Columns") or [],
        "PartitionKeys": body.get("PartitionKeys") or [],
        "Parameters": parameters,
    }
