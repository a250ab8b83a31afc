"""Answers that are passed on as the model makes them."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from clary.hosting import BrokenStream, Hosting, Invocation, InvocationRefused, ModelFailure, passage
from tests.hosting.conftest import ID, House, container, endpoint, until, variant

Run = Callable[..., Any]


@pytest.fixture
def serving(hosting: Hosting, house: House) -> Hosting:
    hosting.create(endpoint())
    assert house.wait_for_states(1)[0]["EndpointStatus"] == "InService"
    return hosting


@pytest.fixture
def run(loop: asyncio.AbstractEventLoop) -> Run:
    return lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)


async def collect(hosting: Hosting, body: str) -> tuple[list[bytes], list[float], str]:
    """The pieces of an answer, when each came, and its content type."""
    answer = await hosting.invoke_stream(ID, Invocation(body.encode()))
    pieces, times = [], []
    async for piece in answer.parts:
        pieces.append(piece)
        times.append(time.monotonic())
    return pieces, times, answer.content_type


def in_flight(hosting: Hosting) -> int:
    [fleet] = hosting._endpoints[ID]._traffic.fleets
    return sum(instance.in_flight for variant in fleet.variants.values() for instance in variant.instances)


def test_pieces_come_as_they_are_made(serving: Hosting, run: Run) -> None:
    pieces, times, content_type = run(collect(serving, "stream one,wait,two"))
    assert (pieces, content_type) == ([b"one", b"two"], "text/x-parts")
    assert times[1] - times[0] > 0.2
    assert in_flight(serving) == 0


def test_a_plain_answer_is_a_stream_too(serving: Hosting, run: Run) -> None:
    assert run(collect(serving, "hello"))[0] == [b"(hello)"]
    assert run(collect(serving, "stream "))[0] == []


def test_a_large_answer_waits_for_its_reader(serving: Hosting, run: Run) -> None:
    async def slowly() -> int:
        answer = await serving.invoke_stream(ID, Invocation(b"big 50000000"))
        await asyncio.sleep(0.1)
        assert answer.parts.ag_frame is not None
        return sum([len(piece) async for piece in answer.parts])

    assert run(slowly()) == 50_000_000


def test_a_connection_that_ends_early(serving: Hosting, run: Run) -> None:
    with pytest.raises(BrokenStream, match="reset or closed") as caught:
        run(collect(serving, "stream one,wait,break"))
    assert caught.value.code == "StreamBroken"
    assert in_flight(serving) == 0


def test_an_answer_that_takes_too_long(serving: Hosting, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passage, "STREAM_SECONDS", 0.1)
    with pytest.raises(BrokenStream, match="failed to finish sending") as caught:
        run(collect(serving, "stream one,wait,two"))
    assert caught.value.code == "ModelInvocationTimeExceeded"


def test_an_answer_that_does_not_begin(serving: Hosting, run: Run) -> None:
    with pytest.raises(ModelFailure, match="not with me") as caught:
        run(collect(serving, "refuse 418"))
    assert caught.value.status == 418
    with pytest.raises(ModelFailure, match="could not get a response"):
        run(collect(serving, "crash"))
    with pytest.raises(InvocationRefused, match="not a multi-model endpoint"):
        run(serving.invoke_stream(ID, Invocation(b"", target_model="a")))
    assert in_flight(serving) == 0
    assert run(collect(serving, "again"))[0] == [b"(again)"]


def test_a_reader_that_goes_away(serving: Hosting, run: Run) -> None:
    async def leave() -> None:
        answer = await serving.invoke_stream(ID, Invocation(b"stream one,wait,two"))
        assert await anext(answer.parts) == b"one"
        assert in_flight(serving) == 1
        await answer.parts.aclose()

    run(leave())
    assert in_flight(serving) == 0


def test_only_the_last_container_of_a_pipeline_streams(hosting: Hosting, house: House, run: Run) -> None:
    hosting.create(endpoint(variant(containers=[container(hostname="a"), container(hostname="b")])))
    house.wait_for_states(1)
    assert run(collect(hosting, "hello"))[0] == [b"((hello))"]
    hosting._measurements.flush()
    latencies = [datum.dimensions for datum in house.metrics if datum.name == "ContainerLatency"]
    assert latencies == [{"EndpointName": "tiny", "VariantName": "AllTraffic", "ContainerName": "a"}]


def test_a_container_that_is_asked_directly(hosting: Hosting, house: House, run: Run) -> None:
    containers = [container(hostname=name, environment={"WHO": name}) for name in ("a", "b")]
    hosting.create(endpoint(variant(containers=containers, direct=True)))
    house.wait_for_states(1)
    for name in ("a", "b", "b"):
        request = Invocation(b"environment WHO", target_container=name)
        assert run(hosting.invoke(ID, request)).body == name.encode()
    with pytest.raises(InvocationRefused, match="has no container with the hostname c"):
        run(hosting.invoke(ID, Invocation(b"", target_container="c")))
    hosting._measurements.flush()
    sums = {
        datum.dimensions.get("ContainerName", ""): datum.summary.sum
        for datum in house.metrics
        if datum.name == "Invocations"
    }
    assert sums == {"": 4, "a": 1, "b": 2}
    names = {datum.name for datum in house.metrics if "ContainerName" in datum.dimensions}
    assert names >= {"Invocations", "Invocation4XXErrors", "Invocation5XXErrors", "ContainerLatency", "OverheadLatency"}
    assert "ModelLatency" not in names


def test_random_routing(hosting: Hosting, house: House, run: Run) -> None:
    hosting.create(endpoint(variant(instance_count=2, routing="RANDOM")))
    house.wait_for_states(1)
    for _ in range(40):
        run(hosting.invoke(ID, Invocation(b"1")))
    until(lambda: len(house.log("asked").split("\n")) == 40)
    counts = sorted(sum("asked" in line for line in lines) for lines in house.lines.values())
    assert counts[0] >= 5  # in turn it would be 20; 6 standard deviations below are 1


def test_an_accelerator_is_threads(hosting: Hosting, house: House, run: Run) -> None:
    hosting.create(endpoint(variant(accelerator_type="ml.eia2.medium")))
    house.wait_for_states(1)
    until(lambda: house.log("ml.eia2.medium: no elastic accelerator"))
    assert int(run(hosting.invoke(ID, Invocation(b"environment OMP_NUM_THREADS"))).body) >= 1
