"""Endpoints of many models: loaded when asked for, unloaded when memory ends."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clary.hosting import Answer, Hosting, Invocation, InvocationRefused, ModelFailure, ModelNotReady, worker
from clary.hosting import endpoint as endpoint_module
from clary.sandbox import WarmParent
from tests.hosting.conftest import ID, House, archive, container, endpoint, until, variant

Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmParent]:
    parent = WarmParent(["clary.hosting.worker_process", "tests.hosting.many_models"], tmp_path_factory.mktemp("warm"))
    parent.start()
    yield parent
    parent.close()


@pytest.fixture
def hosting(hosting: Hosting, monkeypatch: pytest.MonkeyPatch) -> Hosting:
    monkeypatch.setattr(worker, "ENTRY", "tests.hosting.many_models:main")
    return hosting


@pytest.fixture
def serve(hosting: Hosting, house: House) -> Callable[..., None]:
    def serve(names: str = "abc", most: int = 100, **fields: Any) -> None:
        for name in names:
            put(house, name)
        many = container(
            uri="s3://models/all/", multi_model=True, environment={"MOST": str(most)}, **fields.pop("container", {})
        )
        hosting.create(endpoint(variant(containers=[many], **fields)))
        assert house.wait_for_states(1)[0]["EndpointStatus"] == "InService", house.states

    return serve


def put(house: House, name: str, content: str = "") -> None:
    house.objects["models", f"all/{name}.tar.gz"] = archive(name=content or name)


def together(loop: asyncio.AbstractEventLoop, hosting: Hosting, *requests: tuple[str, str]) -> list[bytes]:
    """Requests of (model, body), all at once."""

    async def run() -> list[bytes]:
        calls = [hosting.invoke(ID, Invocation(body.encode(), target_model=model)) for model, body in requests]
        return [answer.body for answer in await asyncio.gather(*calls)]

    return asyncio.run_coroutine_threadsafe(run(), loop).result(30)


def values(hosting: Hosting, house: House, metric: str) -> list[float]:
    hosting._measurements.flush()
    data = [datum for datum in house.metrics if datum.name == metric]
    for datum in data:
        assert datum.dimensions == {"EndpointName": "tiny", "VariantName": "AllTraffic"}
    return [value for datum in data for value, count in datum.summary.samples for _ in range(int(count))]


def test_models_are_loaded_when_they_are_asked_for(
    serve: Callable[..., None], ask: Ask, house: House, hosting: Hosting
) -> None:
    serve("ab")
    assert ask("1", target_model="a.tar.gz").body == b"a(1)"
    assert ask("2", target_model="/a.tar.gz").body == b"a(2)"  # another way to say it
    assert ask("3", target_model="b.tar.gz").body == b"b(3)"
    assert ask("4", target_model="a.tar.gz").body == b"a(4)"
    put(house, "later")
    assert ask("5", target_model="later.tar.gz").body == b"later(5)"
    until(lambda: house.log("loaded b"))
    assert sorted(values(hosting, house, "ModelCacheHit")) == [0, 0, 0, 0, 1]
    for metric in ("ModelLoadingWaitTime", "ModelDownloadingTime", "ModelLoadingTime"):
        assert len(values(hosting, house, metric)) == 4, metric
    assert not values(hosting, house, "ModelUnloadingTime")


def test_what_is_asked_of_the_wrong_endpoint(serve: Callable[..., None], ask: Ask) -> None:
    serve("a")
    with pytest.raises(InvocationRefused, match="Endpoint tiny is a multi-model endpoint and requires a target model"):
        ask("1")
    with pytest.raises(InvocationRefused, match=r"data\(bucket: models, key: all/none.tar.gz\). Please ensure"):
        ask("1", target_model="none.tar.gz")
    assert ask("1", target_model="a.tar.gz").body == b"a(1)"


def test_the_model_asked_least_recently_makes_room(
    serve: Callable[..., None], ask: Ask, house: House, hosting: Hosting
) -> None:
    serve("abc", most=2)
    for name in "abac":
        assert ask("1", target_model=f"{name}.tar.gz").body == f"{name}(1)".encode()
    until(lambda: "loaded c" in house.log() and "gone b" in house.log())
    assert "gone a" not in house.log()
    assert ask("1", target_model="a.tar.gz").body == b"a(1)"
    assert ask("1", target_model="b.tar.gz").body == b"b(1)"
    until(lambda: "gone c" in house.log())
    assert sorted(values(hosting, house, "ModelCacheHit")) == [0, 0, 0, 0, 1, 1]
    assert len(values(hosting, house, "ModelUnloadingTime")) == 2
    assert len(values(hosting, house, "ModelDownloadingTime")) == 3  # b is on the disk still


def test_first_requests_together_load_once(
    serve: Callable[..., None], house: House, hosting: Hosting, loop: asyncio.AbstractEventLoop
) -> None:
    serve("a")
    put(house, "slow")
    answers = together(loop, hosting, *[("slow.tar.gz", str(number)) for number in range(10)], ("a.tar.gz", "x"))
    assert answers == [f"slow({number})".encode() for number in range(10)] + [b"a(x)"]
    assert len(values(hosting, house, "ModelLoadingTime")) == 2
    assert len(values(hosting, house, "ModelLoadingWaitTime")) == 11


def test_a_model_that_answers_is_not_unloaded(
    serve: Callable[..., None], hosting: Hosting, loop: asyncio.AbstractEventLoop
) -> None:
    serve("ab", most=1)
    answers = together(loop, hosting, ("a.tar.gz", "sleep 0.3"), ("b.tar.gz", "1"), ("a.tar.gz", "2"))
    assert answers == [b"a(sleep 0.3)", b"b(1)", b"a(2)"]


def test_a_model_that_does_not_fit_at_all(serve: Callable[..., None], ask: Ask) -> None:
    serve("a", most=0)
    with pytest.raises(ModelFailure, match="Not enough memory to load model") as caught:
        ask("1", target_model="a.tar.gz")
    assert caught.value.status == 507


def test_a_model_that_can_not_be_loaded_is_fetched_again(serve: Callable[..., None], ask: Ask, house: House) -> None:
    serve("a")
    house.objects["models", "all/b.tar.gz"] = archive(other="b")
    with pytest.raises(ModelFailure, match="there is no name in it") as caught:
        ask("1", target_model="b.tar.gz")
    assert caught.value.status == 500
    house.objects["models", "all/b.tar.gz"] = b"no archive"
    with pytest.raises(InvocationRefused, match=r"valid tar\.gz archive"):
        ask("1", target_model="b.tar.gz")
    put(house, "b")
    assert ask("1", target_model="b.tar.gz").body == b"b(1)"


def test_a_model_that_takes_long_to_load(
    serve: Callable[..., None], ask: Ask, house: House, hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_module, "MODEL_SECONDS", 0.2)
    serve("")
    put(house, "slow")
    with pytest.raises(ModelNotReady, match="not ready"):
        ask("1", target_model="slow.tar.gz")
    monkeypatch.setattr(endpoint_module, "MODEL_SECONDS", 60)
    assert ask("1", target_model="slow.tar.gz").body == b"slow(1)"  # it went on loading
    assert len(values(hosting, house, "ModelLoadingTime")) == 1
    assert values(hosting, house, "Invocation4XXErrors") == [0, 1]


def test_a_container_that_is_started_anew_loads_again(serve: Callable[..., None], ask: Ask, house: House) -> None:
    serve("ab")
    ask("1", target_model="a.tar.gz")
    with pytest.raises(ModelFailure, match="could not get a response"):
        ask("crash", target_model="b.tar.gz")
    assert ask("1", target_model="a.tar.gz").body == b"a(1)"
    until(lambda: house.log("loaded a").count("loaded a") == 2)


def test_without_a_cache_each_answer_is_the_models_last(
    serve: Callable[..., None], ask: Ask, house: House, hosting: Hosting, tmp_path: Path
) -> None:
    serve("a", container={"cache_models": False})
    for number in range(3):
        assert ask(str(number), target_model="a.tar.gz").body == f"a({number})".encode()
    until(lambda: house.log("gone a").count("gone a") == 3)
    until(lambda: not list(tmp_path.glob("endpoints/[0-9]*/i-*/ml/models/*")))
    assert values(hosting, house, "ModelCacheHit") == [0, 0, 0]


def test_a_model_stays_with_its_instance(
    serve: Callable[..., None], ask: Ask, house: House, hosting: Hosting, loop: asyncio.AbstractEventLoop
) -> None:
    serve("abcd", instance_count=2)
    for _ in range(5):
        for name in "abcd":
            ask("1", target_model=f"{name}.tar.gz")
    until(lambda: len(house.log("loaded").split("\n")) == 4)
    loads = [sum("loaded" in line for line in lines) for lines in house.lines.values()]
    assert sum(loads) == 4 and max(loads) < 4
    together(loop, hosting, *[("a.tar.gz", "sleep 0.05")] * 12)  # too many for one of them
    until(lambda: house.log("loaded a").count("loaded a") == 2)


def test_the_disk_is_cleared_of_models_that_are_not_loaded(
    serve: Callable[..., None],
    ask: Ask,
    house: House,
    hosting: Hosting,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve("abc", most=1)
    ask("1", target_model="a.tar.gz")
    ask("1", target_model="b.tar.gz")
    monkeypatch.setattr("clary.hosting.model_cache._FREE_DISK", 1.1)
    ask("1", target_model="c.tar.gz")  # b was loaded when c was fetched
    assert len(list(tmp_path.glob("endpoints/[0-9]*/i-*/ml/models/*"))) == 2
    assert ask("1", target_model="a.tar.gz").body == b"a(1)"
    assert len(values(hosting, house, "ModelDownloadingTime")) == 4


def test_nothing_is_left_of_a_deleted_endpoint(
    serve: Callable[..., None], ask: Ask, house: House, hosting: Hosting, tmp_path: Path
) -> None:
    serve("a")
    ask("1", target_model="a.tar.gz")
    assert len(hosting._measurements.readings._gauges) == 1
    hosting.delete(ID)
    until(lambda: not list(tmp_path.glob("endpoints/[0-9]*/i-*")))
    until(lambda: not hosting._measurements.readings._gauges)


def test_random_models_many_clients(
    serve: Callable[..., None], house: House, hosting: Hosting, loop: asyncio.AbstractEventLoop
) -> None:
    serve("abcdefgh", most=3)
    requests = [(f"{'abcdefgh'[number * 7 % 8]}.tar.gz", str(number)) for number in range(80)]
    answers = together(loop, hosting, *requests)
    assert answers == [f"{model[0]}({body})".encode() for model, body in requests]
