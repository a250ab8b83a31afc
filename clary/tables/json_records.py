"""Records of JSON objects to Arrow tables by the columns of a table, block by block; bad records are told apart.

A block is read by Arrow's own parser, whole, where that surely means the same as reading each value by the rules of
`json_values`: keys are spelled as expected, values are written as their columns' types. Otherwise the block is read
record by record.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.joined import Joined, join
from clary.tables.hive_types import HiveType, parse_hive_type, to_arrow
from clary.tables.json_arrays import conform, is_read_quickly, quick_type, slow_type
from clary.tables.json_fields import Fields, JsonOptions
from clary.tables.json_times import compile_pattern
from clary.tables.json_values import Fitter, Malformed, Number, Unfit, read_objects

if TYPE_CHECKING:
    import pyarrow as pa

Path = tuple[str, ...]

_BLOCK = 4 * 1024 * 1024
_SAMPLES = 20
_KEY = re.compile(rb'"([^"\\]*)"[ \t\r\n]*:')
_ESCAPED_KEY = re.compile(rb'\\[^"]{0,200}"[ \t\r\n]*:')
_CONSTANT = re.compile(rb"[:\[,][ \t\r\n]*-?(?:NaN|Inf)")
_OPEN, _CLOSE, _LINE = b"{}\n"


class Refused(NamedTuple):
    """A record that doesn't fit: its number among those read, why, and whether it is no JSON at all."""

    number: int
    reason: str
    malformed: bool


