"""Records of JSON into files of columns."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clary.delivery.records import Failed, Record, data_of
from clary.errors import ClientError, ServiceError
from clary.joined import join, total_size
from clary.tables.hive_types import parse_hive_type

if TYPE_CHECKING:
    from concurrent.futures import Future

    from clary.delivery.converter import Converter, Refused

_BLOCK = 8 * 1024 * 1024


class SchemaProblem(ServiceError):
    """There are no columns by which records could be converted."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=f"DataFormatConversion.{code}", status=400)


def check_columns(columns: Sequence[tuple[str, str]]) -> None:
    """SchemaProblem for types that there are not."""
    for _, kind in columns:
        try:
            parse_hive_type(kind)
        except ClientError as problem:
            told = f"The schema is invalid. Error parsing the schema: {problem}."
            raise SchemaProblem("InvalidSchema", told) from None


class ColumnSink:
    """A Parquet or ORC file of records, which another process converts block by block, while others come."""

    def __init__(self, path: Path, converter: Converter) -> None:
        self._converter = converter
        self._file, self._opened = converter.open(path)
        self._held: list[Sequence[Record]] = []
        self._size = 0
        self.records = self.size = 0
        """What it took, in all."""
        self._converting: deque[tuple[list[Sequence[Record]], Future[Refused]]] = deque()

    def take(self, records: Sequence[Record]) -> list[Failed]:
        """Hold records until there are enough for a block; those of a block before it that don't fit come back."""
        size = total_size(data_of(records))
        self._held.append(records)
        self._size += size
        self.size += size
        self.records += len(records)
        if self._size < _BLOCK:
            return []
        self._begin()
        return self._end(1)

    def drain(self) -> list[Failed]:
        """Write what is held; what of all that did not come back before doesn't fit."""
        self._begin()
        return self._end(0)

    def close(self) -> None:
        """End the file."""
        self._converter.close(self._file)

    def _begin(self) -> None:
        """Begin to convert what is held."""
        held, self._held, self._size = self._held, [], 0
        if held:
            parts = [join(data_of(records)) for records in held]
            self._converting.append((held, self._converter.write(self._file, parts)))

    def _end(self, most: int) -> list[Failed]:
        """What doesn't fit of the blocks that are converted, so many of which need not be ready yet."""
        failed: list[Failed] = []
        if len(self._converting) > most:
            self._opened.result()
        while len(self._converting) > most:
            held, answer = self._converting.popleft()
            if refused := answer.result():
                records = [record for records in held for record in records]
                failed += [Failed(records[number], code, why) for number, why, code in refused]
        return failed
