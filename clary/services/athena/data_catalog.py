"""Data catalogs: create, get, list, update, delete."""

from __future__ import annotations

from typing import Any

from clary.jobs.host import Scope
from clary.names import parse_arn
from clary.services.athena import catalogs
from clary.services.athena.errors import InvalidRequestException, page_of
from clary.services.athena.tags import merge_tags
from clary.store.records import Query, Record, RecordExists
from clary.wire import Call, operation

_FEDERATED = {"connection-arn", "connection-type", "connection-properties"}


@operation
def create_data_catalog(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give a name to the account's Glue catalog, or to a PostgreSQL, MySQL or SQLite database."""
    name, scope = request["Name"], Scope(call.account, call.region)
    body = {
        "Name": name,
        "Type": request["Type"],
        "Description": request.get("Description") or None,
        "Parameters": _check(call, request["Type"], request.get("Parameters") or {}),
        "Tags": merge_tags([], request.get("Tags") or []),
    }
    if request["Type"] == "FEDERATED":
        body |= {"Status": "CREATE_COMPLETE", "ConnectionType": body["Parameters"].get("connection-type")}
    taken = InvalidRequestException(f"DataCatalog {name} has already been created")
    if name.lower() == catalogs.DEFAULT.lower():
        raise taken
    try:
        call.rooms.records.create(catalogs.key_of(scope, name), body)
    except RecordExists:
        raise taken from None
    return {"DataCatalog": _shown(body)}


@operation
def get_data_catalog(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One catalog."""
    found = catalogs.find_catalog(call.rooms, Scope(call.account, call.region), request["Name"])
    if found is None:
        raise _not_found(request["Name"])
    return {"DataCatalog": _shown(found)}


@operation
def list_data_catalogs(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the catalogs by name, the account's own first."""
    page = page_of(call, catalogs.KIND, request, Query(order_by="name", descending=False))
    found = [record.body for record in page.records]
    if not request.get("NextToken"):
        found.insert(0, catalogs.default_catalog(Scope(call.account, call.region)))
    return {
        "DataCatalogsSummary": [{**_shown(body), "CatalogName": body["Name"]} for body in found],
        "NextToken": page.next_token or None,
    }


@operation
def update_data_catalog(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change what a catalog stands for."""
    scope = Scope(call.account, call.region)
    parameters = _check(call, request["Type"], request.get("Parameters") or {})

    def change(record: Record) -> None:
        if record.body["Type"] != request["Type"]:
            raise InvalidRequestException(f"DataCatalog {request['Name']} is of type {record.body['Type']}.")
        record.body["Parameters"] = parameters
        record.body["Description"] = request.get("Description") or record.body["Description"]

    if call.rooms.records.change(catalogs.key_of(scope, request["Name"]), change) is None:
        raise _not_found(request["Name"])
    return {}


@operation
def delete_data_catalog(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a catalog; the database that it stands for stays."""
    if request["Name"].lower() == catalogs.DEFAULT.lower():
        raise InvalidRequestException("The default catalog AwsDataCatalog cannot be deleted.")
    gone = call.rooms.records.delete(catalogs.key_of(Scope(call.account, call.region), request["Name"]))
    if gone is None:
        raise _not_found(request["Name"])
    return {"DataCatalog": _shown(gone.body)}


def _check(call: Call, kind: str, parameters: dict[str, str]) -> dict[str, str]:
    if kind in ("LAMBDA", "HIVE"):
        raise InvalidRequestException(f"Data catalogs of type {kind} are not supported by Clary.", "NOT_SUPPORTED")
    known = {"catalog-id"} if kind == "GLUE" else _FEDERATED
    if unknown := sorted(parameters.keys() - known):
        raise InvalidRequestException(f"Unknown parameter for a catalog of type {kind}: {unknown[0]}")
    if kind == "GLUE":
        if parameters.get("catalog-id") != call.account:
            raise InvalidRequestException(
                f"catalog-id must be {call.account}: there is no other account's Glue catalog."
            )
        return parameters
    if "connection-arn" in parameters:
        if len(parameters) > 1:
            raise InvalidRequestException("Use connection-arn, or connection-type and connection-properties, not both.")
        arn = parse_arn(parameters["connection-arn"])
        if arn is None or arn.service != "glue" or not arn.resource.startswith("connection/"):
            raise InvalidRequestException("connection-arn is not the ARN of a Glue connection.")
    elif len(parameters) < 2:
        raise InvalidRequestException(
            "A FEDERATED catalog needs connection-arn, or connection-type and connection-properties."
        )
    else:
        catalogs.connect(parameters["connection-type"], parameters["connection-properties"])
    return parameters


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "Parameters": catalogs.shown_parameters(body["Parameters"])}


def _not_found(name: str) -> InvalidRequestException:
    return InvalidRequestException(f"DataCatalog {name} was not found")
