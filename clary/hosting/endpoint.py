"""One endpoint: deployed, updated, invoked, deleted."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from clary.errors import ServiceError
from clary.hosting import serverless
from clary.hosting.capture import Captures
from clary.hosting.fleet import DeploymentError, Fleet, Instance, Variant
from clary.hosting.invocation import (
    Answer,
    EndpointNotFoundError,
    Invocation,
    InvocationRefused,
    ModelFailure,
    QueuedOnly,
    StreamedAnswer,
    VariantNotFoundError,
)
from clary.hosting.measurements import Measurement, Measurements, scope_of
from clary.hosting.passage import Passage, Way
from clary.hosting.rollout import PLAIN, RollbackError, Rollout, TakeOver
from clary.hosting.scaling import resize
from clary.hosting.shadow import Mirror
from clary.hosting.spec import EndpointSpec
from clary.hosting.targets import directly_invoked
from clary.hosting.traffic import Part, Traffic
from clary.hosting.worker import Ground

log = logging.getLogger("clary.hosting")

MODEL_SECONDS = 60.0
_LOOK_SECONDS = 0.02
_REPORT_SECONDS = 1.0

Report = Callable[[dict[str, Any]], None]


class Endpoint:
    """Deployments run on the hosting room's event loop, invocations on the server's; `_lock` stands between them."""

    def __init__(
        self,
        ground: Ground,
        spec: EndpointSpec,
        report: Report,
        measurements: Measurements,
        captures: Captures,
        *,
        serving: bool,
    ) -> None:
        self._ground = ground
        self.name = spec.name
        self._scope = scope_of(spec)
        self._report = report
        self._measurements = measurements
        self._captures = captures
        self._serving = serving  # it was in service before a restart: invocations wait for its workers
        self._lock = threading.Lock()
        self._turn = asyncio.Lock()
        self._traffic = Traffic(self._lock)
        self._mirror = Mirror(self._ask_shadow)
        self._fleets: set[Fleet] = set()
        self._deleted = False
        self._mixed = False  # what serves is partly old, partly new: a rollback failed

    async def deploy(self, fleet: Fleet, rollout: Rollout = PLAIN) -> None:
        """Start a fleet and let it take over without a failed request; where it fails the old one stays."""
        async with self._turn:
            if self._deleted:
                return
            over = self._traffic.fleets
            self._fleets.add(fleet)
            try:
                await self._take_over(fleet, rollout)
            except DeploymentError as error:
                over = [fleet] if fleet.busy else []
                if not over:
                    await self._discard(fleet)  # first: whoever hears of the failure finds the reason in the log
                await self._tell_failure(str(error))
            except RollbackError as error:
                over, self._mixed = [], True
                await self._tell_failure(str(error))
            else:
                self._mixed = False
                self._traffic.divide([Part(fleet, 1.0)])
                await self._tell({"EndpointStatus": "InService"})
        await self._retire(over)

    async def resize(self, spec: EndpointSpec) -> None:
        """Start or stop instances in place; where new ones don't come up all stays as it is."""
        async with self._turn:
            if self._deleted:
                return
            try:
                await resize(self._traffic, spec)
            except DeploymentError as error:
                await self._tell_failure(str(error))
                return
            await self._tell({"EndpointStatus": "InService"})

    async def _take_over(self, fleet: Fleet, rollout: Rollout) -> None:
        """Bring a fleet up, and into the place of what serves; DeploymentError when all is again as it was."""
        if not self._traffic.parts:
            await fleet.start()
            return
        change = TakeOver(self._ground, self._traffic, fleet, rollout, self._tell, lambda: self._deleted)
        try:
            await change.forward()
        except DeploymentError as error:
            if not self._deleted:
                await change.back(str(error))
            raise

    async def _retire(self, fleets: Sequence[Fleet]) -> None:
        """End fleets that get no more requests."""
        for fleet in fleets:
            await fleet.drain()
            await self._discard(fleet)

    async def delete(self) -> None:
        """End all workers."""
        self._deleted = True
        self._traffic.divide([])
        await asyncio.gather(*(self._discard(fleet) for fleet in list(self._fleets)))

    def set_weights(self, weights: dict[str, float]) -> None:
        """Change the variants' shares of the traffic."""
        with self._lock:
            for fleet in self._traffic.fleets:
                fleet.set_weights(weights)

    async def invoke(self, request: Invocation) -> Answer:
        """Send a request through the containers of one instance."""
        async with self._occupying(request) as (variant, instance):
            return await self.ask(variant, instance, request)

    async def _ask_shadow(self, variant: Variant, instance: Instance, request: Invocation) -> None:
        async with self._measuring(variant, instance, request, time.perf_counter()):
            answer = await self._passage(variant, instance, request).answer()
            self._captures.take(self.name, variant.spec, request, answer)

    async def invoke_stream(self, request: Invocation) -> StreamedAnswer:
        """The same; the last container's answer comes as it is made, and the instance is busy until then."""
        async with AsyncExitStack() as held:
            variant, instance = await held.enter_async_context(self._occupying(request))
            return await self._passage(variant, instance, request).stream(held.pop_all())

    @property
    def instances(self) -> int:
        """How many instances serve."""
        return sum(sum(fleet.counts.values()) for fleet in self._traffic.fleets)

    def claim(self) -> tuple[Variant, Instance] | None:
        """Who answers the next request of the queue, busy with it until `release`; None while nobody has room."""
        with self._lock:
            fleet = self._traffic.choose("")
            if fleet is None:
                return None
            variant = fleet.choose("")
            most = variant.spec.concurrent or 1  # 0: the endpoint is asynchronous no longer
            free = [instance for instance in variant.instances if instance.up and instance.in_flight < most]
            if not free:
                return None
            instance = min(free, key=lambda instance: instance.in_flight)
            instance.in_flight += 1
            return variant, instance

    def release(self, instance: Instance) -> None:
        """The request that it was claimed for is done."""
        with self._lock:
            instance.in_flight -= 1

    async def ask(self, variant: Variant, instance: Instance, request: Invocation) -> Answer:
        """Send a request of the queue to who was claimed for it."""
        answer = await self._passage(variant, instance, request).answer()
        self._captures.take(self.name, variant.spec, request, answer)
        return answer

    def _passage(self, variant: Variant, instance: Instance, request: Invocation) -> Passage:
        way = Way(self._scope, self.name, variant.spec, instance, self._measurements.readings)
        return Passage(way, request, request.seconds or MODEL_SECONDS)

    @asynccontextmanager
    async def _occupying(self, request: Invocation) -> AsyncGenerator[tuple[Variant, Instance], None]:
        """Who answers, busy with the request until the end of the block; then it is measured."""
        started = time.perf_counter()
        if not self._traffic.parts:
            await self._wait_until_serving()
        variant, instance = await self._claim_for(request)
        async with self._measuring(variant, instance, request, started):
            yield variant, instance

    @asynccontextmanager
    async def _measuring(
        self, variant: Variant, instance: Instance, request: Invocation, started: float
    ) -> AsyncGenerator[None, None]:
        status, model_started = 0, time.perf_counter()
        try:
            yield
            status = 200
        except (ModelFailure, InvocationRefused) as failure:
            status = failure.status
            raise
        finally:
            ended = time.perf_counter()
            with self._lock:
                instance.in_flight -= 1
                instance.idle_since = self._ground.clock.now()
            model, whole = (ended - model_started) * 1e6, (ended - started) * 1e6
            count = len(variant.instances) or 1  # 0: the last was taken out meanwhile
            times = (model, whole - model)
            origin = (directly_invoked(variant.spec, request), variant.spec.config)
            self._measurements.add(
                Measurement(self._scope, self.name, variant.spec.name, count, status, *times, *origin)
            )

    async def _claim_for(self, request: Invocation) -> tuple[Variant, Instance]:
        """Who answers; a serverless variant starts an instance where none is idle."""
        while True:
            fleet, variant, instance = self._take(request)
            if instance is None:
                instance = await serverless.start(fleet, variant, self._lock, self._measurements.readings)
            if instance is not None:
                return variant, instance

    async def let_rest(self, seconds: float) -> None:
        """End serverless instances that had nothing to do for so long, unless an update is under way."""
        for fleet in self._traffic.fleets if not self._turn.locked() else []:
            await serverless.let_rest(fleet, self._lock, self._ground.clock.now(), seconds)

    def _take(self, request: Invocation) -> tuple[Fleet, Variant, Instance | None]:
        """Choose who answers; from here on a swap of the fleet waits for the request."""
        target = request.target_variant
        with self._lock:
            fleet = self._traffic.choose(target)
            if fleet is None:
                raise EndpointNotFoundError(self.name)
            try:
                variant = fleet.choose(target)
            except KeyError:
                raise VariantNotFoundError(target) from None
            if variant.spec.concurrent:
                raise QueuedOnly(f"Endpoint {self.name} is asynchronous: use InvokeEndpointAsync to invoke it.")
            if variant.spec.serverless:
                return fleet, variant, serverless.take(variant, request)
            instance = variant.choose_instance(request.target_model)
            instance.in_flight += 1
            self._mirror.copy(fleet, variant, request)
            return fleet, variant, instance

    async def _wait_until_serving(self) -> None:
        end = time.monotonic() + MODEL_SECONDS
        while self._serving and not self._deleted and not self._traffic.parts and time.monotonic() < end:
            await asyncio.sleep(_LOOK_SECONDS)

    async def _discard(self, fleet: Fleet) -> None:
        await fleet.stop()
        self._fleets.discard(fleet)

    async def _tell_failure(self, reason: str) -> None:
        self._serving = False
        status = "InService" if not self._mixed else "UpdateRollbackFailed"
        if not self._traffic.parts:
            await self._tell({"EndpointStatus": "Failed", "FailureReason": reason})
        else:
            await self._tell({"EndpointStatus": status, "FailureReason": reason, "UpdateFailed": True})

    async def _tell(self, change: dict[str, Any]) -> None:
        while not self._deleted:
            try:
                await asyncio.to_thread(self._report, change)
                break
            except ServiceError as error:  # a full disk
                log.error("the state of %s could not be noted, trying again: %s", self.name, error)
                await asyncio.sleep(_REPORT_SECONDS)
