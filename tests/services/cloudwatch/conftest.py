"""The service's operations called as functions, on a clock that the test moves."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clary.clock import MovedClock
from clary.services.cloudwatch import (
    alarm,
    alarm_history,
    alarm_tags,
    metric_data,
    metric_query,
    metric_statistics,
)
from clary.store.changes import Changes
from clary.store.database import Database
from clary.store.metrics import Metrics
from clary.store.records import Records
from clary.wire import Call
from clary.wire.operation import name_of
from tests.services.sagemaker.conftest import NotedBackground

NOW = 1_700_000_040  # on a whole minute

Operations = Callable[..., dict[str, Any]]


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(NOW)


@pytest.fixture
def rooms(tmp_path: Path, clock: MovedClock) -> Iterator[SimpleNamespace]:
    database = Database(f"sqlite:///{tmp_path}/state.db")
    yield SimpleNamespace(
        metrics=Metrics(database, clock),
        records=Records(database, clock),
        changes=Changes(),
        background=NotedBackground(),
        clock=clock,
    )
    database.close()


@pytest.fixture
def cloudwatch(rooms: SimpleNamespace) -> Operations:
    """`cloudwatch("PutMetricData", Namespace="n", MetricData=[...])`."""
    functions = {
        name_of(function): function
        for module in (alarm, alarm_history, alarm_tags, metric_data, metric_query, metric_statistics)
        for function in vars(module).values()
        if hasattr(function, "aws_service")
    }

    def call(name: str, **request: Any) -> dict[str, Any]:
        made = Call(rooms, "cloudwatch", name, "000000000000", "us-east-1", None, "id", {}, "127.0.0.1", "http://x")
        return functions[name](made, request)

    return call
