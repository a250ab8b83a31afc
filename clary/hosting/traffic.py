"""Who gets an endpoint's requests: one fleet, or several that share them while an update is under way."""

import random
import threading
from collections.abc import Sequence
from typing import NamedTuple

from clary.hosting.fleet import Fleet


class Part(NamedTuple):
    """A fleet and its share of the requests."""

    fleet: Fleet
    share: float


class Traffic:
    """Divided on the hosting room's event loop, read on the server's; `lock` stands between them."""

    def __init__(self, lock: threading.Lock) -> None:
        self.lock = lock
        self.parts: Sequence[Part] = ()

    @property
    def fleets(self) -> list[Fleet]:
        """All that take requests, the one that was there first at the beginning."""
        return [part.fleet for part in self.parts]

    def divide(self, parts: Sequence[Part]) -> None:
        """From the next request on these fleets share the traffic."""
        with self.lock:
            self.parts = [part for part in parts if part.share > 0]

    def choose(self, target: str) -> Fleet | None:
        """A fleet by share; among those with the variant `target`, if any has it. Call it with the lock."""
        parts = [part for part in self.parts if target in part.fleet.variants] or self.parts
        if len(parts) < 2:
            return parts[0].fleet if parts else None
        return random.choices(parts, [part.share for part in parts])[0].fleet
