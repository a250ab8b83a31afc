"""How many events functions may handle at a time: what is reserved for some, and what the account has."""

from __future__ import annotations

from typing import Any

from clary.functions.archive import UNZIPPED_BYTES
from clary.functions.room import ACCOUNT_CONCURRENCY
from clary.names import make_arn
from clary.services.lambda_.code import LAYER_VERSION_KIND, ZIPPED_BYTES
from clary.services.lambda_.errors import InvalidParameterValueException
from clary.services.lambda_.function_record import FUNCTION_KIND, VERSION_KIND, change, name_of, require
from clary.services.lambda_.naming import Name
from clary.wire import Call, operation

_LEFT_FOR_OTHERS = 100
_TOTAL_BYTES = 80_530_636_800


@operation
def put_function_concurrency(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let a function handle so many events at a time and no more, whatever others do."""
    name, reserved, functions = _name(call, request), request["ReservedConcurrentExecutions"], call.rooms.functions

    def reserve(body: dict[str, Any]) -> None:
        if functions.unreserved(name.arn) + body.get("Reserved", 0) - reserved < _LEFT_FOR_OTHERS:
            raise InvalidParameterValueException(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{_LEFT_FOR_OTHERS}]."
            )
        body["Reserved"] = reserved

    with functions.reserving:
        change(call.rooms, name, reserve)
        functions.reserved[name.arn] = reserved
    return {"ReservedConcurrentExecutions": reserved}


@operation
def get_function_concurrency(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """What is reserved for a function, if anything is."""
    body = require(call.rooms, _name(call, request)).body
    return {"ReservedConcurrentExecutions": body["Reserved"]} if "Reserved" in body else {}


@operation
def delete_function_concurrency(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let a function share what others have."""
    name = _name(call, request)
    with call.rooms.functions.reserving:
        change(call.rooms, name, lambda body: body.pop("Reserved", None))
        call.rooms.functions.reserved.pop(name.arn, None)
    return {}


@operation
def get_account_settings(call: Call, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """The limits of an account, and what it uses."""
    rows = {
        kind: [record.body for record in call.rooms.records.walk(kind, call.account, call.region)]
        for kind in (FUNCTION_KIND, VERSION_KIND, LAYER_VERSION_KIND)
    }
    size = sum(body["Configuration"]["CodeSize"] for kind in (FUNCTION_KIND, VERSION_KIND) for body in rows[kind])
    size += sum(body["Content"]["CodeSize"] for body in rows[LAYER_VERSION_KIND])
    return {
        "AccountLimit": {
            "TotalCodeSize": _TOTAL_BYTES,
            "CodeSizeUnzipped": UNZIPPED_BYTES,
            "CodeSizeZipped": ZIPPED_BYTES,
            "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
            "UnreservedConcurrentExecutions": call.rooms.functions.unreserved(
                make_arn("lambda", call.region, call.account, "function:")
            ),
        },
        "AccountUsage": {"TotalCodeSize": size, "FunctionCount": len(rows[FUNCTION_KIND])},
    }


def _name(call: Call, request: dict[str, Any]) -> Name:
    name = name_of(call, request)
    if name.qualifier:
        raise InvalidParameterValueException(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN."
        )
    return name
