"""An endpoint from its creation to its end, with real workers."""

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from clary.hosting import (
    Answer,
    EndpointNotFoundError,
    Hosting,
    Invocation,
    ModelFailure,
    VariantNotFoundError,
)
from clary.hosting import (
    endpoint as endpoint_module,
)
from tests.hosting.conftest import ID, House, archive, container, endpoint, until, variant

Loop = asyncio.AbstractEventLoop
Ask = Callable[..., Answer]

PING_FAILED = (
    "The primary container for production variant AllTraffic did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)


def serve(hosting: Hosting, house: House, *variants: object) -> None:
    hosting.create(endpoint(*variants))
    assert house.wait_for_states(1)[0]["EndpointStatus"] == "InService", house.states


def test_a_model_answers(hosting: Hosting, ask: Ask, house: House) -> None:
    house.objects["models", "a/model.tar.gz"] = archive(name="first")
    serve(hosting, house, variant(uri="s3://models/a/model.tar.gz"))
    assert ask("1,2") == Answer(b"first(1,2)", "text/x-tiny", "AllTraffic", "")


def test_a_worker_without_namespaces(hosting: Hosting, ask: Ask, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clary.hosting.worker._FORK", "tests.hosting.tiny_model:run_plain")
    before = _our_processes()
    house.objects["models", "a"] = archive(name="plain")
    serve(hosting, house, variant(uri="s3://models/a"))
    assert ask("1").body == b"plain(1)"
    hosting.delete(ID)
    until(lambda: not _our_processes() - before)


def test_the_model_can_not_be_changed(hosting: Hosting, ask: Ask, house: House) -> None:
    house.objects["models", "a"] = archive(name="first")
    serve(hosting, house, variant(uri="s3://models/a"))
    with pytest.raises(ModelFailure):
        ask("write")
    until(lambda: "Read-only file system" in house.log())


def test_headers_go_through(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house)
    fields = {"content_type": "text/csv", "accept": "text/x-tiny", "custom_attributes": "trace", "inference_id": "7"}
    answer = ask("headers", **fields)
    sent = answer.body.decode().lower()
    for name, value in (
        ("content-type", "text/csv"),
        ("accept", "text/x-tiny"),
        ("x-amzn-sagemaker-inference-id", "7"),
    ):
        assert f"('{name}', '{value}')" in sent
    assert answer.custom_attributes == "trace seen"


def test_output_goes_to_the_log(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house)
    ask("hello")
    until(lambda: "asked hello" in house.log())
    (stream,) = house.lines
    assert stream.startswith("/aws/sagemaker/Endpoints/tiny AllTraffic/i-")


def test_the_environment_is_the_containers_own(
    hosting: Hosting, ask: Ask, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVERS_OWN", "secret")
    serve(hosting, house, variant(containers=[container(environment={"MODE": "fast"})]))
    assert ask("environment MODE").body == b"fast"
    assert ask("environment SERVERS_OWN").body == b""


def test_a_worker_sees_neither_the_data_folder_nor_others(
    hosting: Hosting, ask: Ask, house: House, tmp_path: Path
) -> None:
    serve(hosting, house)
    with pytest.raises(ModelFailure):
        ask(f"look {tmp_path}")
    assert ask("look /run/clary").body == b"['worker.sock']"


def test_model_errors(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house)
    with pytest.raises(ModelFailure) as caught:
        ask("refuse 415")
    assert (caught.value.status, caught.value.message, caught.value.container) == (415, "not with me", "primary")
    assert caught.value.log_stream.startswith("AllTraffic/i-")


def test_a_model_that_takes_too_long(hosting: Hosting, ask: Ask, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "MODEL_SECONDS", 0.2)
    serve(hosting, house)
    with pytest.raises(ModelFailure, match="timed out while waiting for a response from container primary") as caught:
        ask("sleep 5")
    assert caught.value.status == 0
    assert ask("next").body == b"(next)"  # and not what came too late


def test_a_crashed_worker_is_restarted(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house)
    before = ask("1").body
    with pytest.raises(ModelFailure, match="could not get a response") as caught:
        ask("crash")
    assert caught.value.status == 0
    assert ask("1").body == before  # it waits for the restart
    until(lambda: house.log("starting").count("starting tiny") == 2)


def test_a_worker_whose_warm_parent_dies_is_restarted(hosting: Hosting, ask: Ask, house: House, warm: object) -> None:
    serve(hosting, house)
    process = next(
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"tests.hosting.tiny_model" in path.read_bytes() and _parent_of(int(path.parent.name)) == os.getpid()
    )
    os.kill(process, signal.SIGKILL)
    until(lambda: house.log("starting").count("starting tiny") == 2)
    assert ask("1").body == b"(1)"


def test_an_unknown_endpoint(hosting: Hosting, ask: Ask) -> None:
    with pytest.raises(EndpointNotFoundError):
        ask("1")


def test_variants_share_the_traffic_by_weight(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house, variant("a", weight=3), variant("b", weight=1), variant("c", weight=0))
    counts = Counter(ask("1").variant for _ in range(200))
    assert set(counts) == {"a", "b"}
    assert 120 < counts["a"] < 180  # 150 +- 5 standard deviations
    assert ask("1", target_variant="c").variant == "c"
    with pytest.raises(VariantNotFoundError):
        ask("1", target_variant="d")
    hosting.set_weights(ID, {"a": 0, "c": 1, "b": 0})
    assert {ask("1").variant for _ in range(20)} == {"c"}


def test_instances_take_turns_and_the_busy_one_is_spared(hosting: Hosting, ask: Ask, loop: Loop, house: House) -> None:
    serve(hosting, house, variant(instance_count=2))
    for _ in range(10):
        ask("1")
    until(lambda: len(house.log("asked").split("\n")) == 10)
    assert sorted(sum("asked" in line for line in lines) for lines in house.lines.values()) == [5, 5]

    async def beside_a_slow_one() -> float:
        slow = asyncio.create_task(hosting.invoke(ID, Invocation(b"sleep 1")))
        await asyncio.sleep(0)
        started = time.monotonic()
        for _ in range(4):
            await hosting.invoke(ID, Invocation(b"1"))
        took = time.monotonic() - started
        await slow
        return took

    assert asyncio.run_coroutine_threadsafe(beside_a_slow_one(), loop).result(30) < 0.9
    assert sorted(sum("asked" in line for line in lines) for lines in house.lines.values()) != [7, 7]


def test_a_pipeline_passes_each_answer_on(hosting: Hosting, ask: Ask, house: House) -> None:
    house.objects["models", "1"] = archive(name="one")
    house.objects["models", "2"] = archive(name="two")
    containers = [container(uri="s3://models/1"), container(uri="s3://models/2", hostname="second")]
    serve(hosting, house, variant(containers=containers))
    assert ask("x").body == b"two(one(x))"
    with pytest.raises(ModelFailure) as caught:
        ask("refuse 400")
    assert caught.value.container == "container-1"


@pytest.mark.parametrize("kind", ["broken", "silent"])
def test_a_container_that_does_not_come_up(hosting: Hosting, ask: Ask, house: House, kind: str) -> None:
    hosting.create(endpoint(variant(kind=kind, startup_seconds=1.0)))
    change = house.wait_for_states(1)[0]
    assert (change["EndpointStatus"], change["FailureReason"]) == ("Failed", PING_FAILED)
    until(lambda: f"starting {kind}" in house.log())
    with pytest.raises(EndpointNotFoundError):
        ask("1")


def test_model_data_that_is_not_there(hosting: Hosting, house: House) -> None:
    hosting.create(endpoint(variant(uri="s3://models/none")))
    assert "Failed to download model data" in house.wait_for_states(1)[0]["FailureReason"]


def test_an_update_swaps_without_a_failed_request(
    hosting: Hosting, ask: Ask, loop: Loop, house: House, tmp_path: Path
) -> None:
    for number in range(4):
        house.objects["models", str(number)] = archive(name=f"v{number}")
    serve(hosting, house, variant(uri="s3://models/0", instance_count=2))
    seen: Counter[bytes] = Counter()
    done = threading.Event()

    async def caller() -> None:
        while not done.is_set():
            seen[(await hosting.invoke(ID, Invocation(b"1"))).body] += 1
            await hosting.invoke(ID, Invocation(b"sleep 0.01"))

    async def callers() -> None:
        await asyncio.gather(*(caller() for _ in range(6)))

    calling = asyncio.run_coroutine_threadsafe(callers(), loop)
    for number in range(1, 4):
        hosting.update(endpoint(variant(uri=f"s3://models/{number}")))
        house.wait_for_states(number + 1)
    until(lambda: seen[b"v3(1)"] > 20)
    done.set()
    calling.result(30)
    assert {change["EndpointStatus"] for change in house.states} == {"InService"}
    assert ask("1").body == b"v3(1)"
    until(lambda: len(list((tmp_path / "endpoints").glob("[0-9]*"))) == 1)  # the old ones are gone


def test_a_failed_update_leaves_the_old_in_service(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house)
    hosting.update(endpoint(variant(kind="broken")))
    change = house.wait_for_states(2)[1]
    assert (change["EndpointStatus"], change["FailureReason"], change["UpdateFailed"]) == (
        "InService",
        PING_FAILED,
        True,
    )
    assert ask("1").body == b"(1)"


@pytest.mark.parametrize("kind", ["tiny", "deaf"])
def test_a_deleted_endpoint_leaves_nothing(
    hosting: Hosting, ask: Ask, house: House, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clary.hosting.worker._STOP_SECONDS", 0.5)
    before = _our_processes()
    serve(hosting, house, variant(kind=kind))
    assert _our_processes() - before
    hosting.delete(ID)
    with pytest.raises(EndpointNotFoundError):
        ask("1")
    until(lambda: not _our_processes() - before)
    until(lambda: not list((tmp_path / "endpoints").glob("[0-9]*")))
    hosting.create(endpoint())
    house.wait_for_states(2)
    assert ask("1").body == b"(1)"


def test_deleting_while_it_is_created(hosting: Hosting, house: House, tmp_path: Path) -> None:
    before = _our_processes()
    hosting.create(endpoint(variant(kind="silent")))
    until(lambda: _our_processes() - before)
    hosting.delete(ID)
    until(lambda: not _our_processes() - before and not list((tmp_path / "endpoints").glob("[0-9]*")))
    assert house.states == []


def test_closing_leaves_no_process_and_no_file(hosting: Hosting, house: House, tmp_path: Path) -> None:
    before = _our_processes()
    serve(hosting, house, variant(instance_count=2))
    sockets = (tmp_path / "endpoints" / "sockets").readlink()
    assert sockets.exists()
    hosting.close()
    assert not _our_processes() - before
    assert not sockets.exists()
    assert not (tmp_path / "endpoints").exists()


def test_a_recovered_endpoint_holds_its_callers_until_it_serves(hosting: Hosting, ask: Ask, house: House) -> None:
    hosting.recover([endpoint()])
    assert ask("1").body == b"(1)"
    assert house.wait_for_states(1)[0]["EndpointStatus"] == "InService"


def test_metrics(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house)
    for _ in range(3):
        ask("1")
    with pytest.raises(ModelFailure):
        ask("refuse 400")
    with pytest.raises(ModelFailure):
        ask("refuse 500")
    hosting.close()
    sums: Counter[str] = Counter()
    for datum in house.metrics:
        assert datum.dimensions == {"EndpointName": "tiny", "VariantName": "AllTraffic"}
        sums[datum.name] += datum.summary.sum
    assert (sums["Invocations"], sums["Invocation4XXErrors"], sums["Invocation5XXErrors"]) == (5, 1, 1)
    assert 5 < sums["ModelLatency"] < 5e6
    assert sums["OverheadLatency"] > 0


def _our_processes() -> set[int]:
    """All processes below this one."""
    parents = {int(path.name): _parent_of(int(path.name)) for path in Path("/proc").glob("[0-9]*")}

    def is_ours(pid: int) -> bool:
        while pid > 1:
            pid = parents.get(pid, 0)
            if pid == os.getpid():
                return True
        return False

    return {pid for pid in parents if is_ours(pid)}


def _parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
