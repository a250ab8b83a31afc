"""The service's operations called as functions, on a clock that the test moves."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clary.clock import MovedClock
from clary.services.cloudwatch import metric_data, metric_query, metric_statistics
from clary.store.database import Database
from clary.store.metrics import Metrics
from clary.wire import Call

NOW = 1_700_000_040  # on a whole minute

Operations = Callable[..., dict[str, Any]]


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(NOW)


@pytest.fixture
def cloudwatch(tmp_path: Path, clock: MovedClock) -> Iterator[Operations]:
    """`cloudwatch("PutMetricData", Namespace="n", MetricData=[...])`."""
    database = Database(f"sqlite:///{tmp_path}/state.db")
    rooms = SimpleNamespace(metrics=Metrics(database, clock), clock=clock)
    functions = {
        function.aws_operation[1]: function
        for module in (metric_data, metric_query, metric_statistics)
        for function in vars(module).values()
        if hasattr(function, "aws_operation")
    }

    def call(name: str, **request: Any) -> dict[str, Any]:
        made = Call(rooms, "cloudwatch", name, "000000000000", "us-east-1", None, "id", {}, "127.0.0.1", "http://x")
        return functions[name](made, request)

    yield call
    database.close()
