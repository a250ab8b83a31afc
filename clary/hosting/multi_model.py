"""What a multi-model container starts with: no model, a folder that fills as models are asked for, a memory limit."""

from pathlib import Path

import msgspec

from clary.config import Settings
from clary.hosting.model_cache import ModelCache
from clary.hosting.readings import INSTANCES, INVOCATIONS, NONE, Series
from clary.hosting.spec import ContainerSpec, VariantSpec
from clary.hosting.worker import Ground, Worker
from clary.jobs.host import Scope
from clary.jobs.instances import capacity_of, machine_capacity

_MEMORY = "CLARY_MODEL_MEMORY_BYTES"
_GIB = 1 << 30


def memory_limit(settings: Settings, instance_type: str) -> int:
    """Bytes that a container of many models may use."""
    gib = settings.model_memory_gib
    if not gib:
        gib = min(capacity_of(instance_type).memory_gib, machine_capacity(settings).memory_gib)
    return int(gib * _GIB)


def prepare(
    settings: Settings, variant: VariantSpec, container: ContainerSpec, folder: Path
) -> tuple[ContainerSpec, Path]:
    """The container as it is started, and the folder that it sees as /opt/ml."""
    (folder / "ml" / "models").mkdir(parents=True)
    (folder / "ml" / "model").mkdir()
    told = {"SAGEMAKER_MULTI_MODEL": "true", _MEMORY: str(memory_limit(settings, variant.instance_type))}
    return msgspec.structs.replace(container, environment={**container.environment, **told}), folder / "ml"


def open_cache(
    ground: Ground, place: tuple[Scope, str, str], container: ContainerSpec, worker: Worker, folder: Path
) -> ModelCache:
    """The models of a container in the folder that it sees as /opt/ml; counted every minute.

    place: whose metrics they are, the endpoint's name, the variant's
    """
    scope, endpoint, variant = place
    dimensions = (("EndpointName", endpoint), ("VariantName", variant))

    def note(metric: str, unit: str, value: float) -> None:
        ground.readings.add(Series(scope, INVOCATIONS, dimensions, metric, unit), value)

    cache = ModelCache(ground.host, container, worker, folder / "models", note)
    count = Series(scope, INSTANCES, dimensions, "LoadedModelCount", NONE)
    cache.on_close = ground.readings.watch(lambda: (count, float(cache.count())))
    return cache
