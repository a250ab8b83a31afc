"""The warm parent: forks, their ends, and what happens when one side dies."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clary.sandbox import SandboxError, WarmParent, is_running, namespaces_available

PROGRAMS = "tests.sandbox.programs"


class Ends(queue.Queue[int]):
    """Collects exit statuses."""

    def next(self) -> int:
        return self.get(timeout=60)


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[WarmParent]:
    parent = WarmParent([PROGRAMS], tmp_path / "warm")
    parent.start()
    yield parent
    parent.close()


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def fork_sleeper(
    warm: WarmParent, tmp_path: Path, *, detached: bool, ends: Ends, name: str = "mark"
) -> tuple[int, int]:
    mark = tmp_path / name
    found = warm.fork(f"{PROGRAMS}:sleep", {"mark": str(mark)}, detached=detached, on_exit=ends.put)
    until(mark.exists)
    return found


def describe(warm: WarmParent, target: Path) -> dict[str, Any]:
    ends = Ends()
    warm.fork(f"{PROGRAMS}:describe", {"target": str(target)}, detached=True, on_exit=ends.put)
    assert ends.next() == 0
    return msgspec.json.decode(target.read_bytes())


def test_whoever_asks_first_starts_it(tmp_path: Path) -> None:
    parent = WarmParent([PROGRAMS], tmp_path / "warm")
    assert parent.namespaces == namespaces_available()
    parent.close()


def test_statuses(warm: WarmParent, tmp_path: Path) -> None:
    ends = Ends()
    for status in (0, 3):
        warm.fork(f"{PROGRAMS}:leave", {"status": status}, detached=False, on_exit=ends.put)
        assert ends.next() == status
    warm.fork(f"{PROGRAMS}:fail", {}, detached=False, on_exit=ends.put)
    assert ends.next() == 1
    assert "RuntimeError: as it must" in (tmp_path / "warm" / "warm.log").read_text()
    pid, _ = fork_sleeper(warm, tmp_path, detached=False, ends=ends)
    os.kill(pid, signal.SIGTERM)
    assert ends.next() == 128 + signal.SIGTERM


def test_a_fork_has_nothing_of_its_parent(warm: WarmParent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = describe(warm, tmp_path / "one"), describe(warm, tmp_path / "two")
    assert one["files"] == ["0", "1", "2", "3"]  # 3 is the listing's own
    assert one["handlers"]
    assert one["session"]
    assert one["random"] != two["random"]


def test_the_servers_variables_do_not_reach_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARY_SECRET_KEY", "secret")
    warm = WarmParent([PROGRAMS], tmp_path / "warm")
    warm.start()
    try:
        assert "CLARY_SECRET_KEY" not in describe(warm, tmp_path / "one")["environment"]
    finally:
        warm.close()


def test_an_entry_that_does_not_exist(warm: WarmParent) -> None:
    with pytest.raises(SandboxError, match="no_such_module"):
        warm.fork("no_such_module:main", {}, detached=False)
    with pytest.raises(SandboxError, match="no_such_function"):
        warm.fork(f"{PROGRAMS}:no_such_function", {}, detached=False)


def test_many_threads_fork_at_once(warm: WarmParent) -> None:
    ends = Ends()
    fork = lambda: warm.fork(f"{PROGRAMS}:leave", {"status": 4}, detached=False, on_exit=ends.put)  # noqa: E731
    threads = [threading.Thread(target=fork) for _ in range(20)]
    for thread in threads:
        thread.start()
    assert [ends.next() for _ in threads] == [4] * 20


def test_closing_kills_the_attached_and_spares_the_detached(warm: WarmParent, tmp_path: Path) -> None:
    attached = fork_sleeper(warm, tmp_path, detached=False, ends=Ends(), name="attached")
    detached = fork_sleeper(warm, tmp_path, detached=True, ends=Ends(), name="detached")
    warm.close()
    try:
        until(lambda: not is_running(*attached))
        assert is_running(*detached)
    finally:
        os.kill(detached[0], signal.SIGKILL)
    with pytest.raises(SandboxError, match="closed"):
        warm.fork(f"{PROGRAMS}:leave", {"status": 0}, detached=False)


def test_a_dead_warm_parent_is_replaced(warm: WarmParent, tmp_path: Path) -> None:
    lost, kept = Ends(), Ends()
    attached = fork_sleeper(warm, tmp_path, detached=False, ends=lost, name="attached")
    detached = fork_sleeper(warm, tmp_path, detached=True, ends=kept, name="detached")
    os.kill(_parent_of(attached[0]), signal.SIGKILL)
    assert lost.next() == 137
    assert is_running(*detached)
    ends = Ends()
    warm.fork(f"{PROGRAMS}:leave", {"status": 6}, detached=False, on_exit=ends.put)
    assert ends.next() == 6
    os.kill(detached[0], signal.SIGKILL)
    assert kept.next() == -1


def test_kill_9_of_the_server(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from clary.sandbox import WarmParent\n"
        f"warm = WarmParent(['{PROGRAMS}'], Path(sys.argv[1]) / 'warm'); warm.start()\n"
        "for name in ('attached', 'detached'):\n"
        "    argument = {'mark': sys.argv[1] + '/' + name}\n"
        f"    print(*warm.fork('{PROGRAMS}:sleep', argument, detached=name == 'detached'), flush=True)\n"
        "time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, env=environment) as server:
        attached, detached = (tuple(map(int, server.stdout.readline().split())) for _ in range(2))
        warm = _parent_of(attached[0])
        server.kill()
    try:
        until(lambda: not is_running(*attached))
        until(lambda: not Path(f"/proc/{warm}").exists())
        assert is_running(*detached)
    finally:
        os.kill(detached[0], signal.SIGKILL)


def test_a_preload_that_fails_is_said(tmp_path: Path) -> None:
    warm = WarmParent(["no_such_module"], tmp_path / "warm")
    warm.start()
    with pytest.raises(SandboxError, match=r"warm\.log"):
        warm.fork(f"{PROGRAMS}:leave", {"status": 0}, detached=False)
    warm.close()
    assert "no_such_module" in (tmp_path / "warm" / "warm.log").read_text()


@pytest.mark.skipif(not namespaces_available(), reason="the kernel refuses namespaces")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_sandbox_has_the_threads_it_was_given(tmp_path: Path, threads: int) -> None:
    warm = WarmParent(["numpy", PROGRAMS], tmp_path / "warm")
    warm.start()
    try:
        assert _run(warm, tmp_path, entry=f"{PROGRAMS}:count_threads", threads=threads) == (0, f"{threads}\n")
    finally:
        warm.close()


@pytest.mark.skipif(not namespaces_available(), reason="the kernel refuses namespaces")
def test_the_warm_parents_folder_is_hidden(warm: WarmParent, tmp_path: Path) -> None:
    assert _run(warm, tmp_path, command=["/bin/ls", str(tmp_path)])[0] != 0


@pytest.mark.slow
@pytest.mark.skipif(not namespaces_available(), reason="the kernel refuses namespaces")
def test_compiled_kernels_are_found_but_can_not_be_changed(tmp_path: Path) -> None:
    warm = WarmParent(["tests.sandbox.kernels"], tmp_path / "warm")
    warm.start()
    folder = tmp_path / "warm" / "kernels"
    try:
        until(lambda: list(folder.rglob("*.nbi")) and list(folder.rglob("*.nbc")), 60)
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        entry = "tests.sandbox.kernels:main"
        assert _run(warm, tmp_path, entry=entry, threads=2) == (0, "499500 1 True\n")
        _run(warm, tmp_path, command=["/bin/sh", "-c", f"rm -rf {folder}; mkdir -p {folder}; echo x > {folder}/x"])
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    finally:
        warm.close()


def _run(warm: WarmParent, tmp_path: Path, **program: Any) -> tuple[int, str]:
    ends = Ends()
    output = tmp_path / "output"
    argument = {**program, "output": str(output), "folder": str(tmp_path / "private")}
    warm.fork(f"{PROGRAMS}:run_program", argument, detached=False, on_exit=ends.put)
    return ends.next(), output.read_text()


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
