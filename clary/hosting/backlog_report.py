"""What CloudWatch shows of an asynchronous endpoint's queue: gauges, latencies, counts, and a line for each request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from clary.hosting.log_pipe import LogBatches
from clary.hosting.measurements import scope_of
from clary.hosting.queued import QueuedRequest, Ticket
from clary.hosting.readings import INVOCATIONS, MICROSECONDS, NONE, Readings, Series
from clary.hosting.spec import EndpointSpec
from clary.hosting.worker import Ground

DOWNLOAD, MODEL, UPLOAD = "RequestDownloadLatency", "ModelLatency", "ResponseUploadLatency"
MODEL_ERRORS = ("Invocation4XXErrors", "Invocation5XXErrors")
_COUNT, _SECONDS, _MILLISECONDS = "Count", "Seconds", "Milliseconds"


class Queue(Protocol):
    """What the gauges show."""

    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def oldest(self) -> float | None: ...  # noqa: D102
    @property
    def instances(self) -> int: ...  # noqa: D102


@dataclass(slots=True)
class Errand:
    """A request that is being worked on, or was given up: who has it, and what its steps took in microseconds."""

    ticket: Ticket
    request: QueuedRequest
    variant: str
    log_stream: str
    spent: dict[str, float] = field(default_factory=dict)


class BacklogReport:
    """Belongs to the event loop of the hosting room."""

    def __init__(self, ground: Ground, spec: EndpointSpec, readings: Readings) -> None:
        self._ground = ground
        self._spec = spec
        self._readings = readings
        self._logs: dict[str, LogBatches] = {}
        self.variant = spec.variants[0].name  # of what none has taken

    def now(self) -> float:
        """Epoch seconds."""
        return self._ground.clock.now()

    def watch(self, queue: Queue) -> Callable[[], None]:
        """Show the queue every minute, until the function that is returned is called."""

        def age() -> float:
            oldest = queue.oldest
            return 0.0 if oldest is None else max(0.0, self.now() - oldest)

        gauges: tuple[tuple[str, str, Callable[[], float]], ...] = (
            ("ApproximateBacklogSize", _COUNT, lambda: float(queue.size)),
            ("ApproximateBacklogSizePerInstance", _COUNT, lambda: queue.size / (queue.instances or 1)),
            ("ApproximateAgeOfOldestRequest", _SECONDS, age),
            ("HasBacklogWithoutCapacity", _COUNT, lambda: float(queue.size > 0 and queue.instances == 0)),
        )
        stops = [self._readings.watch(partial(self._gauge, *gauge)) for gauge in gauges]

        def stop() -> None:
            for each in stops:
                each()

        return stop

    def began(self, ticket: Ticket, variant: str) -> None:
        """A request's turn has come."""
        self._add("TimeInBacklog", _MILLISECONDS, (self.now() - ticket.received) * 1e3, variant)

    def succeeded(self, errand: Errand) -> None:
        """The answer is where it belongs."""
        self._ended(errand, "")
        steps = ", ".join(f"{name}: {spent:.0f} us" for name, spent in errand.spent.items())
        whole = (self.now() - errand.ticket.received) * 1e3
        self._say(errand, f"Inference request succeeded. {steps}, TotalProcessingTime: {whole:.0f} ms")

    def failed(self, errand: Errand, reason: str, metric: str) -> None:
        """There will be no answer; `metric` counts what happened."""
        self._ended(errand, metric)
        self._say(errand, reason)

    async def close(self) -> None:
        """Write the lines that are left."""
        for batches in self._logs.values():
            await batches.close()

    def _ended(self, errand: Errand, failure: str) -> None:
        variant = errand.variant
        for name, spent in errand.spent.items():
            self._add(name, MICROSECONDS, spent, variant)
        if MODEL in errand.spent:
            for name in MODEL_ERRORS:
                self._add(name, NONE, float(name == failure), variant)
        if failure and failure not in MODEL_ERRORS:
            self._add(failure, _COUNT, 1.0, variant)
        self._add("InvocationsProcessed", _COUNT, 1.0, variant)
        self._add("InvocationFailures", _COUNT, float(bool(failure)), variant)
        self._add("TotalProcessingTime", _MILLISECONDS, (self.now() - errand.ticket.received) * 1e3, variant)

    def _gauge(self, name: str, unit: str, look: Callable[[], float]) -> tuple[Series, float]:
        return self._series(name, unit), look()

    def _add(self, name: str, unit: str, value: float, variant: str) -> None:
        self._readings.add(self._series(name, unit, variant), value)

    def _series(self, name: str, unit: str, variant: str = "") -> Series:
        dimensions = [("EndpointName", self._spec.name)] + [("VariantName", variant)] * bool(variant)
        return Series(scope_of(self._spec), INVOCATIONS, tuple(dimensions), name, unit)

    def _say(self, errand: Errand, text: str) -> None:
        stream = f"{errand.log_stream}/data-log"
        if stream not in self._logs:
            append = partial(self._append, stream)
            self._logs[stream] = LogBatches(append, self._ground.clock)
        now = datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        self._logs[stream].add([f"{now}:[sagemaker logs] [{errand.request.inference_id}] {text}"])

    def _append(self, stream: str, lines: list[tuple[float, str]]) -> None:
        self._ground.host.append_log(scope_of(self._spec), self._spec.log_group, stream, lines, 0)
