"""When something is due."""

from datetime import UTC, datetime

import pytest

from clary.errors import ServiceError
from clary.schedule import Schedule


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
