"""A program in its sandbox: what it sees, what it can't reach, how it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clary.sandbox import (
    Mount,
    Program,
    Running,
    SandboxError,
    is_running,
    namespaces_available,
    root,
    start,
    start_time,
)

needs_namespaces = pytest.mark.skipif(not namespaces_available(), reason="the kernel refuses namespaces")
pytestmark = [needs_namespaces, pytest.mark.xdist_group("forks")]  # in one process that has done nothing else yet

PYTHON = [sys.executable, "-c"]


SERVE = "import socket; s = socket.create_server(('algo-1', 9000)); s.settimeout(20); s.accept()[0].send(b'hi')"
ASK = """
import socket, time
for _ in range(2000):
    try:
        s = socket.create_connection(('algo-1', 9000), 1)
        break
    except ConnectionRefusedError:
        time.sleep(0.01)
assert s.recv(2) == b'hi'
print(socket.gethostname())
"""
FORK_BOMB = """
import os, time
count = 0
try:
    while count < 500:
        count += 1
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
except BlockingIOError:
    print('stopped at', count)
"""


class Shell:
    """Runs shell lines in sandboxes and reads what they print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output"

    def program(self, line: str, **fields: object) -> Program:
        fields.setdefault("environment", {"PATH": "/usr/bin:/bin"})
        return Program(
            command=["/bin/sh", "-c", line], output=str(self.output), folder=str(self.folder / "private"), **fields
        )

    def start(self, line: str, **fields: object) -> Running:
        self.output.write_text("")
        return start(self.program(line, **fields))

    def run(self, line: str, **fields: object) -> tuple[int | None, str]:
        status = self.start(line, **fields).wait(30)
        return status, self.output.read_text()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def test_status_output_and_environment(shell: Shell) -> None:
    status, output = shell.run('echo "$A"; env; exit 7', environment={"A": "b", "PATH": "/usr/bin:/bin"})
    assert status == 7
    assert output.startswith("b\n")
    assert "PYTEST" not in output


def test_it_is_not_root_and_can_not_become_it(shell: Shell) -> None:
    _, output = shell.run("id -u; grep -E '^(CapEff|CapPrm|NoNewPrivs)' /proc/self/status")
    user, *rights = output.split("\n")
    assert int(user) > 0
    assert rights[:3] == ["CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"]


NAMESPACES = """
import ctypes, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
print([(libc.unshare(flags), ctypes.get_errno()) for flags in (0x10000000, 0x10020000)])
print(libc.unshare(0x400))
threading.Thread(target=print, args=['thread']).start()
print(subprocess.check_output(['echo', 'child'], text=True))
"""


def test_it_makes_no_user_namespace(shell: Shell) -> None:
    program = Program(command=[*PYTHON, NAMESPACES], output=str(shell.output), folder=str(shell.folder / "private"))
    assert start(program).wait(30) == 0
    assert shell.output.read_text().split() == ["[(-1,", "1),", "(-1,", "1)]", "0", "thread", "child"]


def test_it_sees_only_its_own_processes(shell: Shell) -> None:
    status, output = shell.run(f"ls -d /proc/[0-9]*; kill -0 {os.getpid()}")
    assert status != 0
    assert {int(line.rpartition("/")[2]) for line in output.split() if line.startswith("/proc/")} <= {1, 2, 3, 4}


def test_it_can_not_kill_a_neighbour(shell: Shell, tmp_path: Path) -> None:
    neighbour = Shell(tmp_path / "neighbour")
    neighbour.folder.mkdir()
    running = neighbour.start("exec sleep 60")
    shell.run(f"kill -9 {running.pid}; kill -9 -1; for p in $(seq 2 300); do kill -9 $p; done")
    assert running.alive()
    running.signal(signal.SIGKILL)
    assert running.wait(10) == 137


def test_the_host_is_not_there(shell: Shell, tmp_path: Path) -> None:
    secret = tmp_path / "state.db"
    secret.write_text("secret")
    _, output = shell.run(f"cat {secret}; ls /home /root /var /mnt /sys; ls /; ls {tmp_path}")
    assert "secret\n" not in output
    allowed = {
        "bin",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "proc",
        "sbin",
        "tmp",
        "usr",
        "root",
        "home",
        "work",
    }
    listed = {line for line in output.splitlines() if "/" not in line and " " not in line}
    assert listed - allowed - {Path(path).parts[1] for path in root.visible_paths()} - {".pyenv", ".venv"} == set()


