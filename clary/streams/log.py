"""The log of a stream: its shards, and one flush for all who wait (group commit)."""

import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path

from clary.streams.batch import Put
from clary.streams.rate import ShardRates
from clary.streams.shard import ShardLog

_MOST_OPEN = 64  # shards of a stream whose files stay open between two flushes


class ShardClosed(Exception):
    """The shard takes no more entries: whoever wants to put looks again where they belong."""


class StreamGone(Exception):
    """The stream was deleted."""


class Group:
    """Those who wait for the same flush."""

    def __init__(self) -> None:
        self.done = False


class StreamLog:
    """Entries of all shards of a stream; safe from any thread."""

    def __init__(self, folder: Path, now: Callable[[], float], syncers: Executor) -> None:
        self._folder = folder
        self._now = now
        self._syncers = syncers
        self._shards: dict[int, ShardLog] = {}
        self._rates: dict[int, ShardRates] = {}
        self._lock = threading.Lock()  # held for moments: who stages, what is staged
        self.changing = threading.Lock()
        """Held by whoever splits or merges shards, from the sealing until the stream's record tells of it."""
        self._flushing = threading.Lock()  # held while files are written and synced
        self._group = Group()
        self._gone = False

    def put(self, puts: Mapping[int, list[Put]]) -> tuple[dict[int, tuple[int, int]], dict[int, OSError]]:
        """Append entries to shards, durable on return: for each shard the first one's index and the arrival.

        And what went wrong, by shard: nothing of it is stored. Raises ShardClosed, having stored nothing at all.
        """
        now = int(self._now() * 1000)
        for number in puts:
            self.shard(number)
        with self._lock:
            if self._gone:
                raise StreamGone
            if any(self._shards[number].sealed for number in puts):
                raise ShardClosed
            group = self._group
            places = {number: self._shards[number].stage(batch, now) for number, batch in puts.items()}
        with self._flushing:
            if not group.done:  # else whoever flushed before us took ours along
                self._flush()
        failed = {number: staged.problem for number, (_, _, staged) in places.items() if staged.problem}
        return {number: (index, arrival) for number, (index, arrival, _) in places.items()}, failed

    def shard(self, number: int) -> ShardLog:
        """The log of a shard, for reading."""
        found = self._shards.get(number)
        if found is None:
            with self._lock:
                if self._gone:
                    raise StreamGone
                found = self._shards.get(number)
                if found is None:  # still: opening one twice could cut off what the other writes
                    found = self._shards[number] = ShardLog(self._folder / f"{number:012d}")
        return found

    def rates(self, number: int) -> ShardRates:
        """What the shard lets through."""
        return self._rates.setdefault(number, ShardRates(self._now()))

    def seal(self, numbers: list[int]) -> None:
        """Let shards take no more entries; what was staged is durable on return."""
        for number in numbers:
            self.shard(number)
        with self._flushing:
            with self._lock:
                for number in numbers:
                    self._shards[number].sealed = True
            self._flush()

    def wait_for_change(self) -> None:
        """Let whoever splits or merges shards finish."""
        with self.changing:
            return

    def unseal(self, numbers: list[int]) -> None:
        """Take entries again, after all."""
        for number in numbers:
            self._shards[number].sealed = False

    def trim(self, number: int, before: int) -> None:
        """Delete the segments of a shard whose entries all arrived before that time (epoch milliseconds)."""
        log = self.shard(number)
        with self._flushing:
            if not self._gone:
                log.trim(before)

    def drop(self, number: int, index: int) -> None:
        """Delete the segments of a shard whose entries all come before an index."""
        log = self.shard(number)
        with self._flushing:
            if not self._gone:
                log.drop(index)

    def close(self, *, delete: bool = False) -> None:
        """Let the files go, or remove them with all they hold."""
        with self._flushing, self._lock:
            self._gone = True
            for log in self._shards.values():
                log.close()
            if delete:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _flush(self) -> None:
        """Write and sync what is staged; a shard where that fails forgets it, and what was staged after it."""
        with self._lock:
            group, self._group = self._group, Group()
            if self._gone:
                batches = {}
            else:
                batches = {number: staged for number, log in self._shards.items() if (staged := log.take_staged())}
        logs = self._shards
        for number, staged in batches.items():
            try:
                logs[number].write(staged)
            except OSError as problem:
                staged.problem = problem
        written = [number for number, staged in batches.items() if not staged.problem]
        for number, failed in zip(written, self._sync([logs[number] for number in written]), strict=True):
            batches[number].problem = failed
        with self._lock:
            for number, staged in batches.items():
                if staged.problem:
                    logs[number].fail(staged.problem)
                else:
                    logs[number].acknowledge(staged)
                if len(logs) > _MOST_OPEN:
                    logs[number].close()
        group.done = True

    def _sync(self, logs: list[ShardLog]) -> list[OSError | None]:
        if len(logs) == 1:
            return [_synced(logs[0])]
        return list(self._syncers.map(_synced, logs))


def _synced(log: ShardLog) -> OSError | None:
    try:
        log.sync()
    except OSError as problem:
        return problem
    return None
