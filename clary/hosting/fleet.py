"""The workers of one version of an endpoint: variants, their instances, and which of them takes a request."""

import asyncio
import logging
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from clary.hosting.dressing import dress
from clary.hosting.elastic_inference import explanation
from clary.hosting.log_pipe import Append, LogPipe
from clary.hosting.measurements import scope_of
from clary.hosting.model_cache import ModelCache
from clary.hosting.model_data import ModelDataError, fetch_model
from clary.hosting.multi_model import open_cache, prepare
from clary.hosting.spec import ContainerSpec, EndpointSpec, VariantSpec
from clary.hosting.worker import Ground, NotHealthyError, Worker
from clary.images import BuildError

log = logging.getLogger("clary.hosting")

_DRAIN_SECONDS = 3610.0  # longer than any invocation: one from a queue may take an hour
_LOOK_SECONDS = 0.02
_AFFINITY = 4


class DeploymentError(Exception):
    """The fleet did not come up; the message becomes FailureReason."""


class Instance:
    """The containers of one instance, in the order of the pipeline, and how many requests it has."""

    def __init__(self, log_stream: str, workers: Sequence[Worker], tasks: Sequence[asyncio.Task[None]]) -> None:
        self.log_stream = log_stream
        self.workers = workers
        self.caches: dict[int, ModelCache] = {}  # of its multi-model containers, by their place
        self.in_flight = 0
        self.idle_since = 0.0
        self._tasks = tasks

    @property
    def up(self) -> bool:
        """Whether all of its containers answer."""
        return all(worker.up for worker in self.workers)

    def has_model(self, target: str) -> bool:
        """Whether a multi-model container of it has loaded this model."""
        return any(cache.has(target) for cache in self.caches.values())

    async def stop(self) -> None:
        """End its workers."""
        for cache in self.caches.values():
            cache.on_close()
        for worker in self.workers:
            worker.stop()
        await asyncio.gather(*self._tasks)


class Variant:
    """One production variant."""

    def __init__(self, spec: VariantSpec) -> None:
        self.spec = spec
        self.weight = spec.weight
        self.instances: list[Instance] = []
        self.starting = 0  # requests to a serverless variant whose instance is not launched yet
        self._turn = 0

    def choose_instance(self, target_model: str = "") -> Instance:
        """The least busy of those that are up, in turn where several are; any where none is.

        One that has the model loaded is preferred until it is busier than others by _AFFINITY requests.
        """
        if self.spec.routing == "RANDOM":
            return random.choice([instance for instance in self.instances if instance.up] or self.instances)
        self._turn += 1
        start = self._turn % len(self.instances)
        in_turn = self.instances[start:] + self.instances[:start]

        def load(instance: Instance) -> tuple[bool, int]:
            bonus = _AFFINITY if target_model and instance.has_model(target_model) else 0
            return not instance.up, instance.in_flight - bonus

        return min(in_turn, key=load)


