"""Bounds that change at set times."""

from datetime import UTC, datetime

import pytest

from clary.errors import ServiceError
from clary.services.application_autoscaling.schedule import Schedule


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("expression", "timezone", "after", "due"),
    [
        ("at(2024-05-01T10:00:00)", "UTC", "2024-05-01T09:00", "2024-05-01T10:00"),
        ("at(2024-05-01T10:00:00)", "UTC", "2024-05-01T10:00", None),
        ("at(2024-05-01T10:00:00)", "Europe/Berlin", "2024-05-01T07:00", "2024-05-01T08:00"),
        ("rate(90 minutes)", "UTC", "2024-05-01T10:00", "2024-05-01T10:30"),
        ("rate(1 day)", "UTC", "2024-05-01T00:00", "2024-05-02T00:00"),
        ("cron(0 9 * * ? *)", "UTC", "2024-05-01T09:00", "2024-05-02T09:00"),
        ("cron(0 9 * * ? *)", "America/New_York", "2024-05-01T09:00", "2024-05-01T13:00"),
        ("cron(0/15 8-17 ? * MON-FRI *)", "UTC", "2024-05-03T17:45", "2024-05-06T08:00"),
        ("cron(30 6 1,15 JAN ? 2025)", "UTC", "2024-05-03T17:45", "2025-01-01T06:30"),
        ("cron(30 6 1,15 JAN ? 2020)", "UTC", "2024-05-03T17:45", None),
        ("cron(0 0 29 2 ? *)", "UTC", "2024-03-01T00:00", "2028-02-29T00:00"),
    ],
)
def test_when_a_schedule_is_due(expression, timezone, after, due):
    schedule = Schedule(expression, timezone, at("2024-04-30T00:00"))
    assert schedule.after(at(after)) == (due and at(due))


def test_a_schedule_holds_between_its_times():
    daily = Schedule("cron(0 9 * * ? *)", "UTC", at("2024-05-03T09:00"), at("2024-05-05T08:00"))
    assert daily.after(at("2024-05-01T00:00")) == at("2024-05-03T09:00")
    assert daily.after(at("2024-05-04T10:00")) is None


@pytest.mark.parametrize(
    "expression",
    [
        "now",
        "at(tomorrow)",
        "rate(0 minutes)",
        "rate(5 weeks)",
        "cron(0 9 * * *)",
        "cron(0 9 * * * *)",
        "cron(0 9 L * ? *)",
        "cron(60 9 * * ? *)",
        "cron(5-1 9 * * ? *)",
    ],
)
def test_schedules_that_are_none(expression):
    with pytest.raises(ServiceError, match="is none that Clary knows"):
        Schedule(expression).after(0)


def test_bounds_change_on_time_and_instances_with_them(scaler):
    scaler.register(1, 4)
    action = {"ScheduledActionName": "morning", "Schedule": "rate(2 minutes)"}
    scaler("PutScheduledAction", ScalableTargetAction={"MinCapacity": 3, "MaxCapacity": 6}, **action)
    [shown] = scaler("DescribeScheduledActions")["ScheduledActions"]
    assert (shown["ScheduledActionName"], shown["Timezone"]) == ("morning", "UTC")
    scaler.minute()
    assert scaler.asked == []
    scaler.minute()
    assert scaler.asked == [3]
    [target] = scaler("DescribeScalableTargets", ResourceId=None, ScalableDimension=None)["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (3, 6)
    assert scaler.activities()[0]["Cause"] == "scheduled action name morning was triggered"
    scaler("PutScheduledAction", ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 2}, **action)
    scaler.minute()
    scaler.minute()
    assert scaler.asked == [3], "an endpoint that is being updated is left alone"
    scaler.fulfil()
    scaler.minute()
    assert scaler.asked == [3, 2], "the action is still due"
    scaler("DeleteScheduledAction", ScheduledActionName="morning")
    with pytest.raises(ServiceError, match="No scheduled action found"):
        scaler("DeleteScheduledAction", ScheduledActionName="morning")


def test_an_action_that_is_due_once_is_gone_afterwards(scaler):
    scaler.register(1, 4)
    when = datetime.fromtimestamp(scaler.clock.now() + 30, UTC).strftime("at(%Y-%m-%dT%H:%M:%S)")
    scaler("PutScheduledAction", ScheduledActionName="once", Schedule=when, ScalableTargetAction={"MinCapacity": 2})
    scaler.minute()
    assert scaler.asked == [2]
    assert scaler("DescribeScheduledActions")["ScheduledActions"] == []
    with pytest.raises(ServiceError, match="no time of it lies in the future"):
        scaler("PutScheduledAction", ScheduledActionName="x", Schedule=when, ScalableTargetAction={"MinCapacity": 2})
