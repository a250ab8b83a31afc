"""One endpoint: deployed, updated, invoked, deleted."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from clary.errors import ServiceError
from clary.hosting.capture import Captures
from clary.hosting.connection import Response, WorkerLost, WorkerUnreachable, compose
from clary.hosting.fleet import DeploymentError, Fleet, Instance, Variant, container_name
from clary.hosting.invocation import Answer, EndpointNotFoundError, Invocation, ModelFailure, VariantNotFoundError
from clary.hosting.measurements import Measurement, Measurements, scope_of
from clary.hosting.rollout import PLAIN, RollbackError, Rollout, TakeOver
from clary.hosting.spec import EndpointSpec
from clary.hosting.traffic import Part, Traffic
from clary.hosting.worker import Ground, Worker

log = logging.getLogger("clary.hosting")

MODEL_SECONDS = 60.0
_LOOK_SECONDS = 0.02
_REPORT_SECONDS = 1.0
_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_INFERENCE_ID = "x-amzn-sagemaker-inference-id"

_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container {}. Review the latency metrics for each "
    "container in Amazon CloudWatch, resolve the issue, and try again."
)
_LOST = (
    "Amazon SageMaker could not get a response from the {} endpoint. This can occur when CPU or memory utilization is "
    "high. To check your utilization, see Amazon CloudWatch. To fix this problem, use an instance type with more CPU "
    "capacity or memory."
)

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
        self._fleets: set[Fleet] = set()
        self._deleted = False
        self._mixed = False  # what serves is partly old, partly new: a rollback failed

    async def deploy(self, fleet: Fleet, rollout: Rollout = PLAIN) -> None:
        """Start a fleet and let it take over without a failed request; where it fails the old one stays."""
        async with self._turn:
            if self._deleted:
                return
            old = self._traffic.fleets
            self._fleets.add(fleet)
            try:
                await self._take_over(fleet, rollout)
            except DeploymentError as error:
                await self._retire([fleet])
                await self._tell_failure(str(error))
                return
            except RollbackError as error:
                self._mixed = True
                await self._tell_failure(str(error))
                return
            self._mixed = False
            self._traffic.divide([Part(fleet, 1.0)])
            await self._tell({"EndpointStatus": "InService"})
        await self._retire(old)

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
        started = time.perf_counter()
        if not self._traffic.parts:
            await self._wait_until_serving()
        variant, instance = self._take(request.target_variant)
        status, model_started = 0, time.perf_counter()
        try:
            answer = await self._pass_through(variant, instance, request)
            status = 200
            return answer
        except ModelFailure as failure:
            status = failure.status
            raise
        finally:
            ended = time.perf_counter()
            with self._lock:
                instance.in_flight -= 1
            model, whole = (ended - model_started) * 1e6, (ended - started) * 1e6
            count = len(variant.instances) or 1  # 0: the last was taken out meanwhile
            self._measurements.add(
                Measurement(self._scope, self.name, variant.spec.name, count, status, model, whole - model)
            )

    def _take(self, target: str) -> tuple[Variant, Instance]:
        """Choose who answers; from here on a swap of the fleet waits for the request."""
        with self._lock:
            fleet = self._traffic.choose(target)
            if fleet is None:
                raise EndpointNotFoundError(self.name)
            try:
                variant = fleet.choose(target)
            except KeyError:
                raise VariantNotFoundError(target) from None
            instance = variant.choose_instance()
            instance.in_flight += 1
            return variant, instance

    async def _pass_through(self, variant: Variant, instance: Instance, request: Invocation) -> Answer:
        """Give the request to the first container, each answer to the next."""
        body, content_type, attributes = request.body, request.content_type, request.custom_attributes
        last = len(instance.workers) - 1
        end = time.monotonic() + (request.seconds or MODEL_SECONDS)
        for position, worker in enumerate(instance.workers):
            headers = [
                ("Content-Type", content_type),
                ("Accept", request.accept if position == last else ""),
                (_ATTRIBUTES, attributes),
                (_INFERENCE_ID, request.inference_id),
            ]
            container = container_name(variant.spec, position)
            try:
                response = await _send(worker, compose("POST", "/invocations", headers, body), end)
            except TimeoutError:
                raise ModelFailure(0, _TIMED_OUT.format(container), container, instance.log_stream) from None
            except WorkerLost:
                raise ModelFailure(0, _LOST.format(self.name), container, instance.log_stream) from None
            if not 200 <= response.status < 300:
                message = response.body.decode("utf-8", "replace")
                raise ModelFailure(response.status, message, container, instance.log_stream)
            body, content_type = response.body, response.headers.get("content-type", "")
            attributes = response.headers.get(_ATTRIBUTES, "")
        answer = Answer(body, content_type, variant.spec.name, attributes)
        self._captures.take(self.name, variant.spec, request, answer)
        return answer

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


async def _send(worker: Worker, message: bytes, end: float) -> Response:
    """Send a request; while the worker is being restarted, wait for it."""
    while True:
        seconds = end - time.monotonic()
        if worker.up:
            try:
                return await worker.pool.request(message, seconds)
            except WorkerUnreachable:
                pass  # it has just ended
            except WorkerLost:
                worker.doubt()
                raise
        if seconds <= 0:
            raise TimeoutError
        await asyncio.sleep(_LOOK_SECONDS)