class Fleet:
    """Belongs to the event loop of the hosting room, but for `choose`."""

    def __init__(self, ground: Ground, spec: EndpointSpec, folder: Path, sockets: Path) -> None:
        self.spec = spec
        self.variants = {variant.name: Variant(variant) for variant in spec.variants}
        self._ground = ground
        self._folder = folder
        self._sockets = sockets
        self.loop: asyncio.AbstractEventLoop  # known once it grows
        self._models: dict[str, list[Path]] = {}
        self._launched: list[Instance] = []
        self.stopped = False

    @property
    def shadow(self) -> Variant | None:
        """The variant that gets copies of requests."""
        return next((variant for variant in self.variants.values() if variant.spec.shadow), None)

    @property
    def full(self) -> dict[str, int]:
        """How many instances its variants shall have."""
        return {name: variant.spec.instance_count for name, variant in self.variants.items()}

    @property
    def counts(self) -> dict[str, int]:
        """How many instances they have."""
        return {name: len(variant.instances) for name, variant in self.variants.items()}

    async def start(self) -> None:
        """Start all instances and wait for them; DeploymentError where one does not come up.

        Of a serverless variant one is tried, whether or not it is kept.
        """
        await self.grow({name: max(count, 1) for name, count in self.full.items()})
        await self.end(self.take_out(self.full))

    async def grow(self, counts: Mapping[str, int]) -> None:
        """Fetch the models, start instances until each variant has so many, wait for them; DeploymentError."""
        self.loop = asyncio.get_running_loop()
        if not self._models:
            self._folder.mkdir(parents=True, exist_ok=True)
            models = await asyncio.gather(*(self._fetch(variant) for variant in self.spec.variants))
            self._models = {variant.name: folders for variant, folders in zip(self.spec.variants, models, strict=True)}
        if self.stopped:
            raise DeploymentError("the endpoint was deleted")
        for name, variant in self.variants.items():
            while len(variant.instances) < counts[name]:
                self.launch(variant)
        for variant in self.variants.values():
            for position in range(len(variant.spec.containers)):
                await self._wait_for(variant, position)

    def launch(self, variant: Variant) -> Instance:
        """Start one more instance of a variant, without waiting for it."""
        instance = self._launch(variant.spec, self._models[variant.spec.name])
        instance.idle_since = self._ground.clock.now()
        variant.instances.append(instance)
        return instance

    def take_out(self, counts: Mapping[str, int]) -> list[Instance]:
        """Give no more requests to instances beyond so many of each variant; `end` those that are returned."""
        gone: list[Instance] = []
        for name, variant in self.variants.items():
            gone += variant.instances[counts[name] :]
            variant.instances = variant.instances[: counts[name]]
        return gone

    async def end(self, instances: Sequence[Instance]) -> None:
        """Stop instances that were taken out, once they have answered what they were asked."""
        await _drain(instances)
        await asyncio.gather(*(instance.stop() for instance in instances))
        self._launched = [instance for instance in self._launched if instance not in instances]

    def choose(self, name: str) -> Variant:
        """The variant of this name (KeyError), or one by weight."""
        variants = [variant for variant in self.variants.values() if not variant.spec.shadow]
        if name:
            return {variant.spec.name: variant for variant in variants}[name]
        if len(variants) == 1:
            return variants[0]
        weights = [variant.weight for variant in variants]
        return random.choices(variants, weights)[0] if any(weights) else variants[0]

    def set_weights(self, weights: Mapping[str, float]) -> None:
        """Change the variants' shares of the traffic; those that it doesn't have are others' business."""
        for name in weights.keys() & self.variants.keys():
            self.variants[name].weight = weights[name]

    @property
    def busy(self) -> bool:
        """Whether a request is on its way."""
        return any(instance.in_flight for instance in self._launched)

    async def drain(self) -> None:
        """Wait until no request is on its way."""
        await _drain(self._launched)

    async def stop(self) -> None:
        """End all workers and remove what they had."""
        self.stopped = True
        await asyncio.gather(*(instance.stop() for instance in self._launched))
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _fetch(self, variant: VariantSpec) -> list[Path]:
        """A folder for each container of the variant, to be seen as /opt/ml."""
        folders = [self._folder / f"model-{variant.name}-{number}" for number in range(len(variant.containers))]
        for container, folder in zip(variant.containers, folders, strict=True):
            if container.multi_model:
                continue  # its models come as they are asked for, to each instance by itself
            await self._prepare(container)
            fetching = asyncio.to_thread(fetch_model, self._ground.host, container, folder)
            try:
                await asyncio.wait_for(fetching, variant.download_seconds)
            except ModelDataError as error:
                raise DeploymentError(str(error)) from None
            except TimeoutError:
                raise DeploymentError(
                    f"The model data of production variant {variant.name} was not downloaded in time."
                ) from None
        return folders

    async def _prepare(self, container: ContainerSpec) -> None:
        """Have its environment built, which may take minutes the first time."""

        def check() -> None:
            if self.stopped:
                raise BuildError("the endpoint was deleted")

        try:
            await asyncio.to_thread(dress, self._ground.settings, container, log.info, check)
        except BuildError as error:
            raise DeploymentError(str(error)) from None

    def _launch(self, variant: VariantSpec, models: list[Path]) -> Instance:
        """Start the workers of one instance."""
        identity = f"i-{self._ground.clock.hex(17)}"
        stream = f"{variant.name}/{identity}"
        workers, tasks, caches = [], [], {}
        for number, (container, model) in enumerate(zip(variant.containers, models, strict=True)):
            folder, sockets = self._folder / f"{identity}-{number}", self._sockets / f"{identity}-{number}"
            folder.mkdir()
            sockets.mkdir()
            output = folder / "output"
            pipe = LogPipe(output, self._appender(stream), self._ground.clock)
            if variant.accelerator_type:
                pipe.say(explanation(variant.accelerator_type))
            try:
                container = dress(self._ground.settings, container, pipe.say, lambda: None)
            except BuildError as error:  # its image was taken away since the endpoint was made
                raise DeploymentError(str(error)) from None
            if container.multi_model:
                container, model = prepare(self._ground.settings, variant, container, folder)
            worker = Worker(self._ground, variant, container, model, folder, sockets)
            if container.multi_model:
                place = scope_of(self.spec), self.spec.name, variant.name
                caches[number] = open_cache(self._ground, place, container, worker, model)
            tasks.append(asyncio.create_task(worker.keep_running(pipe, output)))
            workers.append(worker)
        instance = Instance(stream, workers, tasks)
        instance.caches = caches
        self._launched.append(instance)
        return instance

    def _appender(self, stream: str) -> Append:
        spec = self.spec
        return lambda lines: self._ground.host.append_log(scope_of(spec), spec.log_group, stream, lines, 0)

    async def _wait_for(self, variant: Variant, position: int) -> None:
        """Until this container answers its ping on every instance of the variant."""
        try:
            started = (asyncio.shield(instance.workers[position].started) for instance in variant.instances)
            await asyncio.gather(*started)
        except NotHealthyError:
            raise DeploymentError(ping_failed(variant.spec, position)) from None


async def _drain(instances: Sequence[Instance]) -> None:
    end = asyncio.get_running_loop().time() + _DRAIN_SECONDS
    while any(instance.in_flight for instance in instances) and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(_LOOK_SECONDS)


def ping_failed(variant: VariantSpec, position: int) -> str:
    """What AWS says of a container that doesn't come up."""
    return (
        f"The {container_name(variant, position)} container for production variant {variant.name} did not pass the "
        "ping health check. Please check CloudWatch logs for this endpoint."
    )


def container_name(variant: VariantSpec, position: int) -> str:
    """How AWS's messages call a container: `primary`, or by its place or host name in a pipeline."""
    if len(variant.containers) == 1:
        return "primary"
    return variant.containers[position].hostname or f"container-{position + 1}"