class JsonReader:
    """Reads records of JSON objects; what it learns of their spelling makes the next block quick.

    `schema` is that of the tables: the columns in their order, their types by `hive_types.to_arrow`.
    """

    def __init__(self, columns: Sequence[tuple[str, str]], options: JsonOptions) -> None:
        import pyarrow as pa

        names, types = [name for name, _ in columns], [parse_hive_type(kind) for _, kind in columns]
        for pattern in options.timestamp_formats:
            if pattern != "millis":
                compile_pattern(pattern)
        self.schema = pa.schema([(name, to_arrow(kind)) for name, kind in zip(names, types, strict=True)])
        self._options = options
        self._fields = Fields(names, types, options, top=True)
        self._fitter = Fitter(self._fields, options)
        own_formats = any(pattern != "millis" for pattern in options.timestamp_formats)
        self._quick = all(is_read_quickly(kind, own_formats=own_formats) for kind in types)
        self._spelling: dict[Path, str] = {}
        self._numeric: set[Path] = set()  # timestamps that are written as whole numbers
        self._extra = False  # whether objects have keys that no column wants

    def read(self, records: Sequence[bytes | memoryview]) -> tuple[pa.Table, list[Refused]]:
        """The table of the objects in all records that fit, in their order, and the records that don't."""
        table = self._read_quickly(records) if self._quick and records else None
        return (table, []) if table is not None else self._read_slowly(records)

    def _read_quickly(self, records: Sequence[bytes | memoryview]) -> pa.Table | None:
        """The table, if Arrow reads every record as we would; else None."""
        text = _join_objects(records)
        if text is None or not _is_utf8(text) or _has_constant(text):
            return None
        longest = 2 * max(_lengths(records))
        for _ in range(3):
            known = dict(self._spelling), set(self._numeric), self._extra
            table = self._parse(text, longest)
            if table is not None:
                return table
            self._learn(records)
            if known == (self._spelling, self._numeric, self._extra):
                break
        return None

    def _parse(self, text: bytes, longest: int) -> pa.Table | None:
        import pyarrow as pa

        fields = [
            (self._key(path := (name,), key), quick_type(kind, path, self._spelling, self._numeric))
            for name, key, kind in zip(self._fields.names, self._fields.keys, self._fields.types, strict=True)
        ]
        try:
            table = _parse_json(text, pa.schema(fields), longest, ignore=self._extra)
            if self._extra and not self._is_spelled_as_known(text):
                return None
            return self._conform(table, slow=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None

    def _conform(self, table: pa.Table, *, slow: bool) -> pa.Table:
        import pyarrow as pa

        arrays = []
        for number, kind in enumerate(self._fields.types):
            column, wanted = table.column(number), self.schema.field(number).type
            chunks = [conform(chunk, kind, slow=slow) for chunk in column.chunks]
            arrays.append(pa.chunked_array(chunks, wanted))
        return pa.table(arrays, schema=self.schema)

    def _key(self, path: Path, key: str) -> str:
        return self._spelling.get(path, key)

    def _is_spelled_as_known(self, text: bytes) -> bool:
        """Whether no key, however deep, is another spelling of one that a column wants."""
        if b"\\" in text and _ESCAPED_KEY.search(text):
            return False
        wanted = {self._options.normal(key): key for key in _all_keys(self._fields)}
        spelled = {*self._spelling.values()}
        for found in set(_KEY.findall(text)):
            key = found.decode()
            normal = self._options.normal(key)
            if normal in wanted and key not in spelled and (key != wanted[normal]):
                return False
        return True

    def _learn(self, records: Sequence[bytes | memoryview]) -> None:
        """See in some records how keys are spelled, how timestamps are written, and whether there are other keys."""
        step = max(1, len(records) // _SAMPLES)
        for record in records[::step]:
            with suppress(Unfit):
                for found in read_objects(record):
                    self._learn_object(found, self._fields, ())

    def _learn_object(self, found: dict[str, Any], fields: Fields, path: Path) -> None:
        for key, value in found.items():
            number = fields.find(key)
            if number is None:
                self._extra = True
                continue
            below, kind = (*path, fields.names[number]), fields.types[number]
            self._spelling[below] = key
            self._learn_value(value, kind, below)

    def _learn_value(self, value: Any, kind: HiveType, path: Path) -> None:
        if kind.name == "struct" and isinstance(value, dict):
            self._learn_object(value, Fields(list(kind.names), list(kind.children), self._options), path)
        elif kind.name == "array" and isinstance(value, list):
            for item in value[:_SAMPLES]:
                self._learn_value(item, kind.children[0], path)
        elif kind.name == "timestamp" and isinstance(value, Number) and value.lstrip("-").isdecimal():
            self._numeric.add(path)
        elif kind.name == "timestamp" and value is not None:
            self._numeric.discard(path)

    def _read_slowly(self, records: Sequence[bytes | memoryview]) -> tuple[pa.Table, list[Refused]]:
        lines: list[bytes] = []
        refused: list[Refused] = []
        for number, record in enumerate(records):
            try:
                lines += [self._fitter.fit(found) for found in read_objects(record)]
            except Unfit as problem:
                refused.append(Refused(number, str(problem), isinstance(problem, Malformed)))
        return self._table_of(lines), refused

    def _table_of(self, lines: list[bytes]) -> pa.Table:
        import pyarrow as pa

        if not lines:
            return self.schema.empty_table()
        fields = [(name, slow_type(kind)) for name, kind in zip(self._fields.names, self._fields.types, strict=True)]
        table = _parse_json(b"\n".join(lines), pa.schema(fields), 2 * max(map(len, lines)), ignore=False)
        return self._conform(table, slow=True)


def _parse_json(text: bytes, schema: pa.Schema, longest: int, *, ignore: bool) -> pa.Table:
    from pyarrow import json

    return json.read_json(
        io.BytesIO(text),
        read_options=json.ReadOptions(block_size=max(_BLOCK, longest)),
        parse_options=json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="ignore" if ignore else "error"
        ),
    )


def _join_objects(records: Sequence[bytes | memoryview]) -> bytes | None:
    """The records on lines, if each begins and ends as an object does: then no two of them can be taken for one."""
    if not all(_lengths(records)):
        return None
    lines = records[0][-1] == _LINE  # then perhaps each ends its line
    text = join(records).text if lines else b"\n".join(records)
    if text[0] == _OPEN and _breaks_between_objects(text) == len(records) - 1 + lines:
        return text if text.endswith(b"}\n" if lines else b"}") else None
    stripped = [bytes(record).strip(b" \t\r\n") for record in records]
    return b"\n".join(records) if all(one[:1] == b"{" and one[-1:] == b"}" for one in stripped) else None


def _breaks_between_objects(text: bytes) -> int:
    """How many breaks of lines there are, if each but one at the end stands between two objects; else -1."""
    import numpy as np

    signs = np.frombuffer(text, np.uint8)  # ten times as quick as what bytes has for it
    breaks = np.flatnonzero(signs == _LINE)
    inner = breaks[:-1] if text.endswith(b"\n") else breaks
    between = (signs[inner - 1] == _CLOSE).all() and (signs[inner + 1] == _OPEN).all()
    return len(breaks) if between else -1


def _has_constant(text: bytes) -> bool:
    """Whether NaN or Inf stands where a value does."""
    import numpy as np

    signs = np.frombuffer(text, np.uint8)
    for word in (b"NaN", b"Inf"):
        places = np.flatnonzero(signs[:-2] == word[0])
        places = places[signs[places + 1] == word[1]]
        if (signs[places + 2] == word[2]).any():
            return _CONSTANT.search(text) is not None
    return False


def _lengths(records: Sequence[bytes | memoryview]) -> Sequence[int]:
    return records.lengths if isinstance(records, Joined) else list(map(len, records))


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _all_keys(fields: Fields) -> list[str]:
    """The keys that are wanted at any depth."""
    found = list(fields.keys)
    waiting = list(fields.types)
    while waiting:
        kind = waiting.pop()
        found += kind.names
        waiting += kind.children
    return found
