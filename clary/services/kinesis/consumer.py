"""Consumers with a stretch of their own: register, deregister, describe, list."""

from typing import Any

from clary.services.kinesis import consumer_record, stream_record
from clary.services.kinesis.errors import (
    InvalidArgumentException,
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from clary.services.kinesis.tags import check_tags
from clary.store.pages import BadToken
from clary.store.records import Query, Record, RecordExists
from clary.wire import Call, operation


@operation
def register_stream_consumer(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A consumer that may subscribe at once."""
    stream, name = stream_record.require(call, request), request["ConsumerName"]
    if len(consumer_record.of_stream(call, stream)) >= consumer_record.MOST:
        raise LimitExceededException(
            f"Stream {stream.key.name} under account {call.account} has {consumer_record.MOST} consumers already."
        )
    now = int(call.rooms.clock.now())
    body = {
        "ConsumerName": name,
        "ConsumerARN": f"{stream.body['StreamARN']}/consumer/{name}:{now}",
        "ConsumerStatus": "ACTIVE",
        "ConsumerCreationTimestamp": float(now),
        "StreamARN": stream.body["StreamARN"],
        "Tags": check_tags(call, stream.key.name, {}, request.get("Tags") or {}),
    }
    try:
        call.rooms.records.create(consumer_record.key_of(stream, name), body, status="ACTIVE")
    except RecordExists:
        raise ResourceInUseException(
            f"Consumer {name} under stream {stream.body['StreamARN']} already exists for account {call.account}."
        ) from None
    return {"Consumer": body}


@operation
def deregister_stream_consumer(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a consumer; its subscriptions end."""
    consumer = find_consumer(call, request)
    call.rooms.records.delete(consumer.key)
    return {}


@operation
def describe_stream_consumer(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One consumer, by its ARN or by its name and stream."""
    return {"ConsumerDescription": find_consumer(call, request).body}


@operation
def list_stream_consumers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a stream's consumers."""
    stream = stream_record.require(call, request)
    query = Query(
        name_prefix=f"{stream.body['Id']}/",
        descending=False,
        limit=request.get("MaxResults", 100),
        token=request.get("NextToken") or "",
    )
    try:
        page = call.rooms.records.find(consumer_record.CONSUMER_KIND, call.account, call.region, query)
    except BadToken:
        raise InvalidArgumentException("NextToken is invalid.") from None
    return {"Consumers": [record.body for record in page.records], "NextToken": page.next_token or None}


def find_consumer(call: Call, request: dict[str, Any]) -> Record:
    """The consumer that a request names."""
    if request.get("StreamId"):
        raise InvalidArgumentException("StreamId is reserved by AWS for future use: name the stream by its ARN.")
    arn, name = request.get("ConsumerARN") or "", request.get("ConsumerName") or ""
    if arn:
        name = arn.partition("/consumer/")[2].rpartition(":")[0]
        stream_name = stream_record.name_in(call, arn)
    elif name and request.get("StreamARN"):
        stream_name = stream_record.name_in(call, request["StreamARN"])
    else:
        raise InvalidArgumentException("Either ConsumerARN or both StreamARN and ConsumerName must be specified.")
    missing = ResourceNotFoundException(f"Consumer {arn or name}, account {call.account} not found.")
    stream = call.rooms.records.get(stream_record.key_of(call, stream_name))
    found = stream and call.rooms.records.get(consumer_record.key_of(stream, name))
    if found is None or (arn and found.body["ConsumerARN"] != arn):
        raise missing
    return found
