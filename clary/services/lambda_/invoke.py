"""Invoke: have a function handle an event."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import msgspec

from clary.functions import Event
from clary.services.lambda_ import asynchronous
from clary.services.lambda_.errors import (
    InvalidParameterValueException,
    InvalidRequestContentException,
    not_done,
)
from clary.services.lambda_.function_record import configuration_of, name_of
from clary.services.lambda_.performing import MOST_BYTES, MOST_EVENT_BYTES, check_payload, perform, server_ended
from clary.wire import Call, Reply, operation
from clary.wire.event_stream import Events
from clary.wire.not_done import NotDone, refuse

_CONTEXT_BYTES = 3583
_CHUNK_BYTES = 1 << 20
_NOT_DONE = (
    NotDone("DurableExecutionName", "durable functions"),
    NotDone("TenantId", "isolation of tenants"),
)


@operation
async def invoke(call: Call, request: dict[str, Any]) -> Reply:
    """Wait for a handler's answer, put the event into the queue, or only look whether it could be done."""
    return await _in_thread(call, request)


@operation
async def invoke_with_response_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The answer in pieces, once all of it is there: handlers in Python have no way to stream theirs, at AWS either."""
    answer = (await _in_thread(call, request)).body
    return {
        "StatusCode": answer["StatusCode"],
        "ExecutedVersion": answer.get("ExecutedVersion"),
        "EventStream": _events(answer),
    }


async def _events(answer: dict[str, Any]) -> Events:
    payload, failed = bytes(answer["Payload"]), "FunctionError" in answer
    for at in range(0, 0 if failed else len(payload), _CHUNK_BYTES):
        yield {"PayloadChunk": {"Payload": payload[at : at + _CHUNK_BYTES]}}
    complete = {"ErrorCode": answer["FunctionError"], "ErrorDetails": payload.decode()} if failed else {}
    if "LogResult" in answer:
        complete["LogResult"] = answer["LogResult"]
    yield {"InvokeComplete": complete}


async def _in_thread(call: Call, request: dict[str, Any]) -> Reply:
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(call.rooms.functions.threads, _invoke, call, request)
    except asyncio.CancelledError:
        raise server_ended() from None


def _invoke(call: Call, request: dict[str, Any]) -> Reply:
    refuse(request, _NOT_DONE, not_done)
    name, kind = name_of(call, request), request.get("InvocationType", "RequestResponse")
    payload = bytes(request.get("Payload") or b"") or b"{}"
    check_payload(payload, MOST_EVENT_BYTES if kind == "Event" else MOST_BYTES)
    context = _client_context(request.get("ClientContext") or "")
    configuration = configuration_of(call.rooms, name, by_weight=True)
    if kind == "DryRun":
        return Reply({"StatusCode": 204, "Payload": b""})
    event = Event(call.request_id, payload, name.qualified_arn, context)
    if kind == "Event":
        asynchronous.enqueue(call.rooms, name, event)
        return Reply({"StatusCode": 202, "Payload": b""})
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


def _client_context(text: str) -> str:
    if not text:
        return ""
    if len(text) > _CONTEXT_BYTES:
        raise InvalidParameterValueException(f"ClientContext has {len(text)} bytes, more than {_CONTEXT_BYTES}.")
    try:
        found = base64.b64decode(text, validate=True)
        msgspec.json.decode(found, type=dict[str, Any])
        return found.decode()
    except (ValueError, RecursionError):
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.") from None
