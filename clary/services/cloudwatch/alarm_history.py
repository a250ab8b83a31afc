"""What became of alarms: kept for thirty days, deleted alarms' too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from clary.services.cloudwatch.errors import InvalidNextToken, ValidationError
from clary.store.pages import BadToken
from clary.store.records import Draft, Key, Query
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.wire import Rooms

KIND = "cloudwatch/alarm-history"
_KEPT_SECONDS = 30 * 86_400
_PAGE = 100


def item(rooms: Rooms, alarm: Key, kind: str, summary: str, data: dict[str, Any]) -> Draft:
    """An entry that is still to be stored."""
    body = {
        "AlarmName": alarm.name,
        "AlarmType": "MetricAlarm",
        "HistoryItemType": kind,
        "HistorySummary": summary[:255],
        "HistoryData": msgspec.json.encode({"version": "1.0", **data}).decode()[:4095],
    }
    return Draft(Key(KIND, alarm.account, alarm.region, rooms.clock.uuid()), body)


def note(rooms: Rooms, alarm: Key, kind: str, summary: str, data: dict[str, Any]) -> None:
    """Store an entry, and forget some that are too old."""
    draft = item(rooms, alarm, kind, summary, data)
    rooms.records.create(draft.key, draft.body)
    old = Query(created_before=rooms.clock.now() - _KEPT_SECONDS, limit=10)
    for record in rooms.records.find(KIND, alarm.account, alarm.region, old).records:
        rooms.records.delete(record.key)


@operation
def describe_alarm_history(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the entries of an alarm, or of all."""
    if "AlarmContributorId" in request:
        raise ValidationError("AlarmContributorId is not supported by Clary: its alarms have no contributors.")
    if "MetricAlarm" not in request.get("AlarmTypes", ["MetricAlarm"]):
        return {"AlarmHistoryItems": []}
    members = {"AlarmName": "AlarmName", "HistoryItemType": "HistoryItemType"}
    query = Query(
        where={name: request[member] for name, member in members.items() if member in request},
        created_after=request.get("StartDate"),
        created_before=request.get("EndDate"),
        descending=request.get("ScanBy", "TimestampDescending") == "TimestampDescending",
        limit=request.get("MaxRecords", _PAGE),
        token=request.get("NextToken", ""),
    )
    try:
        page = call.rooms.records.find(KIND, call.account, call.region, query)
    except BadToken:
        raise InvalidNextToken("The value for parameter NextToken is invalid.") from None
    items = [{**record.body, "Timestamp": record.created} for record in page.records]
    return {"AlarmHistoryItems": items, "NextToken": page.next_token or None}
