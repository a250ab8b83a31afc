"""A hosting room with a warm parent, and a host of plain dicts."""

import asyncio
import io
import tarfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clary.clock import Clock
from clary.config import Settings
from clary.errors import ServiceError
from clary.hosting import Answer, ContainerSpec, EndpointSpec, Hosting, Invocation, VariantSpec, worker
from clary.jobs.host import Host
from clary.sandbox import WarmParent

NAME = "tiny"
ID = f"arn:aws:sagemaker:us-east-1:000000000000:endpoint/{NAME}"


class Item(NamedTuple):
    key: str
    size: int = 0
    etag: str = ""


class House:
    """What a hosting room asks of the other rooms, kept where tests can look."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.lines: dict[str, list[str]] = defaultdict(list)
        self.metrics: list[Any] = []
        self.states: list[dict[str, Any]] = []
        self.changed = threading.Condition()

    def host(self) -> Host:
        return Host(
            list_objects=lambda bucket, prefix: (
                Item(key) for name, key in sorted(self.objects) if name == bucket and key.startswith(prefix)
            ),
            fetch_object=self._fetch,
            put_object=lambda *_: None,
            delete_object=lambda *_: None,
            append_log=lambda scope, group, stream, events, position: self.lines[f"{group} {stream}"].extend(
                line for _, line in events
            ),
            log_position=lambda *_: 0,
            put_metrics=lambda scope, namespace, data, source: self.metrics.extend(data),
            state_changed=self._change,
            credentials=lambda *_: {},
        )

    def wait_for_states(self, count: int, seconds: float = 30) -> list[dict[str, Any]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.states) >= count, seconds), self.states
            return self.states

    def log(self, text: str = "") -> str:
        return "\n".join(line for lines in self.lines.values() for line in lines if text in line)

    def _fetch(self, bucket: str, key: str, target: Path) -> None:
        if (bucket, key) not in self.objects:
            raise ServiceError("The specified key does not exist.", code="NoSuchKey", status=404)
        target.write_bytes(self.objects[bucket, key])

    def _change(self, identity: str, change: dict[str, Any]) -> None:
        assert identity == ID
        with self.changed:
            self.states.append(change)
            self.changed.notify_all()


def archive(**files: str) -> bytes:
    """A model.tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            member.mode = 0o600
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def container(kind: str = "tiny", uri: str = "", **fields: Any) -> ContainerSpec:
    return ContainerSpec(algorithm=kind, model_uri=uri, **fields)


def variant(name: str = "AllTraffic", kind: str = "tiny", uri: str = "", **fields: Any) -> VariantSpec:
    fields.setdefault("containers", [container(kind, uri)])
    return VariantSpec(name=name, **fields)


def endpoint(*variants: VariantSpec) -> EndpointSpec:
    variants = variants or (variant(),)
    return EndpointSpec(id=ID, account="000000000000", region="us-east-1", name=NAME, variants=list(variants))


def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmParent]:
    parent = WarmParent(["clary.hosting.worker_process", "tests.hosting.tiny_model"], tmp_path_factory.mktemp("warm"))
    parent.start()
    yield parent
    parent.close()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The server's event loop, on a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


@pytest.fixture
def ask(loop: asyncio.AbstractEventLoop, hosting: Hosting) -> Callable[..., Answer]:
    def ask(body: str, **fields: str) -> Answer:
        call = hosting.invoke(ID, Invocation(body.encode(), **fields))
        return asyncio.run_coroutine_threadsafe(call, loop).result(30)

    return ask


@pytest.fixture
def hosting(
    house: House, warm: WarmParent, loop: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hosting]:
    monkeypatch.setattr(worker, "ENTRY", "tests.hosting.tiny_model:main")
    room = Hosting(Settings(), Clock(), house.host(), warm, tmp_path / "endpoints")
    yield room
    room.close()
