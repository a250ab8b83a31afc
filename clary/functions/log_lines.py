"""What the log tells around events: as text, or as JSON as far as the function's system log level asks for it.

Source: "Log and monitor Lambda functions" in AWS's developer guide: JSON logs, and which level each line has.
"""

import math
import sys
from typing import Any, NamedTuple

import msgspec

from clary.functions.spec import FunctionSpec

_LEVELS = ("DEBUG", "INFO", "WARN")


class End(NamedTuple):
    """How an event has ended; `status` is success, error, failure or timeout, `told` what the text says of it."""

    request_id: str
    status: str
    error_type: str
    told: str
    milliseconds: float
    init_milliseconds: float
    peak_kib: int
    produced_bytes: int


def of_init(spec: FunctionSpec, stamp: str) -> list[str]:
    """Before a worker starts."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = spec.runtime.removeprefix("python")
    note = "" if wanted == own else f" (the function asks for {spec.runtime}: Clary runs it on its own Python)"
    version = f"python:{own}.{sys.version_info.micro}{note}"
    if not spec.json_log:
        return [f"INIT_START Runtime Version: {version}"]
    record = {"initializationType": "on-demand", "phase": "init", "runtimeVersion": version}
    return _json(spec, "INFO", stamp, "platform.initStart", record)


def of_start(spec: FunctionSpec, request_id: str, stamp: str) -> list[str]:
    """Before an event is given to the handler."""
    if not spec.json_log:
        return [f"START RequestId: {request_id} Version: {spec.version}"]
    return _json(spec, "INFO", stamp, "platform.start", {"requestId": request_id, "version": spec.version})


def of_end(spec: FunctionSpec, end: End, stamp: str) -> list[str]:
    """When it has ended, however it did."""
    billed = math.ceil(end.milliseconds + end.init_milliseconds)
    used = math.ceil(end.peak_kib / 1024)
    if not spec.json_log:
        parts = [
            f"REPORT RequestId: {end.request_id}",
            f"Duration: {end.milliseconds:.2f} ms",
            f"Billed Duration: {billed} ms",
            f"Memory Size: {spec.memory_mib} MB",
            f"Max Memory Used: {used} MB",
        ]
        if end.init_milliseconds:
            parts.append(f"Init Duration: {end.init_milliseconds:.2f} ms")
        return [*([end.told] if end.told else []), f"END RequestId: {end.request_id}", "\t".join(parts) + "\t"]
    ended: dict[str, Any] = {"requestId": end.request_id, "status": end.status}
    if end.error_type:
        ended["errorType"] = end.error_type
    duration, good = round(end.milliseconds, 3), end.status == "success"
    metrics: dict[str, Any] = {
        "durationMs": duration,
        "billedDurationMs": billed,
        "memorySizeMB": spec.memory_mib,
        "maxMemoryUsedMB": used,
    }
    if end.init_milliseconds:
        metrics["initDurationMs"] = round(end.init_milliseconds, 3)
    done = {**ended, "metrics": {"durationMs": duration, "producedBytes": end.produced_bytes}}
    return [
        *_json(spec, "DEBUG" if good else "WARN", stamp, "platform.runtimeDone", done),
        *_json(spec, "INFO" if good else "WARN", stamp, "platform.report", {**ended, "metrics": metrics}),
    ]


def _json(spec: FunctionSpec, level: str, stamp: str, kind: str, record: dict[str, Any]) -> list[str]:
    if _LEVELS.index(level) < _LEVELS.index(spec.system_log_level):
        return []
    return [msgspec.json.encode({"time": stamp, "type": kind, "record": record}).decode()]
