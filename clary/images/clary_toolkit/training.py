"""Train: run the script that the hyperparameters name, tell how it ended."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import traceback
from collections import deque
from contextlib import suppress
from typing import TextIO

from . import source
from .errors import ClientError, CommandError
from .settings import CODE, OPT_ML, PROGRAM, Settings, gpus

_KEPT_LINES = 200
_LAST_LINES = 1.0
"""Seconds for what a script wrote to stderr at its end."""


def main() -> int:
    """The exit status; what went wrong stands in /opt/ml/output/failure too."""
    try:
        train(Settings())
    except ClientError as problem:
        return _fail(str(problem))
    except Exception as problem:  # noqa: BLE001 - nothing stands above this
        return _fail(f"Framework Error: \n{traceback.format_exc()}\n{problem}")
    print("Reporting training SUCCESS", flush=True)
    return 0


def train(settings: Settings) -> None:
    """Bring the code, install what it needs, run it to its end; ClientError where that fails."""
    if not settings.program:
        raise ClientError(f"No script to run: the hyperparameter {PROGRAM} is missing")
    source.bring(settings.submit_directory, OPT_ML / "input" / source.STAGED, CODE)
    if not (CODE / settings.program).exists() and not source.is_package(CODE, settings.program):
        names = ", ".join(sorted(path.name for path in CODE.iterdir())) or "nothing"
        raise ClientError(f"No file {settings.program} in the source code, which has {names}")
    source.install(CODE, settings.program)
    os.environ.update(settings.variables())
    os.environ["PYTHONPATH"] = ":".join(filter(None, [str(CODE), os.environ.get("PYTHONPATH", "")]))
    command = command_of(settings)
    print(f"Invoking script with the following command:\n\n{shlex.join(command)}\n", flush=True)
    status, stderr = run(command)
    if status:
        raise CommandError("ExecuteUserScriptError", command, status, stderr)


def command_of(settings: Settings) -> list[str]:
    """What runs the script, by what kind of script it is."""
    program, arguments = settings.program, settings.arguments()
    if settings.uses_torchrun:
        return [*_torchrun(settings), program, *arguments]
    if source.is_package(CODE, program):
        return [sys.executable, "-m", program.removesuffix(".py").replace("/", "."), *arguments]
    if program.endswith(".py"):
        return [sys.executable, program, *arguments]
    (CODE / program).chmod(0o755)
    return ["/bin/sh", "-c", f"./{shlex.join([program, *arguments])}"]


def _torchrun(settings: Settings) -> list[str]:
    """torch.distributed's launcher, one process for each GPU, or one."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", str(len(settings.hosts))]
    rank = ["--master_addr", settings.hosts[0], "--master_port", "7777"]
    rank += ["--node_rank", str(settings.hosts.index(settings.host))]
    return [*launcher, "--nproc_per_node", str(gpus() or 1), *(rank if len(settings.hosts) > 1 else [])]


def run(command: list[str]) -> tuple[int, str]:
    """The exit status (128 + the signal's number where one ended it) and the last lines of stderr."""
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    process = subprocess.Popen(command, cwd=CODE, stderr=subprocess.PIPE, text=True, errors="replace")  # noqa: S603

    def forward(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    assert process.stderr is not None
    reader = threading.Thread(target=_pass_on, args=(process.stderr, kept), daemon=True)
    reader.start()
    status = process.wait()
    reader.join(_LAST_LINES)  # what the script left running may hold the pipe open for ever
    return (status if status >= 0 else 128 - status), "".join(kept.copy())


def _pass_on(stream: TextIO, kept: deque[str]) -> None:
    with stream:
        for line in stream:
            sys.stderr.write(line)
            sys.stderr.flush()
            kept.append(line)


def _fail(reason: str) -> int:
    print(f"Reporting training FAILURE\n{reason}", file=sys.stderr, flush=True)
    with suppress(OSError):  # a full disk
        (OPT_ML / "output" / "failure").write_text(reason)
    return 1
