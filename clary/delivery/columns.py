"""Records of JSON into files of columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clary.delivery.plan import Conversion
from clary.delivery.records import Failed, Record, data_of

if TYPE_CHECKING:
    from clary.tables.json_records import JsonReader

_BLOCK = 8 * 1024 * 1024
_CODE = "DataFormatConversion.ParseError"


def make_reader(conversion: Conversion, columns: Sequence[tuple[str, str]]) -> JsonReader:
    """What reads records by a table's columns."""
    from clary.tables.json_fields import JsonOptions
    from clary.tables.json_records import JsonReader

    options = JsonOptions(
        hive=conversion.hive,
        case_insensitive=conversion.case_insensitive,
        dots_to_underscores=conversion.dots_to_underscores,
        keys=conversion.keys,
        timestamp_formats=conversion.timestamp_formats,
    )
    return JsonReader(columns, options)


class ColumnSink:
    """A Parquet or ORC file of records, which are read block by block."""

    def __init__(self, path: Path, conversion: Conversion, reader: JsonReader) -> None:
        from clary.tables.columnar import ColumnFile

        self._reader = reader
        self._file = ColumnFile(path, reader.schema, conversion.output, conversion.options)
        self._held: list[Sequence[Record]] = []
        self._size = 0

    def take(self, records: Sequence[Record]) -> list[Failed]:
        """Hold records until there are enough for a block; those of it that don't fit come back."""
        self._held.append(records)
        self._size += sum(map(len, data_of(records)))
        return self._convert() if self._size >= _BLOCK else []

    def close(self) -> list[Failed]:
        """Write what is held."""
        failed = self._convert()
        self._file.close()
        return failed

    def _convert(self) -> list[Failed]:
        held, self._held, self._size = self._held, [], 0
        if not held:
            return []
        table, refused = self._reader.read([data for records in held for data in data_of(records)])
        self._file.write(table)
        if not refused:
            return []
        records = [record for records in held for record in records]
        return [Failed(records[item.number], _CODE, item.reason) for item in refused]
