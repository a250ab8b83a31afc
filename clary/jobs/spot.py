"""Managed spot training: how long a job may still run or wait, and what it costs, from what was told of it."""

import math
from collections.abc import Sequence
from typing import Any

from clary.jobs.journal import Entry
from clary.jobs.spec import JobSpec


def running_seconds(entries: Sequence[Entry], now: float) -> float:
    """How long a job has run since its first download, without the times in which it waited for room again."""
    total, since = 0.0, None
    for entry in entries:
        if entry["status"] == "Downloading" and since is None:
            since = entry["change"]["Time"]
        elif entry["status"] == "Interrupted" and since is not None:
            total, since = total + entry["change"]["Time"] - since, None
    return total if since is None else total + now - since


def time_left(spec: JobSpec, entries: Sequence[Entry], now: float) -> tuple[float, str]:
    """The seconds until a job must end, and how it ends then: MaxRuntime counts running, MaxWait everything."""
    running = spec.max_seconds - running_seconds(entries, now)
    waiting = wait_left(spec, entries, now)
    return (waiting, "MaxWaitTimeExceeded") if waiting < running else (running, "MaxRuntimeExceeded")


def wait_left(spec: JobSpec, entries: Sequence[Entry], now: float) -> float:
    """The seconds until a job must have ended though it waits for room; endless where it is no spot job."""
    begun = next((entry["change"]["Time"] for entry in entries if entry["status"] == "Starting"), now)
    return begun + spec.max_wait_seconds - now if spec.spot else math.inf


def describe_times(spec: JobSpec, entries: Sequence[Entry], now: float, price: float) -> dict[str, Any]:
    """The members of a job that ends now: TrainingEndTime, and for how long it ran and is paid for.

    `price` is what a second of a spot instance costs where one on demand costs 1. A job that never ran has none.
    """
    if not any(entry["status"] == "Downloading" for entry in entries):
        return {}
    seconds = max(1, math.ceil(running_seconds(entries, now)))
    billable = max(1, math.ceil(seconds * price)) if spec.spot else seconds
    return {"TrainingEndTime": now, "TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": billable}
