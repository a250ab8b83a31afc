"""The files of one delivery, each of which becomes an object: written and synced before any of them is delivered."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from zoneinfo import ZoneInfo

import msgspec

from clary.clock import Clock
from clary.delivery.compression import EXTENSIONS, open_compressed
from clary.delivery.endpoint import MOST_RECORDS, RequestFile
from clary.delivery.plan import Endpoint, Place, Plan
from clary.delivery.prefix import complete, complete_error, evaluate, suffix
from clary.delivery.records import Failed, Record, data_of
from clary.durable import sync_path
from clary.joined import join

DATA, BACKUP = "data", "backup"
_LONGEST_KEY = 1024


class LongKey(Exception):
    """No object can have a name that long."""


class Output(msgspec.Struct, frozen=True):
    """A file and what becomes of it: an object, or where `bucket` is empty the request with the id `key`."""

    file: str
    bucket: str
    key: str
    records: int
    oldest: int
    """When the oldest of its records arrived (epoch milliseconds)."""
    backup: bool = False
    """Whether it has the records as they came."""


class Sink(Protocol):
    """A file that takes records."""

    def take(self, records: Sequence[Record]) -> list[Failed]:
        """Write records; those that can't be written come back."""

    def drain(self) -> list[Failed]:
        """Write what is still held back; what of it can't be written comes back."""

    def close(self) -> None:
        """End the file."""


class Outputs:
    """Opens a file for each object of a delivery, by what tells the objects apart."""

    def __init__(self, plan: Plan, root: Path, clock: Clock, *, below: str = "") -> None:
        self._plan, self._root, self._folder, self._clock = plan, root, root / below, clock
        self._open: dict[tuple[object, ...], _Growing] = {}
        self._files = self._requests = 0

    def data(
        self,
        kind: str,
        place: Place,
        records: Sequence[Record],
        make: Callable[[Path], Sink] | None = None,
        *,
        keys: Mapping[str, Mapping[str, str]] | None = None,
        extension: str = "",
    ) -> list[Failed]:
        """Add records to the object of a place and of partition keys; `make` opens a file that is not plain bytes.

        LongKey where the keys make its name too long.
        """
        name = (kind, *(tuple(sorted(values.items())) for _, values in sorted((keys or {}).items())))
        growing = self._open.get(name)
        if growing is None:
            ending = place.extension or extension or EXTENSIONS[place.compression]
            key = self._key(place, complete(place.prefix), records[0].arrival, ending, keys=keys)
            growing = self._begin(name, place, key, records, make)
            growing.backup = kind == BACKUP
        return growing.take(records)

    def request(self, endpoint: Endpoint, records: Sequence[Record]) -> None:
        """Add records to the requests to an endpoint, beginning another one when one is full."""
        while records:
            growing = self._open.get(("request", self._requests))
            if growing is None or growing.records == MOST_RECORDS:
                path, identity = self.new_file(), self._clock.uuid()
                sink = RequestFile(path, endpoint, identity, self._clock)
                growing = _Growing("", identity, path, sink, records[0].arrival)
                self._requests += 1
                self._open["request", self._requests] = growing
            room = MOST_RECORDS - growing.records
            growing.take(records[:room])
            records = records[room:]

    def errors(self, place: Place, kind: str, documents: Iterable[tuple[int, bytes]]) -> None:
        """Add JSON documents, each with the arrival of its record, to the object of one type of error."""
        records = [Record(document + b"\n", arrival) for arrival, document in documents]
        if not records:
            return
        growing = self._open.get((kind,))
        if growing is None:
            prefix = complete_error(place.prefix, place.error_prefix)
            key = self._key(place, prefix, records[0].arrival, EXTENSIONS[place.compression], error_type=kind)
            growing = self._begin((kind,), place, key, records, None)
        growing.take(records)

    def drain(self) -> list[Failed]:
        """Write what files still hold back; what can't be written comes back, to be given to `errors`."""
        return [failed for growing in self._open.values() for failed in growing.drain()]

    def finish(self) -> list[Output]:
        """All files, closed and on disk; those that hold no record are left out."""
        for growing in self._open.values():
            growing.sink.close()
            sync_path(growing.path)
        sync_path(self._folder)
        return [growing.output(self._root) for growing in self._open.values() if growing.records]

    def new_file(self) -> Path:
        """The path of a file that is not there yet."""
        self._files += 1
        return self._folder / f"{self._files:06d}"

    def _begin(
        self,
        name: tuple[object, ...],
        place: Place,
        key: str,
        records: Sequence[Record],
        make: Callable[[Path], Sink] | None,
    ) -> _Growing:
        path = self.new_file()
        sink = make(path) if make else PlainFile(open_compressed(path, place.compression, key.rpartition("/")[2]))
        self._open[name] = growing = _Growing(place.bucket, key, path, sink, records[0].arrival)
        return growing

    def _key(
        self,
        place: Place,
        prefix: str,
        arrival: int,
        extension: str,
        *,
        error_type: str = "",
        keys: Mapping[str, Mapping[str, str]] | None = None,
    ) -> str:
        moment = datetime.fromtimestamp(arrival / 1000, UTC).astimezone(ZoneInfo(place.zone))
        head = evaluate(prefix, moment, self._clock.hex, error_type=error_type, keys=keys)
        key = head + suffix(self._plan.name, self._plan.version, moment, self._clock.uuid(), extension)
        if keys and len(key.encode()) > _LONGEST_KEY:
            raise LongKey(f"The partition keys make an object's name longer than {_LONGEST_KEY} bytes: {key[:100]}...")
        return key


class _Growing:
    """An object in the making."""

    def __init__(self, bucket: str, key: str, path: Path, sink: Sink, oldest: int) -> None:
        self.bucket, self.key, self.path, self.sink, self.oldest = bucket, key, path, sink, oldest
        self.records, self.backup = 0, False

    def take(self, records: Sequence[Record]) -> list[Failed]:
        failed = self.sink.take(records)
        self.records += len(records) - len(failed)
        return failed

    def output(self, root: Path) -> Output:
        file = str(self.path.relative_to(root))
        return Output(file, self.bucket, self.key, self.records, self.oldest, self.backup)

    def drain(self) -> list[Failed]:
        failed = self.sink.drain()
        self.records -= len(failed)
        return failed


class PlainFile:
    """Data one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def take(self, records: Sequence[Record]) -> list[Failed]:
        """Append them."""
        self._file.write(join(data_of(records)).text)
        return []

    def drain(self) -> list[Failed]:
        """Nothing is held back."""
        return []

    def close(self) -> None:
        """End the file."""
        self._file.close()


def document_of(
    failed: Failed, now: float, more: Mapping[str, object], *, code: str = "errorCode", message: str = "errorMessage"
) -> tuple[int, bytes]:
    """What is written about a record that failed, as AWS documents it, and when the record came."""
    document = {
        "attemptsMade": failed.attempts,
        "arrivalTimestamp": failed.record.arrival,
        code: failed.code,
        message: failed.message,
        "attemptEndingTimestamp": int(now * 1000),
        "rawData": base64.b64encode(failed.record.data).decode(),
        **more,
    }
    return failed.record.arrival, msgspec.json.encode(document)
