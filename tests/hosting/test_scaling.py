"""Instances that start and stop while an endpoint serves, with real workers."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable

import pytest

from clary.hosting import Answer, Hosting, Invocation
from tests.hosting.conftest import ID, House, endpoint, until, variant

Ask = Callable[..., Answer]


def serve(hosting: Hosting, house: House, count: int = 1) -> None:
    hosting.create(endpoint(variant(instance_count=count)))
    assert house.wait_for_states(1)[0]["EndpointStatus"] == "InService", house.states


def resize(hosting: Hosting, house: House, count: int, **fields: object) -> dict[str, object]:
    told = len(house.states)
    hosting.resize(endpoint(variant(instance_count=count, **fields)))
    return house.wait_for_states(told + 1)[-1]


def answering(ask: Ask, house: House, mark: str, tries: int = 9) -> set[str]:
    """The instances that answer now, by their log streams."""
    for _ in range(tries):
        ask(mark)

    until(lambda: asked(house, mark).total() == tries)
    return set(asked(house, mark))


def asked(house: House, mark: str) -> Counter[str]:
    """How often each instance was asked this, by its log stream."""
    return Counter(stream for stream, lines in house.lines.copy().items() for line in lines if f"asked {mark}" in line)


def test_instances_come_and_go_without_a_failed_request(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house)
    [first] = answering(ask, house, "first")
    slept, stop = [], threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            slept.append(ask("sleep 0.01").body)
            ask("meanwhile")

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert resize(hosting, house, 3)["EndpointStatus"] == "InService"
    until(lambda: len(asked(house, "meanwhile")) == 3)
    assert resize(hosting, house, 1)["EndpointStatus"] == "InService"
    left = answering(ask, house, "left")
    stop.set()
    for thread in threads:
        thread.join()
    assert (len(house.lines), left) == (3, {first}), "three were started, and the first went on all the time"
    assert set(slept) == {b"slept"}
    assert len(slept) > 10


def test_what_a_request_runs_on_does_not_end_before_it(
    hosting: Hosting, ask: Ask, house: House, loop: asyncio.AbstractEventLoop
) -> None:
    serve(hosting, house, 2)
    calls = [asyncio.run_coroutine_threadsafe(hosting.invoke(ID, Invocation(b"sleep 0.6")), loop) for _ in range(2)]
    resize(hosting, house, 1)
    assert [call.result(5).body for call in calls] == [b"slept", b"slept"]
    assert len(answering(ask, house, "after")) == 1


def test_where_new_instances_do_not_come_up_the_old_ones_serve_on(
    hosting: Hosting, ask: Ask, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(hosting, house)
    before = answering(ask, house, "before")
    monkeypatch.setattr("clary.hosting.worker._FORK", "tests.hosting.tiny_model:main")  # called with no such arguments
    told = resize(hosting, house, 3)
    assert (told["EndpointStatus"], told["UpdateFailed"]) == ("InService", True)
    assert "did not pass the ping health check" in str(told["FailureReason"])
    assert answering(ask, house, "after") == before