def test_nothing_outside_can_be_written(shell: Shell) -> None:
    python = str(Path(sys.prefix) / "x")
    status, output = shell.run(
        f"for f in /x /usr/x /etc/x /dev/x {python}; do touch $f && echo written $f; done; touch /tmp/x"
    )
    assert status == 0
    assert "written" not in output
    assert Path(shell.folder, "private", "tmp", "x").exists()


def test_the_data_folder_is_hidden_inside_a_visible_tree(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"
    data = library / "deep" / "data"
    data.mkdir(parents=True)
    (data / "state.db").write_text("secret")
    (library / "module.py").write_text("there = 1")
    paths = (*root.visible_paths(), str(library))
    monkeypatch.setattr(root, "visible_paths", lambda: paths)
    monkeypatch.setattr(root, "hidden", [str(data)])
    _, output = shell.run(f"cat {library}/module.py; ls {data}; cat {data}/state.db")
    assert output.startswith("there = 1")
    assert "secret" not in output
    assert "state.db\n" not in output.splitlines()


def test_a_mount_inside_the_hidden_folder_is_seen(shell: Shell, tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "input").mkdir(parents=True)
    (model / "input" / "data").write_text("rows")
    mounts = [Mount(str(model), "/opt/ml", writable=True), Mount(str(model / "input"), "/opt/ml/input")]
    status, output = shell.run("cat /opt/ml/input/data; echo out > /opt/ml/out; touch /opt/ml/input/x", mounts=mounts)
    assert status != 0
    assert output.startswith("rows")
    assert "Read-only" in output
    assert (model / "out").read_text() == "out\n"
    assert not (model / "input" / "x").exists()


def test_a_hard_link_to_a_stored_object_keeps_its_owner(shell: Shell, tmp_path: Path) -> None:
    stored = tmp_path / "object"
    stored.write_text("rows")
    stored.chmod(0o444)
    folder = tmp_path / "channel"
    folder.mkdir()
    (folder / "part").hardlink_to(stored)
    mounts = [Mount(str(folder), "/opt/ml", writable=True)]
    shell.run("cat /opt/ml/part; chmod 666 /opt/ml/part; echo poison > /opt/ml/part", mounts=mounts)
    assert shell.output.read_text().startswith("rows")
    if os.geteuid() == 0:
        assert stored.stat().st_uid == 0
        assert stored.read_text() == "rows"


def test_a_cut_network(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 3)"
        program = shell.program("")
        program.command = [*PYTHON, line]
        assert start(program).wait(30) == 0
        program.network = "none"
        assert start(program).wait(30) == 1
    assert "Connection refused" in shell.output.read_text()
    _, output = shell.run("cat /proc/net/dev | grep -c :", network="none")
    assert output.strip() == "1"  # lo


def test_peers_share_a_cut_network(shell: Shell, tmp_path: Path) -> None:
    hosts = {"algo-1": "127.0.0.1", "algo-2": "127.0.0.2"}
    first = shell.program("", network="none", hosts=hosts)
    first.command = [*PYTHON, SERVE]
    one = start(first)
    second = Shell(tmp_path / "second")
    second.folder.mkdir()
    program = second.program("", network="none", network_of=one.pid, hosts=hosts, hostname="algo-2")
    program.command = [*PYTHON, ASK]
    assert start(program).wait(30) == 0, second.output.read_text()
    assert one.wait(30) == 0
    assert second.output.read_text() == "algo-2\n"


def test_a_fork_bomb_stops_at_its_limit(shell: Shell) -> None:
    program = shell.program("", processes=20)
    program.command = [*PYTHON, FORK_BOMB]
    assert start(program).wait(30) == 0
    assert shell.output.read_text() == "stopped at 20\n"


def test_memory_beyond_the_limit_is_refused(shell: Shell) -> None:
    ours = bytearray(1 << 30)  # what the process has that starts it doesn't count
    program = shell.program("", memory_bytes=200 << 20)
    program.command = [*PYTHON, "b = bytearray(100 << 20); print('small', flush=True); c = bytearray(900 << 20)"]
    assert start(program).wait(30) == 1
    del ours
    assert shell.output.read_text().startswith("small")
    assert "MemoryError" in shell.output.read_text()


def test_sigterm_reaches_the_program(shell: Shell) -> None:
    running = shell.start("trap 'echo stopping; exit 3' TERM; echo up; while :; do sleep 0.02; done")
    until(lambda: "up" in shell.output.read_text())
    running.signal(signal.SIGTERM)
    assert running.wait(10) == 3
    assert "stopping" in shell.output.read_text()


def test_sigterm_ends_a_program_without_a_handler(shell: Shell) -> None:
    running = shell.start("echo up; exec sleep 60")
    until(lambda: "up" in shell.output.read_text())
    running.signal(signal.SIGTERM)
    assert running.wait(10) == 128 + signal.SIGTERM


def test_who_ignores_sigterm_is_killed_with_all_its_children(shell: Shell) -> None:
    mark = f"61.{os.getpid()}"
    running = shell.start(f"trap '' TERM; setsid sleep {mark} & echo up; while :; do sleep 0.02; done")
    until(lambda: "up" in shell.output.read_text() and _is_sleeping(mark))
    running.signal(signal.SIGTERM)
    assert running.wait(0.2) is None
    running.signal(signal.SIGKILL)
    assert running.wait(10) == 137
    assert not running.alive()
    until(lambda: not _is_sleeping(mark))


def test_children_that_outlive_the_program_end_with_it(shell: Shell) -> None:
    mark = f"62.{os.getpid()}"
    assert shell.run(f"setsid sleep {mark} & sleep 0.1; exit 0")[0] == 0
    until(lambda: not _is_sleeping(mark))


def test_orphans_are_reaped(shell: Shell) -> None:
    _, output = shell.run("for i in 1 2 3; do (sleep 0.01 &) ; done; sleep 0.3; grep -h ^State /proc/[0-9]*/status")
    assert "Z" not in output


def test_a_program_that_can_not_be_found(shell: Shell) -> None:
    program = shell.program("")
    program.command = ["/opt/train"]
    with pytest.raises(SandboxError, match="can't run /opt/train: No such file"):
        start(program)


def test_a_mount_that_can_not_be_made(shell: Shell) -> None:
    with pytest.raises(SandboxError, match="/no/such/folder"):
        shell.start("true", mounts=[Mount("/no/such/folder", "/opt/ml")])


def test_an_entry_runs_with_its_own_environment_and_arguments(shell: Shell) -> None:
    program = Program(
        entry="tests.sandbox.programs:hello",
        arguments=["you"],
        environment={"GREETING": "hi"},
        output=str(shell.output),
        folder=str(shell.folder / "private"),
    )
    assert start(program).wait(30) == 5
    assert shell.output.read_text().startswith("hello you hi ['GREETING', 'MKL_NUM_THREADS'")


def test_hosts_and_hostname(shell: Shell) -> None:
    _, output = shell.run("hostname; cat /etc/hosts", hostname="algo-2", hosts={"algo-1": "127.0.0.1"})
    assert output.startswith("algo-2\n")
    assert "127.0.0.1\talgo-1\n" in output


def test_a_process_is_known_by_its_pid_and_start_time(shell: Shell) -> None:
    running = shell.start("exec sleep 60")
    assert running.start_time == start_time(running.pid) > 0
    assert is_running(running.pid, running.start_time)
    assert not is_running(running.pid, running.start_time - 1)
    running.signal(signal.SIGKILL)
    until(lambda: not is_running(running.pid, running.start_time))  # a zombie does not run
    assert running.wait(10) == 137


def test_it_works_as_a_normal_user() -> None:
    """The trial of `namespaces_available`, in a process that has given up root."""
    if os.geteuid() != 0:
        pytest.skip("the other tests are this one then")
    script = Path(__file__).with_name("as_normal_user.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    status, user, capabilities, refused, processes = done.stdout.split("\n")[:5]
    assert (status, user, capabilities) == ("0", "4321", "CapEff:\t0000000000000000"), done.stderr
    assert "touch" in refused
    assert int(processes) <= 4


def _is_sleeping(mark: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in path.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False
