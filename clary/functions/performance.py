"""One event on one worker: the lines around it in the log, and AWS's words for every way it can fail."""

import signal
import time
from typing import NamedTuple

import msgspec

from clary.functions import log_lines
from clary.functions.spec import Event, Outcome
from clary.functions.worker import Message, Worker, WorkerEnded

_KILLED = 128 + signal.SIGKILL  # by the kernel, or by the runtime itself where no memory is left
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


class _Error(msgspec.Struct):
    """What a worker tells of an error, as far as it is looked at here."""

    errorType: str = ""  # noqa: N815 - AWS's name


class _End(NamedTuple):
    """How it ended: with an answer or an error; a `line` goes to the log."""

    payload: bytes
    status: str  # success, error, failure, timeout
    error_type: str = ""
    peak_kib: int = 0
    usable: bool = False
    line: str = ""


def perform(worker: Worker, event: Event, *, fresh: bool) -> Performed:
    """Have a worker, which starts with this event if it is fresh, handle it."""
    spec, output = worker.spec, worker.output
    output.begin()
    initialised, started = 0.0, time.monotonic()
    try:
        first = worker.start() if fresh else None
        initialised = (time.monotonic() - started) * 1000 if fresh else 0.0
        _say(worker, log_lines.of_start(spec, event.request_id, worker.stamp()))
        started = time.monotonic()
        end = _answered(first if first and first.kind == "failed" else worker.perform(event))
    except WorkerEnded as ended:
        end = _ended(event, ended.status, spec.memory_mib)
    except TimeoutError:
        end = _timed_out(event, spec.timeout, worker.stamp())
    elapsed = (time.monotonic() - started) * 1000
    told = log_lines.End(
        request_id=event.request_id,
        status=end.status,
        error_type=end.error_type,
        told=end.line,
        milliseconds=elapsed,
        init_milliseconds=initialised,
        peak_kib=end.peak_kib,
        produced_bytes=len(end.payload),
    )
    _say(worker, log_lines.of_end(spec, told, worker.stamp()))
    error = "" if end.status == "success" else "Unhandled"
    return Performed(Outcome(end.payload, error, output.tail, elapsed), end.usable)


def _say(worker: Worker, lines: list[str]) -> None:
    for line in lines:
        worker.output.say(line)


def _answered(message: Message) -> _End:
    if message.kind == "answer":
        return _End(message.content, "success", peak_kib=message.peak_kib, usable=True)
    kind = msgspec.json.decode(message.content, type=_Error).errorType
    return _End(message.content, "error", kind, message.peak_kib, message.kind != "failed")


def _ended(event: Event, status: int, memory_mib: int) -> _End:
    kind, peak = "Runtime.ExitError", 0
    if status == 0:
        reason = "Runtime exited without providing a reason"
    elif status == _KILLED:
        kind, reason, peak = "Runtime.OutOfMemory", "Runtime exited with error: signal: killed", memory_mib << 10
    elif status - 128 in signal.valid_signals():
        reason = f"Runtime exited with error: signal: {_SIGNALS.get(signal.Signals(status - 128), status - 128)}"
    else:
        reason = f"Runtime exited with error: exit status {status}"
    message = f"RequestId: {event.request_id} Error: {reason}"
    payload = msgspec.json.encode({"errorType": kind, "errorMessage": message})
    return _End(payload, "failure", kind, peak, line=f"{message}\n{kind}")


def _timed_out(event: Event, seconds: float, stamp: str) -> _End:
    told = f"Task timed out after {seconds:.2f} seconds"
    document = {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {event.request_id} Error: {told}"}
    payload = msgspec.json.encode(document)
    return _End(payload, "timeout", document["errorType"], line=f"{stamp} {event.request_id} {told}\n")
