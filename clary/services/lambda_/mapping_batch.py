"""A batch of a stream's records on its way to a function: tried again, cut in two, given up, as its mapping has it."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from clary.errors import ServiceError
from clary.functions import Event, Outcome
from clary.services.lambda_ import asynchronous, measurements
from clary.services.lambda_.errors import (
    RequestTooLargeException,
    TooManyRequestsException,
)
from clary.services.lambda_.function_record import Configuration, configuration_of
from clary.services.lambda_.mapping_record import function_of
from clary.services.lambda_.performing import MOST_BYTES, check_payload, perform
from clary.wire.timestamps import iso8601

if TYPE_CHECKING:
    from clary.services.kinesis.get_records import Found
    from clary.services.lambda_.naming import Name
    from clary.store.records import Record
    from clary.wire import Rooms

log = logging.getLogger("clary.lambda")

_FIRST_PAUSE, _LONGEST_PAUSE, _THROTTLED_PAUSE = 0.1, 30.0, 1.0
_RECORD_BYTES = 600  # of a record's event beside its data and key, at most


@dataclass
class Segment:
    """Records that are given to the function together, and how often it has failed with them."""

    records: list[Found]
    failures: int = 0


class Attempt(NamedTuple):
    """What came of giving records to a function; no outcome where they were not given."""

    request: str
    version: str
    outcome: Outcome | None


@dataclass
class Batch:
    """Records of a shard, in their order, until each of them is handled or given up."""

    rooms: Rooms
    shard: str
    segments: list[Segment]
    role: str = ""  # of the function
    due: float = 0.0  # when its next step may come, in epoch seconds
    failed: bool = False  # the function, at the last step

    @property
    def next_record(self) -> str:
        """The sequence number of the first record that is neither handled nor given up."""
        return self.segments[0].records[0].SequenceNumber

    def step(self, mapping: Record) -> None:
        """Give the function the next segment."""
        self.due, self.failed = 0.0, False
        name = function_of(mapping.key, mapping.body)
        configuration = configuration_of(self.rooms, name, by_weight=True)
        self.role = configuration["Role"]
        if not self._give_up_old(mapping):
            self._give(mapping, name, configuration)

    def _give(self, mapping: Record, name: Name, configuration: Configuration) -> None:
        segment, now = self.segments[0], self.rooms.clock.now()
        attempt = Attempt(self.rooms.clock.uuid(), configuration["Version"], None)
        event = Event(attempt.request, self._payload(mapping, segment.records), name.qualified_arn)
        try:
            check_payload(event.payload, MOST_BYTES)
            outcome = perform(self.rooms, name, configuration, event)
        except TooManyRequestsException:
            self.due = now + _THROTTLED_PAUSE
            return
        except RequestTooLargeException:
            self._give_up(mapping, attempt, "InvokePayloadSizeExceeded")
            return
        age = now - segment.records[-1].ApproximateArrivalTimestamp
        measurements.waited(self.rooms, name, max(0.0, age) * 1000)
        self._judge(mapping, attempt._replace(outcome=outcome), outcome)

    def _judge(self, mapping: Record, attempt: Attempt, outcome: Outcome) -> None:
        segment, body = self.segments[0], mapping.body
        handled = 0 if outcome.error else _handled(body, segment.records, outcome)
        if handled == len(segment.records):
            self.segments.pop(0)
            return
        self.failed, now = True, self.rooms.clock.now()
        left = segment.records[handled:]
        if body["BisectBatchOnFunctionError"] and len(segment.records) > 1:
            cut = (len(left) + 1) // 2 if handled == 0 else len(left)
            parts = [part for part in (left[:cut], left[cut:]) if part]
            self.segments[:1] = [Segment(part, segment.failures) for part in parts]
            self.due = now + _FIRST_PAUSE
            return
        segment = self.segments[0] = Segment(left, segment.failures + 1)
        most = body["MaximumRetryAttempts"]
        if most >= 0 and segment.failures > most:
            self._give_up(mapping, attempt, "RetryAttemptsExhausted")
        else:
            self.due = now + min(_FIRST_PAUSE * 2.0 ** min(segment.failures, 20), _LONGEST_PAUSE)

    def _give_up_old(self, mapping: Record) -> bool:
        """Give up those of the next records that are too old; whether there were any."""
        segment = self.segments[0]
        most, now = mapping.body["MaximumRecordAgeInSeconds"], self.rooms.clock.now()
        if most < 0:
            return False
        old = [record for record in segment.records if now - record.ApproximateArrivalTimestamp > most]
        if old:
            fresh = segment.records[len(old) :]
            self.segments[:1] = [Segment(part, segment.failures) for part in (old, fresh) if part]
            self._give_up(mapping, Attempt(self.rooms.clock.uuid(), "", None), "RecordAgeExceeded")
        return bool(old)

    def _give_up(self, mapping: Record, attempt: Attempt, condition: str) -> None:
        """Tell the destination, if there is one, and go on behind the next segment."""
        target = (mapping.body["DestinationConfig"].get("OnFailure") or {}).get("Destination")
        if target:
            document = self._document(mapping, attempt, condition)
            key = mapping.key
            place = asynchronous.Place(key.account, key.region, f"aws/lambda/{key.name}/{self.shard}")
            try:
                asynchronous.tell(self.rooms, target, place, document)
            except ServiceError as problem:  # as AWS, which goes on too
                log.error("the destination %s of %s fails: %s", target, key.name, problem)
        self.segments.pop(0)

    def _document(self, mapping: Record, attempt: Attempt, condition: str) -> dict[str, Any]:
        segment, body = self.segments[0], mapping.body
        records = segment.records
        document: dict[str, Any] = {
            "requestContext": {
                "requestId": attempt.request,
                "functionArn": body["FunctionArn"],
                "condition": condition,
                "approximateInvokeCount": segment.failures,
            }
        }
        if attempt.outcome:
            context = {"statusCode": 200, "executedVersion": attempt.version}
            document["responseContext"] = {**context, "functionError": attempt.outcome.error or None}
        arrivals = [iso8601(records[at].ApproximateArrivalTimestamp, milliseconds=True) for at in (0, -1)]
        return {
            **document,
            "version": "1.0",
            "timestamp": iso8601(self.rooms.clock.now(), milliseconds=True),
            "KinesisBatchInfo": {
                "shardId": self.shard,
                "startSequenceNumber": records[0].SequenceNumber,
                "endSequenceNumber": records[-1].SequenceNumber,
                "approximateArrivalOfFirstRecord": arrivals[0],
                "approximateArrivalOfLastRecord": arrivals[1],
                "batchSize": len(records),
                "streamArn": body["EventSourceArn"],
            },
            "payload": msgspec.Raw(self._payload(mapping, records)),
        }

    def _payload(self, mapping: Record, records: list[Found]) -> bytes:
        """The event."""
        shared = {
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self.role,
            "awsRegion": mapping.key.region,
            "eventSourceARN": mapping.body["EventSourceArn"],
        }
        rows = [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": record.PartitionKey,
                    "sequenceNumber": record.SequenceNumber,
                    "data": base64.b64encode(record.Data).decode(),
                    "approximateArrivalTimestamp": record.ApproximateArrivalTimestamp,
                },
                "eventID": f"{self.shard}:{record.SequenceNumber}",
                **shared,
            }
            for record in records
        ]
        return msgspec.json.encode({"Records": rows})


def most_records(records: list[Found], most: int) -> int:
    """How many of the records, at most so many, fit into one event; at least one."""
    size = 0
    for count, record in enumerate(records[:most]):
        size += len(record.Data) * 4 // 3 + len(record.PartitionKey) * 6 + _RECORD_BYTES
        if size > MOST_BYTES and count:
            return count
    return min(most, len(records))


def _handled(body: dict[str, Any], records: list[Found], outcome: Outcome) -> int:
    """How many records, from the first, the function has handled: it may report where it has failed."""
    if "ReportBatchItemFailures" not in body["FunctionResponseTypes"]:
        return len(records)
    try:
        answer = msgspec.json.decode(outcome.payload)
    except (ValueError, RecursionError):
        return 0
    if answer is None or answer in ("", {}, []):
        return len(records)
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else ()
    if failures is None or failures == []:
        return len(records)
    places = {record.SequenceNumber: at for at, record in enumerate(records)}
    try:
        return min(places[row["itemIdentifier"]] for row in failures)
    except (KeyError, TypeError, ValueError):  # not the answer that was agreed on: all of it has failed
        return 0
