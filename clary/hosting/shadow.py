"""The shadow variant: gets copies of requests, and nobody waits for its answers."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from clary.hosting.fleet import Fleet, Instance, Variant
from clary.hosting.invocation import Invocation, InvocationRefused, ModelFailure

log = logging.getLogger("clary.hosting")

MOST = 100  # copies that an instance has at a time; the rest are dropped, as a slow shadow must not fill the memory

Ask = Callable[[Variant, Instance, Invocation], Awaitable[object]]


class Mirror:
    """Sends the copies. `ask` is given an instance that counts the request as its own already."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._tasks: set[asyncio.Task[None]] = set()

    def copy(self, fleet: Fleet, production: Variant, request: Invocation) -> None:
        """Send the sampled copy of a request, on the event loop that runs; call it with the traffic's lock."""
        shadow = fleet.shadow
        if shadow is None or not shadow.instances or random.random() * production.weight >= shadow.weight:
            return
        instance = shadow.choose_instance()
        if instance.in_flight >= MOST:
            return
        instance.in_flight += 1
        task = asyncio.get_running_loop().create_task(self._send(shadow, instance, request))
        self._tasks.add(task)  # the loop alone would not keep it
        task.add_done_callback(self._tasks.discard)

    async def _send(self, shadow: Variant, instance: Instance, request: Invocation) -> None:
        try:
            await self._ask(shadow, instance, request)
        except (ModelFailure, InvocationRefused) as failure:
            log.debug("the shadow variant %s failed: %s", shadow.spec.name, failure)
