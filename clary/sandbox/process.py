"""Start a program in its sandbox, and what the starter then holds of it."""

import importlib
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from clary.sandbox import kernel, stages
from clary.sandbox.available import namespaces_available
from clary.sandbox.program import Program, SandboxError


class Running:
    """A started program."""

    def __init__(self, pid: int, *, alone: bool = False) -> None:
        self.pid = pid
        self.start_time = kernel.start_time(pid)
        self._alone = alone  # no watcher: its children are reached through the process group
        self._status: int | None = None

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._status is None and kernel.is_running(self.pid, self.start_time)

    def signal(self, number: int) -> None:
        """Send a signal to the program; SIGKILL ends all its children too, before `wait` has its status."""
        if not self.alive():
            return
        with suppress(ProcessLookupError):
            if number != signal.SIGKILL:
                os.kill(self.pid, number)
            elif self._alone:
                os.killpg(self.pid, number)
            else:  # process 1 inside: the kernel lets the watcher reap it when all others are gone
                for pid in kernel.children_of(self.pid) or [self.pid]:
                    os.kill(pid, number)

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit status, 128 + the signal's number where one ended it; None when the time is over first."""
        if self._status is None and _ends_within(self.pid, timeout):
            self._status = stages.exit_code(os.waitpid(self.pid, 0)[1])
        return self._status


def start(program: Program) -> Running:
    """Start a program; a failure to set it up raises SandboxError. The caller must be single-threaded."""
    return start_as(program, sandboxed=_is_sandboxed(program))


def start_as(program: Program, *, sandboxed: bool) -> Running:
    """`start`, with or without namespaces."""
    call = _resolve(program)
    stage = stages.watch if sandboxed else stages.run_plain
    here = os.getpid()
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        stages.finish(writer, lambda: stage(program, call, writer, here))
    os.close(writer)
    with open(reader, "rb") as file:  # noqa: PTH123 - a pipe; it ends when the program starts or the setup has failed
        problem = file.read().decode()
    if problem:
        os.waitpid(pid, 0)
        raise SandboxError(problem)
    return Running(pid, alone=not sandboxed)


def run(program: Program) -> int:
    """Start a program, pass on the signals that come, and return its exit status; this process is the watcher then."""
    sandboxed = _is_sandboxed(program)
    if not sandboxed:
        return stages.wait_forwarding(start(program).pid)
    reader, writer = os.pipe()
    status = stages.watch(program, _resolve(program), writer, os.getppid(), keep={reader})
    with open(reader, "rb") as file:  # noqa: PTH123 - a pipe
        problem = file.read().decode()
    if problem:
        raise SandboxError(problem)
    return status


def run_or_tell(program: Program, what: str) -> int:
    """The same for a fork of the warm parent: that `what` can't be started its output says, and 1 is the status."""
    try:
        return run(program)
    except SandboxError as error:
        with Path(program.output).open("a") as output:
            output.write(f"{what} could not be started: {error}\n")
        return 1


def _is_sandboxed(program: Program) -> bool:
    if program.plain and program.entry:
        return False
    sandboxed = namespaces_available()
    if program.command and not (sandboxed or program.allow_unsandboxed):
        raise SandboxError("the kernel refuses namespaces, so user code is not run (allow_unsandboxed would allow it)")
    return sandboxed


def _resolve(program: Program) -> stages.Call | None:
    """The function to call, imported while everything is visible; None for a command."""
    if bool(program.entry) == bool(program.command):
        raise SandboxError("a program has either an entry or a command")
    if program.command:
        return None
    module, _, name = program.entry.partition(":")
    call: stages.Call = getattr(importlib.import_module(module), name)
    return call


def _ends_within(pid: int, timeout: float | None) -> bool:
    """Wait for the end of a child without reaping it."""
    if timeout is None:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return True
    if hasattr(os, "pidfd_open"):
        handle = os.pidfd_open(pid)
        try:
            return bool(select.select([handle], [], [], timeout)[0])
        finally:
            os.close(handle)
    end = time.monotonic() + timeout
    while (ended := os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)) is None and time.monotonic() < end:
        time.sleep(0.01)
    return ended is not None
