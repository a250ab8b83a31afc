"""Serverless variants: instances that start when a request needs one, take one request at a time, and end when idle."""

import asyncio
import threading
import time
from concurrent.futures import Future

from clary.hosting.fleet import Fleet, Instance, Variant, container_name, ping_failed
from clary.hosting.invocation import Invocation, InvocationRefused, ModelFailure
from clary.hosting.measurements import scope_of
from clary.hosting.readings import INVOCATIONS, MICROSECONDS, Readings, Series
from clary.hosting.worker import NotHealthyError

_LARGEST = 4 * 1024 * 1024  # bytes of a request


class ConcurrencyExceeded(InvocationRefused):
    """As many requests are on their way as the variant may have at once."""

    status = 429


def take(variant: Variant, request: Invocation) -> Instance | None:
    """An idle instance, busy from now on; None where one has to be started. Call it with the endpoint's lock."""
    limits = variant.spec.serverless
    assert limits is not None
    if len(request.body) > _LARGEST:
        raise InvocationRefused(f"The body has {len(request.body)} bytes; a serverless endpoint takes {_LARGEST}.")
    if variant.starting + sum(instance.in_flight for instance in variant.instances) >= limits.max_concurrency:
        raise ConcurrencyExceeded(
            f"The variant {variant.spec.name} has reached its MaxConcurrency of {limits.max_concurrency} requests at "
            "once. Try again later, or raise MaxConcurrency."
        )
    idle = [instance for instance in variant.instances if not instance.in_flight]
    if not idle:
        variant.starting += 1
        return None
    # The one that rested the shortest: the others may come to their end.
    chosen = max(idle, key=lambda instance: (instance.up, instance.idle_since))
    chosen.in_flight = 1
    return chosen


async def start(fleet: Fleet, variant: Variant, lock: threading.Lock, readings: Readings) -> Instance | None:
    """The instance that a request was promised by `take`; None where the fleet has been replaced meanwhile."""
    starting = asyncio.run_coroutine_threadsafe(_start(fleet, variant, lock, readings), fleet.loop)
    try:
        return await asyncio.shield(asyncio.wrap_future(starting))
    except asyncio.CancelledError:
        starting.add_done_callback(lambda done: _give_back(done, lock))
        raise


async def _start(fleet: Fleet, variant: Variant, lock: threading.Lock, readings: Readings) -> Instance | None:
    """The same on the hosting room's event loop; ModelFailure where it doesn't come up."""
    began = time.perf_counter()
    with lock:
        variant.starting -= 1
        if fleet.stopped:
            return None
        instance = fleet.launch(variant)
        instance.in_flight = 1
    try:
        await asyncio.gather(*(asyncio.shield(worker.started) for worker in instance.workers))
    except NotHealthyError:
        with lock:
            instance.in_flight = 0
            variant.instances = [other for other in variant.instances if other is not instance]
        await fleet.end([instance])
        message = ping_failed(variant.spec, 0)
        raise ModelFailure(0, message, container_name(variant.spec, 0), instance.log_stream) from None
    dimensions = (("EndpointName", fleet.spec.name), ("VariantName", variant.spec.name))
    series = Series(scope_of(fleet.spec), INVOCATIONS, dimensions, "ModelSetupTime", MICROSECONDS)
    readings.add(series, (time.perf_counter() - began) * 1e6)
    return instance


def _give_back(starting: "Future[Instance | None]", lock: threading.Lock) -> None:
    """Nobody waits for it any more."""
    if not starting.cancelled() and not starting.exception() and (instance := starting.result()):
        with lock:
            instance.in_flight = 0


async def let_rest(fleet: Fleet, lock: threading.Lock, now: float, seconds: float) -> None:
    """End the instances of serverless variants, beyond the provisioned ones, that had nothing to do for so long."""
    gone: list[Instance] = []
    with lock:
        for variant in fleet.variants.values():
            if not variant.spec.serverless:
                continue
            kept = variant.spec.serverless.provisioned
            idle = [one for one in variant.instances if not one.in_flight and now - one.idle_since >= seconds]
            surplus = max(len(variant.instances) - kept, 0)
            ending = sorted(idle, key=lambda instance: instance.idle_since)[:surplus]
            variant.instances = [instance for instance in variant.instances if instance not in ending]
            gone += ending
    if gone:
        await fleet.end(gone)
