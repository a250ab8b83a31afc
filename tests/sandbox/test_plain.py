"""Where the kernel refuses namespaces: a plain process, for built-in algorithms only."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clary.sandbox import Mount, Program, SandboxError, process, start


@pytest.fixture(autouse=True)
def no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "namespaces_available", lambda: False)


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def program(tmp_path: Path, **fields: object) -> Program:
    return Program(output=str(tmp_path / "output"), folder=str(tmp_path / "private"), **fields)


def test_an_entry_gets_the_root_prefix(tmp_path: Path) -> None:
    mounts = [Mount(str(tmp_path), "/opt/ml", writable=True)]
    found = program(tmp_path, entry="tests.sandbox.programs:hello", mounts=mounts, environment={"GREETING": "hi"})
    assert start(found).wait(20) == 5
    output = (tmp_path / "output").read_text()
    assert output.startswith("hello hi ['CLARY_OPT_ML', 'GREETING'")
    assert "PYTEST" not in output


def test_user_code_is_refused_unless_allowed(tmp_path: Path) -> None:
    found = program(tmp_path, command=["/bin/sh", "-c", "pwd; exit 3"])
    with pytest.raises(SandboxError, match="allow_unsandboxed"):
        start(found)
    found.allow_unsandboxed = True
    assert start(found).wait(20) == 3
    assert (tmp_path / "output").read_text() == f"{tmp_path}/private/tmp\n"


def test_it_is_killed_with_its_children(tmp_path: Path) -> None:
    line = "trap '' TERM; sleep 61 & echo $! > child; while :; do sleep 0.02; done"
    running = start(program(tmp_path, command=["/bin/sh", "-c", line], allow_unsandboxed=True))
    child = tmp_path / "private" / "tmp" / "child"
    until(lambda: child.exists() and bool(child.read_text()))
    running.signal(signal.SIGTERM)
    assert running.wait(0.2) is None
    running.signal(signal.SIGKILL)
    assert running.wait(10) == 137
    until(lambda: not _runs(int(child.read_text())))


def test_memory_is_limited(tmp_path: Path) -> None:
    found = program(tmp_path, entry="tests.sandbox.programs:fill_memory", memory_bytes=100 << 20)
    assert start(found).wait(20) == 1
    assert "MemoryError" in (tmp_path / "output").read_text()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
