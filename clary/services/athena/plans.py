"""What StartQueryExecution is asked for, checked and completed: the record of the execution to come."""

from __future__ import annotations

from typing import Any, NamedTuple

from clary.errors import ClientError
from clary.jobs.host import Scope
from clary.services.athena import catalogs, prepared_statements, session, workgroups
from clary.services.athena.define_tables import VIEW, check_statement
from clary.services.athena.errors import InvalidRequestException, ResourceNotFoundException, refuse
from clary.services.athena.kinds import KINDS, VIEW_DESCRIBED, Kind
from clary.services.athena.parameters import bind
from clary.services.athena.result_location import check_result_configuration, split_location
from clary.services.athena.syntax import check_syntax
from clary.services.s3 import inside as objects
from clary.sql.statements import parse, tree
from clary.wire import Call

_NO_LOCATION = (
    "No output location provided. An output location is required either through the Workgroup result configuration "
    "setting or as an API input."
)
_DEFAULT_DATABASE = "default"
_REUSE_MINUTES = 60
_READING = (tree.Query, tree.Unload, tree.Prepare, tree.Deallocate)
_COLUMNS = (tree.CreateExternalTable, tree.AddColumns, tree.ReplaceColumns, tree.ChangeColumn)


class Said(NamedTuple):
    """A statement as it is to be run: its text, what it says, and the values of its question marks."""

    text: str
    statement: tree.Statement
    parameters: list[str]


