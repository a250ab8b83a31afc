"""The service's operations called as functions, on a clock that the test moves."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clary.clock import MovedClock
from clary.services.logs import log_event, log_group, log_stream, tags
from clary.store.database import Database
from clary.store.logs import Logs
from clary.wire import Call
from clary.wire.operation import name_of

ACCOUNT, REGION = "000000000000", "eu-west-1"

Operations = Callable[..., dict[str, Any]]


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def logs(tmp_path: Path, clock: MovedClock) -> Iterator[Operations]:
    """`logs("CreateLogGroup", logGroupName="g")`."""
    database = Database(f"sqlite:///{tmp_path}/state.db")
    rooms = SimpleNamespace(logs=Logs(database, clock), clock=clock)
    functions = {
        name_of(function): function
        for module in (log_event, log_group, log_stream, tags)
        for function in vars(module).values()
        if hasattr(function, "aws_service")
    }

    def call(name: str, **request: Any) -> dict[str, Any]:
        made = Call(rooms, "logs", name, ACCOUNT, REGION, None, "id", {}, "127.0.0.1", "http://127.0.0.1:4566")
        return functions[name](made, request)

    yield call
    database.close()
