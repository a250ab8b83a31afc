"""One event on one worker: the lines around it in the log, and AWS's words for every way it can fail."""

import math
import signal
import time
from typing import NamedTuple

import msgspec

from clary.functions.spec import Event, Outcome
from clary.functions.worker import Message, Worker, WorkerEnded

_SIGNALS = {
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
    signal.SIGTERM: "terminated",
    signal.SIGBUS: "bus error",
    signal.SIGILL: "illegal instruction",
    signal.SIGFPE: "floating point exception",
}
"""As Go's `os.Signal` prints them, which is what AWS shows."""


class Performed(NamedTuple):
    """What came of an event, and whether the worker can take another one."""

    outcome: Outcome
    usable: bool


class Failure(NamedTuple):
    """How a worker failed at an event; `line` goes to the log."""

    payload: bytes
    line: str = ""


def perform(worker: Worker, event: Event, *, fresh: bool) -> Performed:
    """Have a worker, which starts with this event if it is fresh, handle it."""
    spec, output = worker.spec, worker.output
    output.begin()
    initialised, peak = 0.0, 0
    started = time.monotonic()
    try:
        message = worker.start() if fresh else None
        initialised = (time.monotonic() - started) * 1000 if fresh else 0.0
        output.say(f"START RequestId: {event.request_id} Version: {spec.version}")
        started = time.monotonic()
        if message is None or message.kind == "ready":
            message = worker.perform(event)
        peak = message.peak_kib
        failure = Failure(message.content) if message.kind != "answer" else None
        usable = message.kind in ("answer", "error")
    except WorkerEnded as ended:
        message, usable, failure = Message("", 0, b""), False, _ended(event, ended.status)
    except TimeoutError:
        message, usable, failure = Message("", 0, b""), False, _timed_out(event, spec.timeout, worker.stamp())
    elapsed = (time.monotonic() - started) * 1000
    if failure and failure.line:
        output.say(failure.line)
    output.say(f"END RequestId: {event.request_id}")
    output.say(_report(event, elapsed, initialised, spec.memory_mib, peak))
    payload, error = (failure.payload, "Unhandled") if failure else (message.content, "")
    return Performed(Outcome(payload, error, output.tail, elapsed), usable)


def _ended(event: Event, status: int) -> Failure:
    kind = "Runtime.ExitError"
    if status == 0:
        reason = "Runtime exited without providing a reason"
    elif status == 128 + signal.SIGKILL:
        kind, reason = "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"
    elif status - 128 in signal.valid_signals():
        reason = f"Runtime exited with error: signal: {_SIGNALS.get(signal.Signals(status - 128), status - 128)}"
    else:
        reason = f"Runtime exited with error: exit status {status}"
    message = f"RequestId: {event.request_id} Error: {reason}"
    return Failure(msgspec.json.encode({"errorType": kind, "errorMessage": message}), f"{message}\n{kind}")


def _timed_out(event: Event, seconds: float, stamp: str) -> Failure:
    told = f"Task timed out after {seconds:.2f} seconds"
    document = {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {event.request_id} Error: {told}"}
    return Failure(msgspec.json.encode(document), f"{stamp} {event.request_id} {told}\n")


def _report(event: Event, elapsed: float, initialised: float, memory_mib: int, peak_kib: int) -> str:
    parts = [
        f"REPORT RequestId: {event.request_id}",
        f"Duration: {elapsed:.2f} ms",
        f"Billed Duration: {math.ceil(elapsed + initialised)} ms",
        f"Memory Size: {memory_mib} MB",
        f"Max Memory Used: {math.ceil(peak_kib / 1024)} MB",
    ]
    if initialised:
        parts.append(f"Init Duration: {initialised:.2f} ms")
    return "\t".join(parts) + "\t"
