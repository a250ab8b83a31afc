"""Values for CloudWatch that come about while requests are served, and counts that are looked at every minute."""

import logging
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from clary.clock import Clock
from clary.errors import ServiceError
from clary.jobs.host import Host, Scope
from clary.store.metrics import Datum, Summary

log = logging.getLogger("clary.hosting")

INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"
MICROSECONDS, NONE = "Microseconds", "None"
_MINUTE = 60.0


class Series(NamedTuple):
    """Where a value belongs."""

    scope: Scope
    namespace: str
    dimensions: tuple[tuple[str, str], ...]
    name: str
    unit: str


Gauge = Callable[[], tuple[Series, float]]


class Readings:
    """Thread-safe; `add` costs next to nothing."""

    def __init__(self, host: Host, clock: Clock) -> None:
        self._host = host
        self._clock = clock
        self._waiting: deque[tuple[Series, float]] = deque()
        self._gauges: dict[object, Gauge] = {}
        self._looked = clock.now()

    def add(self, series: Series, value: float) -> None:
        """Note a value, to be put with the next `flush`."""
        self._waiting.append((series, value))

    def watch(self, gauge: Gauge) -> Callable[[], None]:
        """Look at a gauge every minute until the function that is returned is called."""
        key = object()
        self._gauges[key] = gauge

        def forget() -> None:
            self._gauges.pop(key, None)

        return forget

    def flush(self) -> None:
        """Put what has gathered."""
        now = self._clock.now()
        if now - self._looked >= _MINUTE:
            self._looked = now
            self._waiting.extend(gauge() for gauge in list(self._gauges.values()))
        found: dict[Series, list[float]] = defaultdict(list)
        while self._waiting:
            series, value = self._waiting.popleft()
            found[series].append(value)
        for series, values in found.items():
            datum = Datum(series.name, dict(series.dimensions), 0.0, now, series.unit, summary=sum_up(values))
            try:
                self._host.put_metrics(series.scope, series.namespace, [datum], "")
            except ServiceError as error:  # a full disk
                log.error("%d values of %s are lost: %s", len(values), series.name, error)


def sum_up(values: list[float]) -> Summary:
    """Many values as one."""
    return Summary(len(values), sum(values), min(values), max(values), list(_count(values)))


def _count(values: Iterable[float]) -> Iterable[tuple[float, float]]:
    """Values and how often they came, to three digits: enough for percentiles, and few to store."""
    counts = Counter(float(f"{value:.3g}") for value in values)
    return ((value, float(count)) for value, count in sorted(counts.items()))
