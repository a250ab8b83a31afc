"""Invoke: have a function handle an event."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import msgspec

from clary.functions import Event, Outcome, Throttled
from clary.services.lambda_ import measurements
from clary.services.lambda_.errors import (
    InvalidParameterValueException,
    InvalidRequestContentException,
    RequestTooLargeException,
    TooManyRequestsException,
    not_done,
)
from clary.services.lambda_.function_record import Configuration, configuration_of, name_of, spec_of
from clary.services.sagemaker.not_done import NotDone, refuse
from clary.wire import Call, Reply, operation

if TYPE_CHECKING:
    from clary.services.lambda_.naming import Name
    from clary.wire import Rooms

MOST_BYTES, MOST_EVENT_BYTES = 6_291_456, 1_048_576
_CONTEXT_BYTES = 3583
_NOT_DONE = (
    NotDone("DurableExecutionName", "durable functions"),
    NotDone("TenantId", "isolation of tenants"),
)


@operation
async def invoke(call: Call, request: dict[str, Any]) -> Reply:
    """Wait for a handler's answer, put the event into the queue, or only look whether it could be done."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(call.rooms.functions.threads, _invoke, call, request)


def _invoke(call: Call, request: dict[str, Any]) -> Reply:
    refuse(request, _NOT_DONE, not_done)
    name, kind = name_of(call, request), request.get("InvocationType", "RequestResponse")
    payload = bytes(request.get("Payload") or b"") or b"{}"
    check_payload(payload, MOST_EVENT_BYTES if kind == "Event" else MOST_BYTES)
    context = _client_context(request.get("ClientContext") or "")
    configuration = configuration_of(call.rooms, name)
    if kind == "DryRun":
        return Reply({"StatusCode": 204, "Payload": b""})
    event = Event(call.request_id, payload, name.qualified_arn, context)
    outcome = perform(call.rooms, name, configuration, event)
    answer: dict[str, Any] = {
        "StatusCode": 200,
        "ExecutedVersion": configuration["Version"],
        "Payload": outcome.payload,
    }
    if outcome.error:
        answer["FunctionError"] = outcome.error
    if request.get("LogType") == "Tail":
        answer["LogResult"] = base64.b64encode(outcome.log).decode()
    return Reply(answer)


def perform(rooms: Rooms, name: Name, configuration: Configuration, event: Event) -> Outcome:
    """Have an event handled; TooManyRequestsException."""
    try:
        outcome = rooms.functions.invoke(spec_of(name, configuration), event)
    except Throttled as throttled:
        measurements.throttled(rooms, name)
        raise TooManyRequestsException(throttled.reason) from None
    measurements.invoked(rooms, name, outcome)
    return outcome


def check_payload(payload: bytes, most: int) -> None:
    """Refuse what is too large or isn't JSON."""
    if len(payload) > most:
        raise RequestTooLargeException(f"Request must be smaller than {most} bytes for the InvokeFunction operation")
    try:
        payload.decode()
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise InvalidRequestContentException(f"Could not parse request body into json: {problem}") from None


def _client_context(text: str) -> str:
    if not text:
        return ""
    if len(text) > _CONTEXT_BYTES:
        raise InvalidParameterValueException(f"ClientContext has {len(text)} bytes, more than {_CONTEXT_BYTES}.")
    try:
        found = base64.b64decode(text, validate=True)
        msgspec.json.decode(found, type=dict[str, Any])
        return found.decode()
    except (ValueError, msgspec.MsgspecError):
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.") from None
