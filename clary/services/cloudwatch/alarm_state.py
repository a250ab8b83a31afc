"""The state of an alarm: evaluated from its metric when it is read and on the minute, and noted when it changes."""

from __future__ import annotations

import functools
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from clary.errors import ServiceError
from clary.services.cloudwatch import alarm_actions, alarm_history
from clary.services.cloudwatch.alarm_judgement import COMPARISONS, EXTRA_PERIODS, INSUFFICIENT_DATA, judge
from clary.services.cloudwatch.alarm_request import period_of, queries_of
from clary.services.cloudwatch.metric_query import Evaluator
from clary.store.records import Draft, Key, Query, Record

if TYPE_CHECKING:
    from clary.wire import Rooms

KIND = "cloudwatch/alarm"
LAG_SECONDS = 2  # values come in a little after the moment they are of
_MINUTE = 60
_PAGE = 100

_WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


class Verdict(NamedTuple):
    """A state, and why."""

    state: str
    reason: str
    data: str | None = None  # a JSON object


class _Settled(Exception):
    """Another thread has written this state already."""


def alarm_state(rooms: Rooms, account: str, region: str, name: str) -> str | None:
    """OK, ALARM or INSUFFICIENT_DATA as of now; None where there is no such alarm."""
    record = current(rooms, Key(KIND, account, region, name))
    return record.status if record else None


def current(rooms: Rooms, key: Key) -> Record | None:
    """The alarm as of now; None where there is none."""
    record = rooms.records.get(key)
    return evaluate(rooms, record) if record else None


def every(rooms: Rooms, account: str, region: str) -> list[Record]:
    """All alarms of an account and region, each as of now, by name."""
    query = Query(order_by="name", descending=False, limit=_PAGE)
    return [evaluate(rooms, record) for record in rooms.records.walk(KIND, account, region, query)]


def evaluate(rooms: Rooms, record: Record, *, first: bool = False) -> Record:
    """Look at the metric, unless nothing is new since the state was set; the alarm as it is then."""
    end = window_end(record, rooms.clock.now())
    if not first and end <= window_end(record, record.body["StateUpdatedTimestamp"]):
        return record
    verdict = _judged(rooms, record, end)
    if verdict is None or verdict.state == record.status:
        return record
    return set_state(rooms, record.key, verdict) or record


def window_end(record: Record, now: float) -> int:
    """Where the last whole period ends: on the minute, or at a multiple of a shorter period."""
    step = min(period_of(record.body), _MINUTE)
    return int(now - LAG_SECONDS) // step * step


def set_state(rooms: Rooms, key: Key, verdict: Verdict, *, again: bool = False) -> Record | None:
    """Write a state and its entry in the history, then do what the alarm does in that state; None where it is gone.

    An alarm that has this state is left as it is, unless the state is to be set `again`.
    """
    changed = False

    def write(alarm: Record) -> Draft:
        nonlocal changed
        before, now = alarm.status, rooms.clock.now()
        changed = before != verdict.state
        if not changed and not again:
            raise _Settled
        if changed:
            alarm.body["StateTransitionedTimestamp"] = now
        alarm.status = verdict.state
        alarm.body.update(StateReason=verdict.reason[:1023], StateReasonData=verdict.data, StateUpdatedTimestamp=now)
        states = {
            "oldState": {"stateValue": before},
            "newState": {"stateValue": verdict.state, "stateReason": verdict.reason},
        }
        summary = f"Alarm updated from {before} to {verdict.state}"
        return alarm_history.item(rooms, key, "StateUpdate", summary, states)

    with suppress(_Settled):
        if rooms.records.create_under(key, write) is None:
            return None
    if changed:
        rooms.changes.notify(key)
        rooms.background.run(("alarm actions", key), functools.partial(alarm_actions.perform, rooms, key))
    return rooms.records.get(key)


def latest_value(rooms: Rooms, record: Record) -> float | None:
    """The youngest value that an evaluation now would see."""
    found = [value for value in _values(rooms, record, window_end(record, rooms.clock.now())) if value is not None]
    return found[-1] if found else None


def _values(rooms: Rooms, record: Record, end: int) -> list[float | None]:
    """The values of the periods that an evaluation looks at, oldest first."""
    body, queries, period = record.body, queries_of(record.body), period_of(record.body)
    start = end - (body["EvaluationPeriods"] + EXTRA_PERIODS) * period
    [shown] = [query["Id"] for query in queries if query.get("ReturnData", True)]
    series = Evaluator(rooms, (record.key.account, record.key.region), queries, start, end).of(shown)
    return [series.get(time) for time in range(start, end, period)]


def _judged(rooms: Rooms, record: Record, end: int) -> Verdict | None:
    """What the metric says; None where it leaves the state as it is."""
    body, periods = record.body, record.body["EvaluationPeriods"]
    to_alarm = body.get("DatapointsToAlarm", periods)
    try:
        values = _values(rooms, record, end)
    except ServiceError as error:  # metric math that doesn't fit its data
        return Verdict(INSUFFICIENT_DATA, f"The alarm could not be evaluated: {error.message}")
    breach, threshold = COMPARISONS[body["ComparisonOperator"]], body["Threshold"]
    breaches = [None if value is None else breach(value, threshold) for value in values]
    state = judge(breaches, periods, to_alarm, body.get("TreatMissingData", "missing"))
    if state is None:
        return None
    return Verdict(state, _reason(record, values, state, to_alarm), _reason_data(record, values, end))


def _reason(record: Record, values: list[float | None], state: str, to_alarm: int) -> str:
    body, found = record.body, [value for value in values if value is not None][-record.body["EvaluationPeriods"] :]
    if not found:
        words = {"OK": "treated as NonBreaching", "ALARM": "treated as Breaching"}.get(state, "unknown")
        return f"Insufficient Data: {len(values) - EXTRA_PERIODS} datapoints were {words}."
    crossed = [value for value in found if COMPARISONS[body["ComparisonOperator"]](value, body["Threshold"])]
    shown = crossed if state == "ALARM" and crossed else found
    return (
        f"Threshold Crossed: {len(shown)} out of the last {body['EvaluationPeriods']} datapoints "
        f"[{', '.join(f'{value:g}' for value in reversed(shown))}] {'were' if len(shown) > 1 else 'was'} "
        f"{'' if state == 'ALARM' else 'not '}{_WORDS[body['ComparisonOperator']]} the threshold "
        f"({body['Threshold']}) (minimum {to_alarm} datapoints for {record.status} -> {state} transition)."
    )


def _reason_data(record: Record, values: list[float | None], end: int) -> str:
    body, period = record.body, period_of(record.body)
    data = {
        "version": "1.0",
        "queryDate": datetime.fromtimestamp(end, UTC).isoformat(),
        "startDate": datetime.fromtimestamp(end - len(values) * period, UTC).isoformat(),
        "statistic": body.get("Statistic") or body.get("ExtendedStatistic"),
        "period": period,
        "recentDatapoints": [value for value in values if value is not None],
        "threshold": body["Threshold"],
    }
    return msgspec.json.encode(data).decode()
