"""The processes behind one program, each a fork of the caller's, so that its imports stay warm.

    caller > watcher, the pid that the caller knows: leaves the host's namespaces, waits
           > init, process 1 inside: builds the root, drops the rights, reaps orphans
           > program
The death of any of them is the death of all below it, by the kernel's hand.
"""

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from clary.sandbox import compiled, kernel, limits, ports, root
from clary.sandbox.program import Program, SandboxError
from clary.sandbox.user import User, become, choose_user, hand_over, map_user

Call = Callable[[list[str]], Any]

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def finish(report: int, work: Callable[[], int]) -> NoReturn:
    """End this fork with the status of its work; what fails before the program starts goes into the report pipe."""
    status = 1
    try:
        status = work()
    except (SandboxError, OSError) as error:
        _tell(report, str(error))
    except BaseException:  # noqa: BLE001 - a bug, and nothing stands above this
        _tell(report, traceback.format_exc())
    finally:
        os._exit(status)


def _tell(report: int, problem: str) -> None:
    with suppress(OSError):  # closed: the program has started
        os.write(report, problem.encode()[:4096])


def watch(program: Program, call: Call | None, report: int, parent: int, keep: Collection[int] = frozenset()) -> int:
    """The watcher: enter fresh namespaces, fork their first process, wait for it; only `keep` stays open."""
    if program.die_with_parent:
        kernel.die_with_parent(parent)
    output = _open_output(program)
    Path(program.folder, "root").mkdir(exist_ok=True)
    user = choose_user()
    if root.has_kernels(program):
        compiled.copy_kernels(Path(root.kernels_of(program)))
    _hand_over_mounts(program, user)
    limits.offer_to_oom_killer()
    signal.set_wakeup_fd(-1)  # the supervisor's, which closes here
    limits.close_files({report, output, *keep})  # now: init takes this process's /proc away with the old root
    _leave_namespaces(program, user)
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    pid = os.fork()
    if pid == 0:
        finish(report, lambda: _init(program, call, user, report, output))
    os.close(report)
    os.close(output)
    return wait_forwarding(pid)


def run_plain(program: Program, call: Call | None, report: int, parent: int) -> int:
    """Without namespaces: a process group of its own, and /opt/ml by another name."""
    os.setsid()
    if program.die_with_parent:
        kernel.die_with_parent(parent)
    if program.root or program.port:
        raise SandboxError("the kernel refuses namespaces, which a root or a network of its own needs")
    output = _open_output(program)
    os.chdir(Path(program.folder, "tmp"))
    program.environment.setdefault("TMPDIR", str(Path.cwd()))
    for mount in program.mounts:
        if mount.target == "/opt/ml":
            program.environment["CLARY_OPT_ML"] = mount.source
    return _perform(program, call, report, output)


def wait_forwarding(pid: int) -> int:
    """Pass the signals that come on to a child, reap all others, return the child's exit status."""

    def forward(number: int, _: Any) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    for number in _FORWARDED:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return exit_code(status)


def exit_code(status: int) -> int:
    """A wait status as a shell words it: 128 + the signal's number where one ended the process."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _open_output(program: Program) -> int:
    Path(program.folder, "tmp").mkdir(parents=True, exist_ok=True)
    return os.open(program.output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _hand_over_mounts(program: Program, user: User) -> None:
    """Everything writable belongs to the user, but for what is mounted read-only from within it."""
    protected = {os.path.realpath(mount.source) for mount in program.mounts if not mount.writable}
    own = [str(Path(program.folder, "tmp")), *([root.kernels_of(program)] if root.has_kernels(program) else [])]
    for source in [*own, *(mount.source for mount in program.mounts if mount.writable)]:
        hand_over(source, user, protected)


def _leave_namespaces(program: Program, user: User) -> None:
    flags = kernel.NEW_MOUNTS | kernel.NEW_IPC | kernel.NEW_HOSTNAME | kernel.NEW_PIDS
    if program.network_of:
        if user.namespace:
            kernel.join(program.network_of, "user")
        kernel.join(program.network_of, "net")
        kernel.unshare(flags)
    else:
        cut = kernel.NEW_NETWORK if program.network == "none" or program.port else 0
        kernel.unshare(flags | cut | (kernel.NEW_USER if user.namespace else 0))
        if user.namespace:
            map_user(user)
        if cut:
            kernel.raise_loopback()
    socket.sethostname(program.hostname)


def _init(program: Program, call: Call | None, user: User, report: int, output: int) -> int:
    """Process 1 of the sandbox: build and enter the root, drop the rights, start the program, reap."""
    kernel.die_with_outer_parent()
    os.umask(0o022)
    kernel.make_root(root.build_root(program, user.uid, user.gid))
    _enter(program.working_folder or "/tmp")  # noqa: S108 - its own
    limits.limit_processes(program.processes + 1 if program.processes else 0)
    become(user)
    kernel.die_with_outer_parent()  # a change of user has cleared it
    if program.port:
        _fork_port(program, report, output)
    pid = os.fork()
    if pid == 0:
        finish(report, lambda: _perform(program, call, report, output))
    os.close(report)
    os.close(output)
    return wait_forwarding(pid)


def _enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise SandboxError(f"can't run in the folder {folder}: {error.strerror}") from None


def _fork_port(program: Program, report: int, output: int) -> None:
    """Let a process beside the program stand for its port; it ends with the sandbox."""
    with ports.listen(program.port_socket) as listener:
        if os.fork() == 0:
            os.close(report)
            os.close(output)
            limits.reset_signals(python=True)
            try:
                ports.stand_for(listener, program.port)
            finally:
                os._exit(1)


def _perform(program: Program, call: Call | None, report: int, output: int) -> int:
    """The program itself."""
    with suppress(PermissionError):  # it leads a session already
        os.setsid()
    nothing = os.open("/dev/null", os.O_RDONLY)
    for target, source in enumerate((nothing, output, output)):
        os.dup2(source, target)
    limits.close_files({report})
    limits.reset_signals(python=call is not None)
    environment = {**limits.thread_variables(program.threads), **program.environment}
    if root.has_kernels(program):
        environment[compiled.VARIABLE] = compiled.kernel_folder()
    limits.limit_memory(program.memory_bytes, replaced=call is None)
    if call is None:
        _execute([*program.command, *program.arguments], environment)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [program.entry, *program.arguments]
    limits.set_threads(program.threads)
    limits.renew_random_numbers()
    os.close(report)
    return call_entry(call, program.arguments)


def _execute(command: list[str], environment: dict[str, str]) -> NoReturn:
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606
    except OSError as error:
        raise SandboxError(f"can't run {command[0]}: {error.strerror}") from None


def call_entry(function: Callable[[Any], Any], argument: Any) -> int:
    """Call a function as a program: what Python does at a program's end is done here. Returns the exit status."""
    # fresh streams: the inherited ones hold what their owner has not written yet
    sys.stdout, sys.stderr = (open(file, "w", 1, "utf-8", "backslashreplace", closefd=False) for file in (1, 2))  # noqa: SIM115
    status: Any = 1
    try:
        status = function(argument)
    except SystemExit as error:
        status = error.code
    except BaseException:  # noqa: BLE001 - nothing stands above this
        traceback.print_exc()
    if isinstance(status, str):
        print(status, file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return int(status or 0) & 0xFF
