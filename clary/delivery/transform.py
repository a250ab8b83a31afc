"""Records through a function: some of them at a time, and what it answered of each."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from clary.clock import Clock
from clary.delivery.host import Answer, Host
from clary.delivery.plan import Plan
from clary.delivery.records import Failed, Record
from clary.errors import ServiceError

_MOST_RECORDS = 10_000
_MOST_PAYLOAD = 6 * 1024 * 1024
_OVERHEAD = 120  # bytes of JSON around a record's data, its id included
_FUNCTION_ERROR, _WRONG = "Lambda.FunctionError", "Lambda.JsonProcessingException"
_CODES = {  # of what Lambda answers, as Firehose names it
    "ResourceNotFoundException": "ResourceNotFound",
    "TooManyRequestsException": "InvokeLimitExceeded",
    "AccessDeniedException": "InvokeAccessDenied",
}
_RESULTS = ("Ok", "Dropped", "ProcessingFailed")


class Transformer:
    """Holds records until there are enough for an invocation."""

    def __init__(self, plan: Plan, host: Host, clock: Clock, tell: Callable[[str, str], None]) -> None:
        assert plan.function
        self._plan, self._function, self._host, self._clock, self._tell = plan, plan.function, host, clock, tell
        self._held: list[Record] = []
        self._size = 0

    def take(self, records: Sequence[Record]) -> Iterator[tuple[list[Record], list[Failed]]]:
        """Add records; what came of those that were enough for an invocation."""
        for record in records:
            size = len(record.data)
            full = _payload_size(self._size + size, len(self._held) + 1) > _MOST_PAYLOAD
            if self._held and (full or len(self._held) >= _MOST_RECORDS):
                yield self.finish()
            self._held.append(record)
            self._size += size
            if self._size >= self._function.size:
                yield self.finish()

    def finish(self) -> tuple[list[Record], list[Failed]]:
        """What came of the records that are held."""
        records, self._held, self._size = self._held, [], 0
        if not records:
            return [], []
        ids = self._ids(records)
        payload = msgspec.json.encode(self._event(records, ids))
        if len(payload) > _MOST_PAYLOAD:
            return [], _all_failed(records, "Lambda.MaximumPayloadSizeExceeded", "The payload is larger than 6 MB", 1)
        answer, attempts = self._invoke(payload)
        if isinstance(answer, Failed):
            return [], [answer._replace(record=record, attempts=attempts) for record in records]
        found, failed = _read_answer(answer, records, ids, attempts)
        size = sum(len(record.data) for record in found)
        self._count({"SucceedProcessing.Records": (len(found), "Count"), "SucceedProcessing.Bytes": (size, "Bytes")})
        for code, message in {item.code: item.message for item in failed if item.code != _FUNCTION_ERROR}.items():
            self._tell(code, message)
        return found, failed

    def _invoke(self, payload: bytes) -> tuple[bytes | Failed, int]:
        """What the function answered, or why it did not; and how often it was asked."""
        attempts = 0
        while True:
            attempts += 1
            begun = self._clock.now()
            try:
                answer = self._host.invoke(self._plan.scope, self._function.arn, payload)
            except ServiceError as problem:
                failed: Failed | None = _failure(f"Lambda.{_CODES.get(problem.code, problem.code)}", problem.message)
            else:
                failed = _failure(_FUNCTION_ERROR, _error_message(answer)) if answer.error else None
            self._count(
                {
                    "ExecuteProcessing.Duration": ((self._clock.now() - begun) * 1000, "Milliseconds"),
                    "ExecuteProcessing.Success": (int(failed is None), "Count"),
                }
            )
            if failed is None:
                return answer.payload, attempts
            self._tell(failed.code, failed.message)
            if attempts > self._function.retries:
                return failed, attempts

    def _count(self, values: dict[str, tuple[float, str]]) -> None:
        self._host.count(self._plan.scope, self._plan.name, values)

    def _ids(self, records: Sequence[Record]) -> list[str]:
        head = self._clock.hex(32)
        return [f"{head}{number:024x}" for number in range(len(records))]

    def _event(self, records: Sequence[Record], ids: list[str]) -> dict[str, Any]:
        rows = []
        for record, identity in zip(records, ids, strict=True):
            row: dict[str, Any] = {"recordId": identity, "approximateArrivalTimestamp": record.arrival}
            row["data"] = base64.b64encode(record.data).decode()
            if record.shard:
                row["kinesisRecordMetadata"] = {
                    "sequenceNumber": record.sequence,
                    "subsequenceNumber": record.sub,
                    "partitionKey": record.key,
                    "shardId": record.shard,
                    "approximateArrivalTimestamp": record.arrival,
                }
            rows.append(row)
        event: dict[str, Any] = {"invocationId": self._clock.uuid()}
        if self._plan.source:
            event["sourceKinesisStreamArn"] = self._plan.source
        return {**event, "deliveryStreamArn": self._plan.arn, "region": self._plan.scope.region, "records": rows}


def _payload_size(size: int, count: int) -> int:
    return math.ceil(size / 3) * 4 + (_OVERHEAD + 4) * count


def _failure(code: str, message: str) -> Failed:
    return Failed(Record(b"", 0), code, message)


def _all_failed(records: Sequence[Record], code: str, message: str, attempts: int) -> list[Failed]:
    return [Failed(record, code, message, attempts) for record in records]


def _error_message(answer: Answer) -> str:
    """What a function that raised said."""
    try:
        found = msgspec.json.decode(answer.payload)
        return str(found["errorMessage"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return f"The function ended with an error: {answer.error}"


def _read_answer(
    payload: bytes, records: Sequence[Record], ids: list[str], attempts: int
) -> tuple[list[Record], list[Failed]]:
    """The records that are to be delivered, and those that the function failed or answered wrongly."""
    try:
        answer = msgspec.json.decode(payload)
        rows = answer["records"]
        if not isinstance(rows, list):
            raise TypeError
    except (ValueError, RecursionError, KeyError, TypeError):
        message = 'The function must answer with a JSON object that has a list "records"'
        return [], _all_failed(records, _WRONG, message, attempts)
    by_id: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if isinstance(row, dict):
            by_id.setdefault(str(row.get("recordId")), []).append(row)
    unknown = sorted(by_id.keys() - set(ids))
    found: list[Record] = []
    failed: list[Failed] = []
    for record, identity in zip(records, ids, strict=True):
        outcome = _read_row(record, by_id.get(identity, []), unknown)
        if isinstance(outcome, Record):
            found.append(outcome)
        elif outcome is not None:
            failed.append(outcome._replace(attempts=attempts))
    return found, failed


def _read_row(record: Record, rows: list[dict[str, Any]], unknown: list[str]) -> Record | Failed | None:
    """One record as the function made it; None where it dropped it."""
    if not rows:
        also = f"; it has the unknown recordId {unknown[0]}" if unknown else ""
        return Failed(record, "Lambda.MissingRecordId", f"The function's answer lacks the recordId{also}")
    if len(rows) > 1:
        return Failed(record, "Lambda.DuplicatedRecordId", "The function's answer has the recordId more than once")
    [row] = rows
    result = row.get("result")
    if result not in _RESULTS:
        message = f"The result of a record must be Ok, Dropped or ProcessingFailed, not {result!r}"
        return Failed(record, _WRONG, message)
    if result == "Dropped":
        return None
    if result == "ProcessingFailed":
        return Failed(record, _FUNCTION_ERROR, "ProcessingFailed status set for record")
    try:
        data = base64.b64decode(row["data"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return Failed(record, _WRONG, "The data of a record must be base64")
    keys = _partition_keys(row)
    if keys is None:
        return Failed(record, _WRONG, "metadata.partitionKeys must be an object of single values")
    return record._replace(data=data, keys=keys or None)


def _partition_keys(row: dict[str, Any]) -> dict[str, str] | None:
    metadata = row.get("metadata") or {}
    given = metadata.get("partitionKeys") or {} if isinstance(metadata, dict) else None
    if not isinstance(given, dict) or any(isinstance(value, dict | list) for value in given.values()):
        return None
    return {
        str(name): value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in given.items()
        if value is not None
    }
