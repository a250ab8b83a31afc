"""Instances of a serverless variant: started by requests, one request each, ended when idle; with real workers."""

import asyncio
import time
from collections.abc import Callable

import pytest

from clary.clock import MovedClock
from clary.config import Settings
from clary.hosting import Answer, ConcurrencyExceeded, Hosting, Invocation, InvocationRefused, ModelFailure
from clary.hosting.spec import EndpointSpec, ServerlessSpec
from tests.hosting.conftest import ID, House, endpoint, until, variant

Ask = Callable[..., Answer]


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def hosting(house, warm, loop, tmp_path, monkeypatch, clock):
    monkeypatch.setattr("clary.hosting.worker.ENTRY", "tests.hosting.tiny_model:main")
    monkeypatch.setattr("clary.hosting.room._FLUSH_SECONDS", 0.02)
    room = Hosting(Settings(serverless_idle_seconds=60.0), clock, house.host(), warm, tmp_path / "endpoints")
    yield room
    room.close()


def serverless(most: int = 2, provisioned: int = 0, kind: str = "tiny", memory: int = 1 << 30) -> EndpointSpec:
    limits = ServerlessSpec(memory_bytes=memory, max_concurrency=most, provisioned=provisioned)
    return endpoint(variant(kind=kind, instance_count=provisioned, serverless=limits))


def serve(hosting: Hosting, house: House, spec: EndpointSpec) -> None:
    hosting.create(spec)
    assert house.wait_for_states(1)[0]["EndpointStatus"] == "InService", house.states


def running(hosting: Hosting) -> int:
    return hosting._endpoints[ID].instances


def values(house: House, name: str) -> list[float]:
    return [value for datum in list(house.metrics) if datum.name == name for value, _ in datum.summary.samples]


def test_a_worker_starts_with_a_request_and_ends_when_idle(
    hosting: Hosting, ask: Ask, house: House, clock: MovedClock
) -> None:
    serve(hosting, house, serverless())
    assert running(hosting) == 0
    assert ask("first").body == b"(first)"
    assert running(hosting) == 1
    assert ask("second").body == b"(second)"
    assert running(hosting) == 1
    until(lambda: len(house.lines) == 2)  # one was tried when the endpoint was made, one serves
    until(lambda: len(values(house, "OverheadLatency")) == 2)
    [setup] = values(house, "ModelSetupTime")
    quick, cold = sorted(values(house, "OverheadLatency"))
    assert cold >= 0.99 * setup > quick
    clock.move(59)
    time.sleep(0.1)
    assert running(hosting) == 1
    clock.move(2)
    until(lambda: running(hosting) == 0)
    assert ask("third").body == b"(third)"
    until(lambda: len(house.lines) == 3)


def test_more_requests_at_once_than_allowed_are_throttled(
    hosting: Hosting, house: House, loop: asyncio.AbstractEventLoop
) -> None:
    serve(hosting, house, serverless(most=2))
    calls = [asyncio.run_coroutine_threadsafe(hosting.invoke(ID, Invocation(b"sleep 0.5")), loop) for _ in range(5)]
    found = [call.exception(20) for call in calls]
    assert sum(problem is None for problem in found) == 2
    throttled = [problem for problem in found if problem]
    assert [type(problem) for problem in throttled] == [ConcurrencyExceeded] * 3
    assert "MaxConcurrency of 2" in str(throttled[0])
    assert running(hosting) == 2


def test_provisioned_workers_stay(hosting: Hosting, ask: Ask, house: House, clock: MovedClock) -> None:
    serve(hosting, house, serverless(most=3, provisioned=1))
    assert running(hosting) == 1
    ask("a")
    clock.move(1000)
    time.sleep(0.1)
    assert running(hosting) == 1
    assert values(house, "ModelSetupTime") == [], "no cold start"
    hosting.resize(serverless(most=3, provisioned=2))
    house.wait_for_states(2)
    assert running(hosting) == 2
    hosting.resize(serverless(most=3, provisioned=0))
    house.wait_for_states(3)
    assert running(hosting) == 0
    assert ask("b").body == b"(b)"


def test_a_request_whose_caller_goes_leaves_an_idle_worker(
    hosting: Hosting, ask: Ask, house: House, loop: asyncio.AbstractEventLoop
) -> None:
    serve(hosting, house, serverless(most=1))
    call = asyncio.run_coroutine_threadsafe(hosting.invoke(ID, Invocation(b"gone")), loop)
    until(lambda: running(hosting) == 1)
    call.cancel()
    started = hosting._endpoints[ID]._traffic.fleets[0].variants["AllTraffic"].instances[0]
    until(lambda: started.up and not started.in_flight)
    assert ask("next").body == b"(next)"
    assert running(hosting) == 1


def test_an_update_while_workers_start_fails_no_request(
    hosting: Hosting, house: House, loop: asyncio.AbstractEventLoop
) -> None:
    serve(hosting, house, serverless(most=4))
    calls = [asyncio.run_coroutine_threadsafe(hosting.invoke(ID, Invocation(b"x")), loop) for _ in range(2)]
    hosting.update(serverless(most=4))
    calls += [asyncio.run_coroutine_threadsafe(hosting.invoke(ID, Invocation(b"x")), loop) for _ in range(2)]
    assert [call.result(20).body for call in calls] == [b"(x)"] * 4
    house.wait_for_states(2)


def test_a_container_that_does_not_come_up(hosting: Hosting, house: House) -> None:
    hosting.create(serverless(kind="broken"))
    [state] = house.wait_for_states(1)
    assert state["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in state["FailureReason"]


def test_a_cold_start_that_fails_fails_its_request_alone(
    hosting: Hosting, ask: Ask, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(hosting, house, serverless(most=1))
    with monkeypatch.context() as patched:
        patched.setattr("clary.hosting.worker._FORK", "tests.hosting.tiny_model:main")  # called with no such arguments
        with pytest.raises(ModelFailure, match="did not pass the ping health check"):
            ask("x")
    assert running(hosting) == 0
    assert ask("y").body == b"(y)"


def test_memory_is_limited(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house, serverless(memory=256 << 20))
    assert ask("take 100").body == b"took 100"
    with pytest.raises(ModelFailure):
        ask("take 400")
    assert ask("x").body == b"(x)"


def test_large_requests_are_refused(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house, serverless())
    with pytest.raises(InvocationRefused, match="a serverless endpoint takes 4194304"):
        ask("x" * (4 * 1024 * 1024 + 1))
