"""Alarms on a metric, or on metric math."""

from __future__ import annotations

from typing import Any

from clary.services.cloudwatch import alarm_history
from clary.services.cloudwatch.alarm_request import ACTION_MEMBERS, check_alarm
from clary.services.cloudwatch.alarm_state import KIND, Verdict, current, evaluate, every, set_state
from clary.services.cloudwatch.alarm_watch import watch
from clary.services.cloudwatch.errors import InvalidFormat, InvalidNextToken, ResourceNotFound, ValidationError
from clary.store.pages import BadToken, seal, unseal
from clary.store.records import Key, Record, RecordExists
from clary.wire import Call, Rooms, operation

_PAGE = 50
_OF_AN_ALARM = ("AlarmArn", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp")


@operation
def put_metric_alarm(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make an alarm, or give one new settings; one that is made is evaluated at once."""
    settings = check_alarm(call, request)
    key = Key(KIND, call.account, call.region, request["AlarmName"])
    now = call.rooms.clock.now()
    fresh = {
        "AlarmArn": call.arn(f"alarm:{key.name}"),
        "Tags": request.get("Tags", []),
        "StateReason": "Unchecked: Initial alarm creation",
        "StateUpdatedTimestamp": now,
        "StateTransitionedTimestamp": now,
    }
    settings["AlarmConfigurationUpdatedTimestamp"] = now

    def update(record: Record) -> None:
        kept = {name: record.body[name] for name in ("Tags", *_OF_AN_ALARM) if name in record.body}
        record.body = {**settings, **kept}  # tags are changed by TagResource alone, as AWS has it

    try:
        record = call.rooms.records.create(key, {**fresh, **settings}, status="INSUFFICIENT_DATA")
        verb = "created"
    except RecordExists:
        changed = call.rooms.records.change(key, update)
        if changed is None:  # deleted this moment
            return put_metric_alarm(call, request)
        record, verb = changed, "updated"
    alarm_history.note(call.rooms, key, "ConfigurationUpdate", f'Alarm "{key.name}" {verb}', {"type": verb})
    evaluate(call.rooms, record, first=True)
    watch(call.rooms)
    return {}


@operation
def describe_alarms(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the alarms by name, their states as of now."""
    for member in ("ChildrenOfAlarmName", "ParentsOfAlarmName"):
        if member in request:
            raise ValidationError(f"{member} is not supported by Clary: it has no composite alarms.")
    if "AlarmNames" in request and "AlarmNamePrefix" in request:
        raise ValidationError("AlarmNames and AlarmNamePrefix are mutually exclusive.")
    if "MetricAlarm" not in request.get("AlarmTypes", ["MetricAlarm"]):
        return {"MetricAlarms": [], "CompositeAlarms": [], "LogAlarms": []}
    after = _position(call, request)
    alarms = [alarm for alarm in every(call.rooms, call.account, call.region) if _wanted(alarm, request)]
    alarms = [alarm for alarm in alarms if alarm.key.name > after]
    limit = request.get("MaxRecords", _PAGE)
    page = alarms[:limit]
    token = seal([page[-1].key.name], *_binding(call, request)) if len(alarms) > limit else None
    return {"MetricAlarms": [describe(alarm) for alarm in page], "CompositeAlarms": [], "NextToken": token}


def _binding(call: Call, request: dict[str, Any]) -> tuple[object, ...]:
    return call.account, call.region, {**request, "NextToken": "", "MaxRecords": 0}


def _position(call: Call, request: dict[str, Any]) -> str:
    if not request.get("NextToken"):
        return ""
    try:
        [name] = unseal(request["NextToken"], *_binding(call, request))
    except BadToken:
        raise InvalidNextToken("The value for parameter NextToken is invalid.") from None
    return str(name)


def _wanted(alarm: Record, request: dict[str, Any]) -> bool:
    actions = [action for member in ACTION_MEMBERS.values() for action in alarm.body[member]]
    return (
        alarm.key.name in request.get("AlarmNames", [alarm.key.name])
        and alarm.key.name.startswith(request.get("AlarmNamePrefix", ""))
        and alarm.status == request.get("StateValue", alarm.status)
        and ("ActionPrefix" not in request or any(action.startswith(request["ActionPrefix"]) for action in actions))
    )


def describe(record: Record) -> dict[str, Any]:
    """An alarm as the Describe operations show it."""
    return {**record.body, "AlarmName": record.key.name, "StateValue": record.status}


@operation
def describe_alarms_for_metric(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The alarms on exactly this metric."""
    dimensions = _set_of(request.get("Dimensions", []))

    def fits(body: dict[str, Any]) -> bool:
        return _set_of(body["Dimensions"]) == dimensions and all(
            body.get(member) == request[member]
            for member in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit")
            if member in request
        )

    return {"MetricAlarms": [describe(a) for a in every(call.rooms, call.account, call.region) if fits(a.body)]}


def _set_of(dimensions: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(dimension["Name"], dimension["Value"]) for dimension in dimensions}


@operation
def delete_alarms(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete the alarms that are there; AWS says nothing of names that have none."""
    for name in request["AlarmNames"]:
        delete(call.rooms, Key(KIND, call.account, call.region, name))
    return {}


def delete(rooms: Rooms, key: Key) -> bool:
    """Delete an alarm; whether there was one."""
    if rooms.records.delete(key) is None:
        return False
    rooms.changes.notify(key)
    alarm_history.note(rooms, key, "ConfigurationUpdate", f'Alarm "{key.name}" deleted', {"type": "Delete"})
    return True


@operation
def set_alarm_state(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set a state, with its actions; the next evaluation may change it back."""
    data = request.get("StateReasonData")
    if data is not None and not data.lstrip().startswith("{"):
        raise InvalidFormat("StateReasonData must be a JSON object.")
    key = Key(KIND, call.account, call.region, request["AlarmName"])
    verdict = Verdict(request["StateValue"], request["StateReason"], data)
    if set_state(call.rooms, key, verdict, again=True) is None:
        raise ResourceNotFound(f"Alarm {key.name} does not exist.")
    return {}


@operation
def enable_alarm_actions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let the alarms act; names that are not there are passed over."""
    return _switch(call, request["AlarmNames"], enabled=True)


@operation
def disable_alarm_actions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let the alarms change state without acting."""
    return _switch(call, request["AlarmNames"], enabled=False)


def _switch(call: Call, names: list[str], *, enabled: bool) -> dict[str, Any]:
    for name in names:
        key = Key(KIND, call.account, call.region, name)
        if current(call.rooms, key) is not None:
            call.rooms.records.change(key, lambda record: record.body.update(ActionsEnabled=enabled))
    return {}
