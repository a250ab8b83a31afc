"""How much may pass a shard in a second."""


class Bucket:
    """Fills at a rate and holds what comes in one second; a large taking may leave it in debt."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._level = rate
        self._time = now

    def has(self, amount: float, now: float) -> bool:
        """Whether so much may be taken: more than a second's worth only from a full one."""
        self._level = min(self._rate, self._level + max(0.0, now - self._time) * self._rate)
        self._time = now
        return self._level >= min(amount, self._rate)

    def take(self, amount: float) -> None:
        """Take it."""
        self._level -= amount


class ShardRates:
    """What one shard of AWS lets through: 1,000 records or 1 MiB a second in, 5 reads or 2 MiB a second out."""

    def __init__(self, now: float) -> None:
        self._records, self._bytes_in = Bucket(1000, now), Bucket(1024 * 1024, now)
        self._reads, self._bytes_out = Bucket(5, now), Bucket(2 * 1024 * 1024, now)

    def write(self, size: int, now: float) -> bool:
        """Let one record in, or not."""
        if not (self._records.has(1, now) and self._bytes_in.has(size, now)):
            return False
        self._records.take(1)
        self._bytes_in.take(size)
        return True

    def read(self, now: float) -> bool:
        """Let one read begin, or not: none while an earlier one took more than there was."""
        if not (self._reads.has(1, now) and self._bytes_out.has(1, now)):
            return False
        self._reads.take(1)
        return True

    def was_read(self, size: int) -> None:
        """Count what a read took."""
        self._bytes_out.take(size)
