"""Records of JSON into files of columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clary.delivery.plan import Conversion
from clary.delivery.records import Failed, Record

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
        self._held: list[Record] = []
        self._size = 0

    def take(self, records: list[Record]) -> list[Failed]:
        """Hold records until a block is full; those of it that don't fit come back."""
        failed: list[Failed] = []
        for start, end in _blocks(records, _BLOCK - self._size):
            self._held += records[start:end]
            self._size += sum([len(record.data) for record in records[start:end]])
            if self._size >= _BLOCK:
                failed += self._convert()
        return failed

    def close(self) -> list[Failed]:
        """Write what is held."""
        failed = self._convert()
        self._file.close()
        return failed

    def _convert(self) -> list[Failed]:
        records, self._held, self._size = self._held, [], 0
        if not records:
            return []
        table, refused = self._reader.read([record.data for record in records])
        self._file.write(table)
        return [Failed(records[item.number], _CODE, item.reason) for item in refused]


def _blocks(records: list[Record], room: int) -> list[tuple[int, int]]:
    """Stretches of the records that each fill a block; the first has so much room."""
    found, start = [], 0
    for number, record in enumerate(records):
        room -= len(record.data)
        if room <= 0:
            found.append((start, number + 1))
            start, room = number + 1, _BLOCK
    return [*found, (start, len(records))] if start < len(records) else found
