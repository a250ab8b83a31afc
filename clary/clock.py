"""Time and ids as injected values, so that tests move the one and know the other."""

import secrets
import time
import uuid


class Clock:
    """The time of day and fresh ids."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def uuid(self) -> str:
        """A random UUID, as AWS writes request ids."""
        return str(uuid.uuid4())

    def hex(self, digits: int) -> str:
        """Random lower-case hexadecimal digits."""
        return secrets.token_hex((digits + 1) // 2)[:digits]


class MovedClock(Clock):
    """A clock that stands still until a test moves it."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        """The time last set."""
        return self.time

    def move(self, seconds: float) -> None:
        """Go forward."""
        self.time += seconds
