"""Updates in steps: how the traffic is shared, what bakes, what sends an update back, and that no request fails."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clary.clock import Clock, MovedClock
from clary.config import Settings
from clary.hosting import Answer, EndpointSpec, Hosting, Invocation, Rollout, Step, worker
from clary.hosting.rollout import portion
from clary.sandbox import WarmParent
from tests.hosting.conftest import ID, House, archive, endpoint, until, variant

Ask = Callable[..., Answer]
Loop = asyncio.AbstractEventLoop


class SteppedClock(MovedClock):
    """Stands still, but gives real ids."""

    hex = Clock.hex


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def alarms() -> dict[str, str]:
    return {}


@pytest.fixture
def hosting(
    house: House,
    warm: WarmParent,
    clock: SteppedClock,
    alarms: dict[str, str],
    loop: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Hosting]:
    """A room whose clock and alarms the test moves."""
    monkeypatch.setattr(worker, "ENTRY", "tests.hosting.tiny_model:main")
    monkeypatch.setattr("clary.hosting.rollout.LOOK_SECONDS", 0.005)
    host = replace(house.host(), alarm_state=lambda scope, name: alarms.get(name, ""))
    room = Hosting(Settings(), clock, host, warm, tmp_path / "endpoints")
    yield room
    room.close()


def version(name: str, count: int = 1, **fields: Any) -> EndpointSpec:
    return endpoint(variant(uri=f"s3://models/{name}", instance_count=count, **fields))


def plan(seconds: float, *shares: float, last: float | None = None, **fields: Any) -> Rollout:
    """Steps to these shares and then to the whole, each of which bakes."""
    steps = [Step(share, seconds) for share in shares]
    return Rollout(steps=(*steps, Step(1.0, seconds if last is None else last)), **fields)


def serve(hosting: Hosting, house: House, count: int = 1) -> None:
    """Serve the old."""
    for name in ("old", "new"):
        house.objects["models", name] = archive(name=name)
    hosting.create(version("old", count))
    house.wait_for_states(1)


def stage(house: House, status: str, times: int = 1) -> dict[str, Any]:
    """Wait until the update has told of a stage so many times; the last of them."""

    def found() -> list[dict[str, Any]]:
        return [row["Stage"] for row in list(house.states) if row.get("Stage", {}).get("Status") == status]

    until(lambda: len(found()) >= times)
    return found()[times - 1]


def settled(house: House) -> dict[str, Any]:
    """The change that ends the update."""
    until(lambda: len(house.states) > 1 and "Stage" not in house.states[-1])
    return house.states[-1]


def shares(ask: Ask, requests: int = 200) -> Counter[str]:
    return Counter(ask("1").body.decode().removesuffix("(1)") for _ in range(requests))


@contextmanager
def callers(hosting: Hosting, loop: Loop) -> Iterator[None]:
    """Clients that ask without a pause; a failed request fails the test."""
    done = threading.Event()

    async def caller() -> None:
        while not done.is_set():
            await hosting.invoke(ID, Invocation(b"sleep 0.01"))

    async def all_callers() -> None:
        await asyncio.gather(*(caller() for _ in range(4)))

    calling = asyncio.run_coroutine_threadsafe(all_callers(), loop)
    try:
        yield
    finally:
        done.set()
        calling.result(30)


def test_a_canary_bakes_twice_before_the_old_fleet_ends(
    hosting: Hosting, ask: Ask, loop: Loop, house: House, clock: SteppedClock, tmp_path: Path
) -> None:
    serve(hosting, house)
    with callers(hosting, loop):
        hosting.update(version("new"), plan(60, 0.25, last=30))
        canary = stage(house, "Baking")
        assert (canary["Share"], canary["Counts"]["New"]) == (0.25, {"AllTraffic": 1})
        counts = shares(ask)
        assert 20 < counts["new"] < 80  # 50 +- 5 standard deviations
        assert counts["old"] == 200 - counts["new"]
        clock.move(61)
        assert stage(house, "Baking", 2)["Share"] == 1.0
        assert shares(ask, 20) == {"new": 20}
        assert len(list((tmp_path / "endpoints").glob("[0-9]*"))) == 2  # the old one stands by still
        clock.move(31)
        assert settled(house)["EndpointStatus"] == "InService"
    statuses = [row["Stage"]["Status"] for row in house.states if "Stage" in row]
    assert statuses == ["ActivatingTraffic", "Baking", "ActivatingTraffic", "Baking"]
    until(lambda: len(list((tmp_path / "endpoints").glob("[0-9]*"))) == 1)


@pytest.mark.parametrize("rolling", [False, True])
def test_an_alarm_sends_everything_back(
    hosting: Hosting,
    ask: Ask,
    loop: Loop,
    house: House,
    clock: SteppedClock,
    alarms: dict[str, str],
    tmp_path: Path,
    rolling: bool,
) -> None:
    rollout = plan(60, 0.5, alarms=("errors",), rolling=rolling, step_back=0.5)
    serve(hosting, house, 2)
    with callers(hosting, loop):
        hosting.update(version("new", 2), rollout)
        stage(house, "Baking")
        clock.move(61)
        stage(house, "Baking", 2)
        assert shares(ask, 20) == {"new": 20}
        alarms["errors"] = "ALARM"
        end = settled(house)
        assert shares(ask, 20) == {"old": 20}
    assert (end["EndpointStatus"], end["UpdateFailed"]) == ("InService", True)
    assert "The alarm errors " in end["FailureReason"]
    assert "RollingBack" in [row["EndpointStatus"] for row in house.states]
    until(lambda: len(list((tmp_path / "endpoints").glob("[0-9]*"))) == 1)
    hosting.update(version("new"))  # and the next update is as free as ever
    until(lambda: shares(ask, 1) == {"new": 1})


def test_a_rolling_update_never_runs_both_fleets_whole(
    hosting: Hosting, ask: Ask, loop: Loop, house: House, clock: SteppedClock, tmp_path: Path
) -> None:
    serve(hosting, house, 4)
    with callers(hosting, loop):
        hosting.update(version("new", 4), plan(10, 0.25, 0.5, 0.75, rolling=True))
        for step in range(1, 5):
            counts = stage(house, "Baking", step)["Counts"]
            assert (counts["New"], counts["Old"]) == ({"AllTraffic": step}, {"AllTraffic": 4 - step})
            assert running(tmp_path) == 4
            clock.move(11)
        assert settled(house)["EndpointStatus"] == "InService"
    assert shares(ask, 20) == {"new": 20}


def running(tmp_path: Path) -> int:
    """How many workers can be reached."""

    def listens(path: Path) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(path)) == 0

    return sum(listens(path) for path in (tmp_path / "endpoints" / "sockets").readlink().glob("*/worker.sock"))


def test_what_takes_too_long_goes_back(hosting: Hosting, ask: Ask, house: House, clock: SteppedClock) -> None:
    serve(hosting, house)
    hosting.update(version("new"), plan(600, 0.5, until=clock.now() + 900))
    stage(house, "Baking")
    clock.move(601)
    stage(house, "Baking", 2)
    clock.move(601)
    assert "MaximumExecutionTimeoutInSeconds" in settled(house)["FailureReason"]
    assert shares(ask, 20) == {"old": 20}


def test_a_new_fleet_that_never_comes_up_is_given_up_in_time(
    hosting: Hosting, ask: Ask, house: House, clock: SteppedClock
) -> None:
    hosting.create(endpoint())
    house.wait_for_states(1)
    hosting.update(endpoint(variant(kind="silent")), Rollout(until=clock.now() + 600))
    until(lambda: "starting silent" in house.log())
    clock.move(601)
    assert settled(house)["UpdateFailed"]
    assert ask("1").body == b"(1)"


def test_a_rollback_that_fails_leaves_a_mix_that_serves(
    hosting: Hosting, ask: Ask, house: House, alarms: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(hosting, house, 2)
    hosting.update(version("new", 2), plan(60, 0.5, alarms=("errors",), rolling=True))
    stage(house, "Baking")
    monkeypatch.setattr(worker, "ENTRY", "tests.hosting.no_such_module:main")
    alarms["errors"] = "ALARM"
    end = settled(house)
    assert end["EndpointStatus"] == "UpdateRollbackFailed"
    assert set(shares(ask)) == {"old", "new"}
    monkeypatch.undo()
    monkeypatch.setattr(worker, "ENTRY", "tests.hosting.tiny_model:main")
    hosting.update(version("new"))
    until(lambda: shares(ask, 20) == {"new": 20})
    assert settled(house)["EndpointStatus"] == "InService"


def test_a_variant_that_only_one_fleet_has_is_found_there(hosting: Hosting, ask: Ask, house: House) -> None:
    hosting.create(endpoint(variant("a")))
    house.wait_for_states(1)
    hosting.update(endpoint(variant("b")), plan(60, 0.5))
    stage(house, "Baking")
    assert {ask("1", target_variant="a").variant for _ in range(20)} == {"a"}
    assert {ask("1", target_variant="b").variant for _ in range(20)} == {"b"}


def test_an_endpoint_may_be_deleted_while_its_update_bakes(hosting: Hosting, house: House, tmp_path: Path) -> None:
    serve(hosting, house)
    hosting.update(version("new"), plan(60))
    stage(house, "Baking")
    before = len(house.states)
    hosting.delete(ID)
    until(lambda: not list((tmp_path / "endpoints").glob("[0-9]*")))
    assert len(house.states) == before


def test_portions() -> None:
    assert portion({"a": 4, "b": 1}, 0.25) == {"a": 1, "b": 1}
    assert portion({"a": 3}, 2 * (1 / 3)) == {"a": 2}
    assert portion({"a": 4, "b": 1}, 0) == {"a": 0, "b": 0}
