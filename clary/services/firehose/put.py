"""PutRecord and PutRecordBatch: durable when they are answered."""

from typing import Any

from clary.delivery.scope import Scope
from clary.services.firehose import measurements, stream_record
from clary.services.firehose.errors import (
    InvalidArgumentException,
    InvalidSourceException,
    ServiceUnavailableException,
)
from clary.streams import StreamGone
from clary.wire import Call, operation

_MOST_BYTES = 4 * 1024 * 1024


@operation
def put_record(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take one record."""
    [identity] = _put(call, request, [request["Record"]["Data"]])
    return {"RecordId": identity, "Encrypted": False}


@operation
def put_record_batch(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take up to 500 records, all of them or none."""
    data = [record["Data"] for record in request["Records"]]
    if sum(map(len, data)) > _MOST_BYTES:
        raise InvalidArgumentException("Records size exceeds 4 MB limit")
    rows = [{"RecordId": identity} for identity in _put(call, request, data)]
    return {"FailedPutCount": 0, "Encrypted": False, "RequestResponses": rows}


def _put(call: Call, request: dict[str, Any], data: list[bytes]) -> list[str]:
    body = stream_record.require(call, request).body
    if body["DeliveryStreamType"] != "DirectPut":
        raise InvalidSourceException(
            f"This operation is not permitted on {body['DeliveryStreamType']} delivery stream type."
        )
    try:
        first = call.rooms.delivery.put(body["Id"], data)
    except (KeyError, StreamGone):
        raise stream_record.not_found(call, request["DeliveryStreamName"]) from None
    except OSError as problem:
        raise ServiceUnavailableException(f"The records are not stored: {problem.strerror or problem}") from None
    values = {"IncomingRecords": (len(data), "Count"), "IncomingBytes": (sum(map(len, data)), "Bytes")}
    measurements.count(call.rooms, Scope(call.account, call.region), request["DeliveryStreamName"], values)
    return [f"{body['Id']}{index:016x}" for index in range(first, first + len(data))]
