"""What CloudWatch shows of invocations: gathered on the way of a request, put in batches."""

import logging
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple

from clary.clock import Clock
from clary.errors import ServiceError
from clary.hosting.spec import EndpointSpec
from clary.jobs.host import Host, Scope
from clary.store.metrics import Datum, Summary

log = logging.getLogger("clary.hosting")

_NAMESPACE = "AWS/SageMaker"
_MICROSECONDS = "Microseconds"


class Measurement(NamedTuple):
    """One invocation: the model's status (0: none came) and what it took in microseconds."""

    scope: Scope
    endpoint: str
    variant: str
    instances: int
    status: int
    model: float
    overhead: float


class Measurements:
    """Thread-safe; `add` costs next to nothing."""

    def __init__(self, host: Host, clock: Clock) -> None:
        self._host = host
        self._clock = clock
        self._waiting: deque[Measurement] = deque()
        self.add = self._waiting.append

    def flush(self) -> None:
        """Put what has gathered."""
        series: dict[tuple[Scope, str, str], list[Measurement]] = defaultdict(list)
        while self._waiting:
            measurement = self._waiting.popleft()
            series[measurement[:3]].append(measurement)
        for (scope, endpoint, variant), measurements in series.items():
            dimensions = {"EndpointName": endpoint, "VariantName": variant}
            try:
                self._host.put_metrics(scope, _NAMESPACE, self._data(dimensions, measurements), "")
            except ServiceError as error:  # a full disk
                log.error("metrics of %d invocations are lost: %s", len(measurements), error)

    def _data(self, dimensions: dict[str, str], measurements: list[Measurement]) -> list[Datum]:
        rows = [
            ("Invocations", "None", [1.0 for _ in measurements]),
            ("InvocationsPerInstance", "None", [1 / row.instances for row in measurements]),
            ("Invocation4XXErrors", "None", [float(400 <= row.status < 500) for row in measurements]),
            ("Invocation5XXErrors", "None", [float(row.status >= 500 or row.status == 0) for row in measurements]),
            ("ModelLatency", _MICROSECONDS, [row.model for row in measurements]),
            ("OverheadLatency", _MICROSECONDS, [row.overhead for row in measurements]),
        ]
        now = self._clock.now()
        return [Datum(name, dimensions, 0.0, now, unit, summary=_sum_up(values)) for name, unit, values in rows]


def scope_of(spec: EndpointSpec) -> Scope:
    """Whose metrics and logs an endpoint's are."""
    return Scope(spec.account, spec.region)


def _sum_up(values: list[float]) -> Summary:
    return Summary(len(values), sum(values), min(values), max(values), list(_count(values)))


def _count(values: Iterable[float]) -> Iterable[tuple[float, float]]:
    """Values and how often they came, to three digits: enough for percentiles, and few to store."""
    counts = Counter(float(f"{value:.3g}") for value in values)
    return ((value, float(count)) for value, count in sorted(counts.items()))
