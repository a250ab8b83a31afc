"""Event streams as botocore's own parser reads them."""

import asyncio
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from clary.errors import ServiceError
from clary.wire.event_stream import Events, EventStream, frame
from clary.wire.model import load_model


def stream(service: str, operation: str, member: str) -> EventStream:
    model = load_model(service)
    output = model.operations[operation].output
    assert output is not None
    return EventStream(model, model.shapes[output.shape].members[member])


RUNTIME = stream("sagemaker-runtime", "InvokeEndpointWithResponseStream", "Body")
KINESIS = stream("kinesis", "SubscribeToShard", "EventStream")


def parse(content: bytes) -> list[tuple[dict[str, str], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(content)
    return [(message.headers, message.payload) for message in buffer]


def collect(written: EventStream, events: Events) -> list[tuple[dict[str, str], bytes]]:
    async def run() -> bytes:
        return b"".join([part async for part in written.encode(events)])

    return parse(asyncio.run(run()))


@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(256)) * 1000])
def test_a_frame(payload: bytes) -> None:
    assert parse(frame({":a": "b", "name": "Zürich"}, payload)) == [({":a": "b", "name": "Zürich"}, payload)]


def test_bytes_and_an_error_at_the_end() -> None:
    async def events() -> Any:
        yield {"PayloadPart": {"Bytes": b"first"}}
        yield {"PayloadPart": {"Bytes": b"second"}}
        raise ServiceError("it broke", code="ModelStreamError", fields={"ErrorCode": "StreamBroken"})

    part = {":content-type": "application/octet-stream", ":event-type": "PayloadPart", ":message-type": "event"}
    *parts, (headers, payload) = collect(RUNTIME, events())
    assert parts == [(part, b"first"), (part, b"second")]
    assert headers == {
        ":content-type": "application/json",
        ":exception-type": "ModelStreamError",
        ":message-type": "exception",
    }
    assert payload == b'{"Message":"it broke","ErrorCode":"StreamBroken"}'


def test_an_error_that_the_stream_does_not_have() -> None:
    async def events() -> Any:
        raise ServiceError("no more", code="Throttled")
        yield

    [(headers, payload)] = collect(RUNTIME, events())
    assert (headers[":exception-type"], payload) == ("InternalStreamFailure", b'{"Message":"no more"}')


def test_events_of_json() -> None:
    record = {"SequenceNumber": "1", "Data": b"x", "PartitionKey": "k", "ApproximateArrivalTimestamp": 1.5}
    members = {"Records": [record], "ContinuationSequenceNumber": "1", "MillisBehindLatest": 0, "unknown": 1}
    [(headers, payload)] = parse(KINESIS.message("SubscribeToShardEvent", members))
    assert headers[":event-type"] == "SubscribeToShardEvent"
    assert headers[":content-type"] == "application/json"
    assert b"unknown" not in payload and b'"Data":"eA=="' in payload and b'"ApproximateArrivalTimestamp":1.5' in payload


def test_a_reader_that_goes_away_ends_the_events() -> None:
    ended = []

    async def events() -> Any:
        try:
            while True:
                yield {"PayloadPart": {"Bytes": b"again"}}
        finally:
            ended.append(True)

    async def run() -> None:
        written = RUNTIME.encode(events())
        await anext(written)
        await written.aclose()

    asyncio.run(run())
    assert ended == [True]
