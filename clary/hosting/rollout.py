"""How a new fleet takes over from the old one: traffic in steps, baking after each, and the way back."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, NamedTuple

import msgspec

from clary.hosting.fleet import DeploymentError, Fleet
from clary.hosting.measurements import scope_of
from clary.hosting.traffic import Part, Traffic
from clary.hosting.worker import Ground

LOOK_SECONDS = 0.25  # between two looks at the clock and at the alarms
_SLACK = 1e-6  # of a share: 3 x 1/3 is all

Tell = Callable[[dict[str, Any]], Awaitable[None]]


class Step(NamedTuple):
    """The new fleet's share of the traffic, and how long it bakes so."""

    share: float
    seconds: float


class Rollout(msgspec.Struct, kw_only=True, frozen=True):
    """A plan of an update; as it stands: all traffic at once, as soon as the new fleet is up."""

    steps: tuple[Step, ...] = (Step(1.0, 0.0),)  # the last one's share is 1; after it the old fleet ends
    until: float | None = None  # the time of day at which it is given up
    alarms: tuple[str, ...] = ()  # any of them in ALARM sends it back
    rolling: bool = False  # instances start and end step by step, instead of a whole new fleet beside the old one
    step_back: float = 1.0  # the share that a rolling update gives back at a time

    @property
    def at_once(self) -> bool:
        """Whether nothing is to be seen between its beginning and its end."""
        return len(self.steps) == 1 and not (self.rolling or self.steps[0].seconds)


PLAIN = Rollout()


class RollbackError(Exception):
    """The old instances did not come up again: old and new go on serving as they stand."""


class TakeOver:
    """One update on its way. A DeploymentError of `forward` asks for `back`."""

    def __init__(
        self, ground: Ground, traffic: Traffic, new: Fleet, rollout: Rollout, tell: Tell, stopped: Callable[[], bool]
    ) -> None:
        self._ground = ground
        self._traffic = traffic
        self._new = new
        self._rollout = rollout
        self._tell = tell
        self._stopped = stopped
        self._before = traffic.parts
        self._share = 0.0
        # The mix that a failed rollback left is no fleet whose instances could be replaced in turn.
        self._old = traffic.parts[0].fleet if rollout.rolling and len(traffic.parts) == 1 else None
        self._old_counts = self._old.counts if self._old else {}

    async def forward(self) -> None:
        """Every step, up to where the old fleet may end; DeploymentError where the update is to be undone."""
        if not self._old:
            await self._watched(self._new.start())
        for share, seconds in self._rollout.steps:
            await self._step(share)
            await self._bake(seconds)

    async def back(self, reason: str) -> None:
        """Give all traffic back to what served before; RollbackError where that does not come up again."""
        if self._share:
            await self._say("RollingBack", "Deleting", reason)
        if self._old:
            self._new.take_out(portion(self._new.full, self._share))  # without those that did not come up
        while self._share:
            share = self._share - self._rollout.step_back
            share = share if share > _SLACK else 0.0
            if self._old:
                await self._grow_again(self._old, portion(self._old_counts, 1 - share))
            self._shift(share)
            if self._old:
                await self._shrink(self._new, portion(self._new.full, share))

    async def _step(self, share: float) -> None:
        if self._old:
            await self._say("Updating", "Creating")
            await self._watched(self._new.grow(portion(self._new.full, share)))
        self._shift(share)
        if not self._rollout.at_once:
            await self._say("Updating", "ActivatingTraffic")
        if self._old:
            await self._shrink(self._old, portion(self._old_counts, 1 - share))

    async def _bake(self, seconds: float) -> None:
        """Watch for so long."""
        if not seconds:
            return
        end = self._ground.clock.now() + seconds
        await self._say("Updating", "Baking", message=f"Baking for {seconds:g} s with {self._share:.0%} of the traffic")
        while self._ground.clock.now() < end:
            await self._look()
            await asyncio.sleep(LOOK_SECONDS)
        await self._look()

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for a piece of work, unless something speaks against the update meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await self._look()
                await asyncio.wait({task}, timeout=LOOK_SECONDS)
        finally:
            task.cancel()
            await asyncio.wait({task})
        task.result()

    async def _look(self) -> None:
        """DeploymentError where the update has to be given up."""
        if self._stopped():
            raise DeploymentError("the endpoint was deleted")
        if self._rollout.until is not None and self._ground.clock.now() >= self._rollout.until:
            raise DeploymentError("The deployment took longer than its MaximumExecutionTimeoutInSeconds.")
        for alarm in self._rollout.alarms:
            scope = scope_of(self._new.spec)
            if await asyncio.to_thread(self._ground.host.alarm_state, scope, alarm) == "ALARM":
                raise DeploymentError(f"The alarm {alarm} of the deployment's AutoRollbackConfiguration is in ALARM.")

    def _shift(self, share: float) -> None:
        self._share = share
        rest = [Part(fleet, part * (1 - share)) for fleet, part in self._before]
        self._traffic.divide([*rest, Part(self._new, share)])

    async def _shrink(self, fleet: Fleet, counts: Mapping[str, int]) -> None:
        with self._traffic.lock:
            gone = fleet.take_out(counts)
        await fleet.end(gone)

    async def _grow_again(self, fleet: Fleet, counts: Mapping[str, int]) -> None:
        standing = fleet.counts
        try:
            await fleet.grow(counts)
        except DeploymentError as error:
            fleet.take_out(standing)
            raise RollbackError(f"The rollback failed too: {error}") from None

    async def _say(self, status: str, stage: str, reason: str = "", message: str = "") -> None:
        counts = {"New": self._new.counts, "Old": self._old.counts if self._old else None}
        told = {"Status": stage, "Message": message, "Share": self._share, "Counts": counts}
        await self._tell({"EndpointStatus": status, "FailureReason": reason, "Stage": told})


def portion(counts: Mapping[str, int], share: float) -> dict[str, int]:
    """So much of every variant's instances: none for no share, at least one for any."""
    return {name: math.ceil(count * share - _SLACK) for name, count in counts.items()}
