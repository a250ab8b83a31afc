"""What CloudWatch shows of invocations: gathered on the way of a request, put in batches."""

import logging
from collections import defaultdict, deque
from typing import NamedTuple

from clary.clock import Clock
from clary.errors import ServiceError
from clary.hosting.readings import Readings, sum_up
from clary.hosting.spec import EndpointSpec
from clary.jobs.host import Host, Scope
from clary.store.metrics import Datum

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
    container: str = ""  # the one that was invoked directly
    config: str = ""  # the endpoint configuration of the fleet that answered

    @property
    def dimensions(self) -> list[tuple[tuple[str, str], ...]]:
        """Under which it is to be found: by the variant, by it and the container, by it and the configuration."""
        variant = (("EndpointName", self.endpoint), ("VariantName", self.variant))
        more = (("ContainerName", self.container), ("EndpointConfigName", self.config))
        return [variant, *((*variant, dimension) for dimension in more if dimension[1])]


class Measurements:
    """Thread-safe; `add` costs next to nothing."""

    def __init__(self, host: Host, clock: Clock) -> None:
        self.readings = Readings(host, clock)
        self._host = host
        self._clock = clock
        self._waiting: deque[Measurement] = deque()
        self.add = self._waiting.append

    def flush(self) -> None:
        """Put what has gathered."""
        self.readings.flush()
        series: dict[tuple[Scope, tuple[tuple[str, str], ...]], list[Measurement]] = defaultdict(list)
        while self._waiting:
            measurement = self._waiting.popleft()
            for dimensions in measurement.dimensions:
                series[measurement.scope, dimensions].append(measurement)
        for (scope, dimensions), measurements in series.items():
            try:
                self._host.put_metrics(scope, _NAMESPACE, self._data(dict(dimensions), measurements), "")
            except ServiceError as error:  # a full disk
                log.error("metrics of %d invocations are lost: %s", len(measurements), error)

    def _data(self, dimensions: dict[str, str], measurements: list[Measurement]) -> list[Datum]:
        latency = "ContainerLatency" if "ContainerName" in dimensions else "ModelLatency"
        rows = [
            ("Invocations", "None", [1.0 for _ in measurements]),
            ("InvocationsPerInstance", "None", [1 / row.instances for row in measurements]),
            ("Invocation4XXErrors", "None", [float(400 <= row.status < 500) for row in measurements]),
            ("Invocation5XXErrors", "None", [float(row.status >= 500 or row.status == 0) for row in measurements]),
            (latency, _MICROSECONDS, [row.model for row in measurements]),
            ("OverheadLatency", _MICROSECONDS, [row.overhead for row in measurements]),
        ]
        now = self._clock.now()
        return [Datum(name, dimensions, 0.0, now, unit, summary=sum_up(values)) for name, unit, values in rows]


def scope_of(spec: EndpointSpec) -> Scope:
    """Whose metrics and logs an endpoint's are."""
    return Scope(spec.account, spec.region)
