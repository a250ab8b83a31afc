"""Records of JSON into files of columns."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TYPE_CHECKING

from clary.delivery.plan import Conversion
from clary.delivery.records import Failed, Record, data_of
from clary.errors import ClientError, ServiceError

if TYPE_CHECKING:
    from clary.tables.json_records import JsonReader

_BLOCK = 8 * 1024 * 1024
_PARSE_ERROR, _MALFORMED = "DataFormatConversion.ParseError", "DataFormatConversion.MalformedData"


class SchemaProblem(ServiceError):
    """There are no columns by which records could be converted."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=f"DataFormatConversion.{code}", status=400)


def make_reader(conversion: Conversion, columns: Sequence[tuple[str, str]]) -> JsonReader:
    """What reads records by a table's columns; SchemaProblem for types that there are not."""
    from clary.tables.json_fields import JsonOptions
    from clary.tables.json_records import JsonReader

    options = JsonOptions(
        hive=conversion.hive,
        case_insensitive=conversion.case_insensitive,
        dots_to_underscores=conversion.dots_to_underscores,
        keys=conversion.keys,
        timestamp_formats=conversion.timestamp_formats,
    )
    try:
        return JsonReader(columns, options)
    except ClientError as problem:
        raise SchemaProblem("InvalidSchema", f"The schema is invalid. Error parsing the schema: {problem}.") from None


class ColumnSink:
    """A Parquet or ORC file of records, which are read block by block on the pool's thread, while others come."""

    def __init__(self, path: Path, conversion: Conversion, reader: JsonReader, pool: Executor) -> None:
        from clary.tables.columnar import ColumnFile

        self._reader, self._pool = reader, pool
        self._file = ColumnFile(path, reader.schema, conversion.output, conversion.options)
        self._held: list[Sequence[Record]] = []
        self._size = 0
        self.records = self.size = 0
        """What it took, in all."""
        self._converting: Future[list[Failed]] | None = None

    def take(self, records: Sequence[Record]) -> list[Failed]:
        """Hold records until there are enough for a block; those of the block before it that don't fit come back."""
        size = sum(map(len, data_of(records)))
        self._held.append(records)
        self._size += size
        self.size += size
        self.records += len(records)
        return self._begin() if self._size >= _BLOCK else []

    def drain(self) -> list[Failed]:
        """Write what is held; what of all that did not come back before doesn't fit."""
        return self._begin() + self._begin()

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _begin(self) -> list[Failed]:
        """Begin to convert what is held once what is being converted is: of that comes back what doesn't fit."""
        failed = self._converting.result() if self._converting else []
        held, self._held, self._size = self._held, [], 0
        self._converting = self._pool.submit(self._convert, held) if held else None
        return failed

    def _convert(self, held: list[Sequence[Record]]) -> list[Failed]:
        table, refused = self._reader.read([data for records in held for data in data_of(records)])
        self._file.write(table)
        if not refused:
            return []
        records = [record for records in held for record in records]
        codes = {True: _PARSE_ERROR, False: _MALFORMED}
        return [Failed(records[item.number], codes[item.malformed], item.reason) for item in refused]