def plan(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The record of an execution, but for its id and what becomes of it."""
    scope = Scope(call.account, call.region)
    workgroup = workgroups.require_workgroup(call.rooms, scope, request.get("WorkGroup", workgroups.PRIMARY)).body
    if workgroup["State"] == "DISABLED":
        raise InvalidRequestException(f"WorkGroup {workgroup['Name']} is disabled.")
    refuse(request, "EngineConfiguration")
    results = result_configuration(call, request, workgroup["Configuration"])
    text = request["QueryString"].strip().rstrip(";").rstrip()
    said = read(call, scope, workgroup["Name"], text, request.get("ExecutionParameters") or [])
    context = request.get("QueryExecutionContext") or {}
    _check_context(call, scope, context, said.statement)
    kind = kind_of(call, scope, request, said.statement)
    return {
        "Query": text,
        "Text": said.text,
        "Values": said.parameters,
        "StatementType": kind.type,
        "SubstatementType": kind.name,
        "ResultConfiguration": results,
        "ResultReuseConfiguration": _reuse(request),
        "QueryExecutionContext": {
            **({"Database": context["Database"]} if context.get("Database") else {}),
            **({"Catalog": context["Catalog"].lower()} if context.get("Catalog") else {}),
        },
        "WorkGroup": workgroup["Name"],
        "EngineVersion": workgroup["Configuration"]["EngineVersion"],
        "ExecutionParameters": request.get("ExecutionParameters"),
        "Statistics": {},
        "Settings": {
            name: workgroup["Configuration"].get(name)
            for name in (
                "BytesScannedCutoffPerQuery",
                "PublishCloudWatchMetricsEnabled",
                "EnforceWorkGroupConfiguration",
            )
        },
    }


def session_of(scope: Scope, body: dict[str, Any]) -> session.Session:
    """What the statement of a record is run with."""
    database = _database(body["QueryExecutionContext"])
    return session.Session(scope, database, body["WorkGroup"], body["QueryExecutionId"])


def _database(context: dict[str, Any]) -> str:
    """The database of a context; clients write quotes around it."""
    return str(context.get("Database", _DEFAULT_DATABASE)).strip('`"').lower()


def read(call: Call, scope: Scope, workgroup: str, text: str, values: list[str]) -> Said:
    """A statement's text and values, EXECUTE replaced by what it executes; refused in AWS's words where it is wrong."""
    try:
        statement = parse(text)
        if isinstance(statement, tree.Execute):
            kept = prepared_statements.require_statement(call.rooms, scope, workgroup, statement.name)
            text, values = kept.body["QueryStatement"], [*statement.arguments, *bind(values)]
            statement = parse(text)
        else:
            values = bind(values)
        if isinstance(statement, _COLUMNS):
            check_statement(text, statement)
        check_syntax(text, statement)
    except ResourceNotFoundException as problem:
        raise InvalidRequestException(problem.message) from None
    except ClientError as problem:
        raise InvalidRequestException(str(problem), "MALFORMED_QUERY") from None
    if type(statement) not in KINDS:
        raise InvalidRequestException(
            f"NOT_SUPPORTED: {type(statement).__name__.upper()} is not supported by Clary.", "NOT_SUPPORTED"
        )
    return Said(text, statement, values)


def _check_context(call: Call, scope: Scope, context: dict[str, Any], statement: tree.Statement) -> None:
    """Refuse to define or write in a catalog that can only be read; one that isn't there stands for AwsDataCatalog."""
    found = catalogs.find_catalog(call.rooms, scope, context.get("Catalog") or catalogs.DEFAULT)
    if found and found["Type"] != "GLUE" and not isinstance(statement, _READING):
        raise InvalidRequestException(
            f"{KINDS[type(statement)].name} is not supported by Clary in catalog {found['Name']}, which is read only.",
            "NOT_SUPPORTED",
        )


def kind_of(call: Call, scope: Scope, request: dict[str, Any], statement: tree.Statement) -> Kind:
    """The kind of a statement; a table that DESCRIBE and SHOW COLUMNS are about must be there."""
    kind = KINDS[type(statement)]
    if not isinstance(statement, tree.Describe | tree.ShowColumns):
        return kind
    name, database = statement.name, _database(request.get("QueryExecutionContext") or {})
    if name.catalog and catalogs.find_catalog(call.rooms, scope, name.catalog) is None:
        raise InvalidRequestException(f"Catalog '{name.catalog}' does not exist", "DATACATALOG_NOT_FOUND")
    table = session.find_table(call.rooms, scope, name.database or database, name.name)
    if table is None:
        raise InvalidRequestException(
            "Entity Not Found (Service: AmazonDataCatalog; Status Code: 400; Error Code: EntityNotFoundException; "
            f"Request ID: {call.request_id}; Proxy: null)"
        )
    styled = isinstance(statement, tree.Describe) and statement.style
    return VIEW_DESCRIBED if table.get("TableType") == VIEW and not styled else kind


def result_configuration(call: Call, request: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Where and how results are written: the workgroup's word counts first where it overrides, else the request's."""
    asked, group = request.get("ResultConfiguration") or {}, settings["ResultConfiguration"]
    check_result_configuration(asked)
    overrides = settings["EnforceWorkGroupConfiguration"]
    found = {**asked, **group} if overrides else {**group, **asked}
    if not found.get("OutputLocation"):
        raise InvalidRequestException(_NO_LOCATION)
    bucket, prefix = split_location(found["OutputLocation"])
    if not objects.bucket_exists(call.rooms, bucket):
        raise InvalidRequestException(f"Unable to verify/create output bucket {bucket}")
    owner = found.get("ExpectedBucketOwner")
    if owner and owner != call.account:
        raise InvalidRequestException(f"The owner of bucket {bucket} is not {owner}.")
    return {**found, "OutputLocation": f"s3://{bucket}/{prefix}"}


def _reuse(request: dict[str, Any]) -> dict[str, Any]:
    asked = (request.get("ResultReuseConfiguration") or {}).get("ResultReuseByAgeConfiguration") or {}
    found: dict[str, Any] = {"Enabled": asked.get("Enabled", False)}
    if found["Enabled"]:
        found["MaxAgeInMinutes"] = asked.get("MaxAgeInMinutes", _REUSE_MINUTES)
    return {"ResultReuseByAgeConfiguration": found}
