"""What is counted, summed up by the minute until it is stored."""

import threading
from typing import NamedTuple


class Counted(NamedTuple):
    """What is counted."""

    account: str
    region: str
    dimensions: tuple[tuple[str, str], ...]
    metric: str
    unit: str


class Tally:
    """Values by name; each as count, sum, smallest and largest of a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[tuple[Counted, int], list[float]] = {}

    def add(self, name: Counted, value: float, now: float) -> bool:
        """Count a value; whether it is the first since the last `take`."""
        key = name, int(now) // 60 * 60
        with self._lock:
            first = not self._sums
            found = self._sums.get(key)
            if found is None:
                self._sums[key] = [1, value, value, value]
            else:
                found[0] += 1
                found[1] += value
                found[2] = min(found[2], value)
                found[3] = max(found[3], value)
        return first

    def take(self) -> dict[tuple[Counted, int], list[float]]:
        """All sums by name and minute, from now on begun anew."""
        with self._lock:
            sums, self._sums = self._sums, {}
        return sums
