"""Numbers that rise with time and never stand still, whatever the clock does while the server runs."""

from clary.clock import Clock


class Ticks:
    """For the one writer that is in its transaction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        """Microseconds since the epoch, or one more than the last number."""
        self._last = max(self._last + 1, int(self._clock.now() * 1e6))
        return self._last
