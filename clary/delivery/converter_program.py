"""The program of a process that writes records of JSON into files of columns: orders in, an answer to each out.

An order is a line of JSON, followed by the bytes that it announces; an answer is a line of JSON.
"""

from __future__ import annotations

import errno
import os
import queue
import sys
import threading
from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from clary.delivery.plan import Conversion
from clary.joined import Joined

if TYPE_CHECKING:
    from clary.tables.columnar import ColumnFile
    from clary.tables.json_records import JsonReader

PARSE_ERROR, MALFORMED = "DataFormatConversion.ParseError", "DataFormatConversion.MalformedData"
"""The codes that records have which are no JSON, and which don't fit the columns."""

IDLE_SECONDS = 60.0
"""How long it waits for another batch before it ends by itself."""


class Begin(msgspec.Struct, tag=True):
    """A new batch: forget all files before, and read records by these columns."""

    conversion: Conversion
    columns: list[tuple[str, str]]


class Open(msgspec.Struct, tag=True):
    """A new file."""

    file: int
    path: str


class Write(msgspec.Struct, tag=True):
    """Records for a file: after the order come their lengths (unsigned 32-bit numbers), then their bytes."""

    file: int
    records: int
    size: int


class Close(msgspec.Struct, tag=True):
    """End a file."""

    file: int


class Rest(msgspec.Struct, tag=True):
    """The batch has ended, and another one may never come."""


Order = Begin | Open | Write | Close | Rest


class Done(msgspec.Struct):
    """What became of an order: the records that don't fit, or what went wrong."""

    refused: list[tuple[int, str, str]] = []
    problem: str = ""
    number: int = 0
    """The number of the system's error, if it was one."""


def main() -> None:
    """Obey until the input ends, or no batch comes for long."""
    from clary.sandbox.kernel import LINUX, die_with_parent

    if LINUX:
        die_with_parent(int(sys.argv[1]))
    orders: queue.Queue[tuple[Order, Joined | None] | None] = queue.Queue(1)  # one is read while one is obeyed
    threading.Thread(target=_read, args=(sys.stdin.buffer, orders), daemon=True).start()
    obeying, patience = _Obeying(), None
    with suppress(queue.Empty):
        while (found := orders.get(timeout=patience)) is not None:
            os.write(1, msgspec.json.encode(obeying.obey(*found)) + b"\n")
            patience = IDLE_SECONDS if isinstance(found[0], Rest) else None  # a function may take long between orders
    os._exit(0)  # the other thread may be reading


def _read(source: BinaryIO, orders: queue.Queue[tuple[Order, Joined | None] | None]) -> None:
    while line := source.readline():
        order = msgspec.json.decode(line, type=Order)
        records = None
        if isinstance(order, Write):
            lengths = array("I", source.read(order.records * array("I").itemsize))
            records = Joined(source.read(order.size), lengths)
        orders.put((order, records))
    orders.put(None)


class _Obeying:
    def __init__(self) -> None:
        self._conversion = Conversion(database="", table="")
        self._reader: JsonReader | None = None
        self._files: dict[int, ColumnFile] = {}

    def obey(self, order: Order, records: Joined | None) -> Done:
        try:
            return Done(refused=self._do(order, records))
        except OSError as problem:
            return Done(problem=problem.strerror or str(problem), number=problem.errno or 0)

    def _do(self, order: Order, records: Joined | None) -> list[tuple[int, str, str]]:
        from clary.tables.columnar import ColumnFile

        if isinstance(order, Rest):
            return []
        if isinstance(order, Begin):
            self._files.clear()
            self._conversion = order.conversion
            self._reader = _make_reader(order.conversion, order.columns)
            return []
        assert self._reader
        if isinstance(order, Open):
            conversion = self._conversion
            path = Path(order.path)
            self._files[order.file] = ColumnFile(path, self._reader.schema, conversion.output, conversion.options)
        elif order.file not in self._files:
            raise OSError(errno.EBADF, "The file could not be opened")  # what Open was answered says why
        elif isinstance(order, Close):
            self._files.pop(order.file).close()
        elif records is not None:
            table, refused = self._reader.read(records)
            self._files[order.file].write(table)
            return [(item.number, item.reason, PARSE_ERROR if item.malformed else MALFORMED) for item in refused]
        return []


def _make_reader(conversion: Conversion, columns: Sequence[tuple[str, str]]) -> JsonReader:
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
