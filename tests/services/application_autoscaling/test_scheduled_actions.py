"""Bounds that change at set times."""

from datetime import UTC, datetime

import pytest

from clary.errors import ServiceError


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
