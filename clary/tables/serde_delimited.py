"""Text files of columns: LazySimpleSerDe, MultiDelimitSerDe, OpenCSVSerde, RegexSerDe and GrokSerDe."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clary.errors import ClientError
from clary.tables.duck_types import quote
from clary.tables.lines import Parse, line_stream
from clary.tables.serde import BadDataError, ReadColumn, Relation, Scan, TableFile
from clary.tables.text_values import Delimiters, delimited, strict_csv

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Read = Callable[[str, ReadColumn], str]


def scan_delimited(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[TableFile],
    columns: Sequence[ReadColumn],
    parameters: Mapping[str, str],
) -> Scan:
    """Columns between `field.delim`; missing ones are null, further ones are left out, bad values are null."""
    field = _sign(parameters.get("field.delim", parameters.get("serialization.format", "\x01")))
    if parameters.get("line.delim", "\n") not in ("\n", "\\n", "10"):
        raise BadDataError(f"HIVE_INVALID_METADATA: line.delim must be a line feed, not {parameters['line.delim']!r}")
    collection = _sign(parameters.get("collection.delim", parameters.get("colelction.delim", "\x02")))
    delimiters = Delimiters([field, collection, _sign(parameters.get("mapkey.delim", "\x03")), *"\x04\x05\x06\x07\x08"])
    null = parameters.get("serialization.null.format", "\\N")
    escape = _sign(parameters.get("escape.delim", ""))
    if not field:
        raise BadDataError("HIVE_INVALID_METADATA: field.delim must not be empty")

    def read(value: str, column: ReadColumn) -> str:
        return delimited(value, column.type, delimiters, null)

    parse = _escaped(field, escape, null) if escape else _split(field)
    return _scan(connection, name, files, columns, parameters, parse, read)


def scan_csv(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[TableFile],
    columns: Sequence[ReadColumn],
    parameters: Mapping[str, str],
) -> Scan:
    """Columns between `separatorChar`, maybe within `quoteChar`; a bad value is an error."""
    separator, mark = parameters.get("separatorChar", ","), parameters.get("quoteChar", '"')
    escape = parameters.get("escapeChar", "\\")
    for sign, what in ((separator, "separatorChar"), (mark, "quoteChar"), (escape, "escapeChar")):
        if len(sign) != 1:
            raise BadDataError(f"HIVE_INVALID_METADATA: {what} must be one character, not {sign!r}")
    plain = _split(separator)

    def rows(lines: list[str]) -> list[list[str]]:
        style: dict[str, Any] = {
            "delimiter": separator,
            "quotechar": mark,
            "escapechar": None if escape == mark else escape,
        }
        found = list(csv.reader(lines, **style))
        if len(found) != len(lines):  # a quote that isn't closed reaches into the next line: the SerDe sees lines
            found = [next(csv.reader([line], **style), [""]) for line in lines]
        return [row or [""] for row in found]

    def parse(lines: pa.StringArray) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        if pc.any(pc.match_substring_regex(lines, f"[{re.escape(mark + escape)}]")).as_py():
            return pa.array(rows(lines.to_pylist()), pa.list_(pa.string()))
        return plain(lines)

    return _scan(
        connection,
        name,
        files,
        columns,
        parameters,
        parse,
        lambda value, column: strict_csv(value, column.type, column.position),
    )


def scan_regex(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[TableFile],
    columns: Sequence[ReadColumn],
    parameters: Mapping[str, str],
) -> Scan:
    """Columns are the groups of `input.regex`, which has to match a whole line; otherwise all are null."""
    text = parameters.get("input.regex", "")
    flags = re.IGNORECASE if parameters.get("input.regex.case.insensitive", "").lower() == "true" else 0
    try:
        pattern = re.compile(text, flags)
    except re.error as problem:
        raise BadDataError(f"HIVE_INVALID_METADATA: input.regex {text!r} is not understood: {problem}") from None

    def groups(line: str) -> Sequence[str | None] | None:
        match = pattern.fullmatch(line)
        return match.groups() if match else None

    return _scan_matches(connection, name, files, columns, parameters, groups)


def scan_grok(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[TableFile],
    columns: Sequence[ReadColumn],
    parameters: Mapping[str, str],
) -> Scan:
    """Columns are the fields of the grok pattern `input.format`, in its order."""
    from clary.tables.grok import MATCH_SECONDS, compile_grok, group_of

    try:
        grok = compile_grok(parameters.get("input.format", ""), parameters.get("input.grokCustomPatterns", ""))
    except ClientError as problem:
        raise BadDataError(f"HIVE_INVALID_METADATA: {problem}") from None
    names = [group_of(position) for position in range(len(grok.columns))]

    def groups(line: str) -> Sequence[str | None] | None:
        try:
            match = grok.compiled.fullmatch(line, timeout=MATCH_SECONDS)
        except TimeoutError:
            raise BadDataError(
                f"HIVE_CURSOR_ERROR: The grok pattern took longer than {MATCH_SECONDS} s for a line: {line[:100]}"
            ) from None
        return [match[name] for name in names] if match else None

    return _scan_matches(connection, name, files, columns, parameters, groups)


def _scan_matches(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[TableFile],
    columns: Sequence[ReadColumn],
    parameters: Mapping[str, str],
    groups: Callable[[str], Sequence[str | None] | None],
) -> Scan:
    def parse(lines: pa.StringArray) -> pa.Array:
        import pyarrow as pa

        return pa.array(map(groups, lines.to_pylist()), pa.list_(pa.string()))

    def read(value: str, column: ReadColumn) -> str:
        return delimited(value, column.type, Delimiters("\x01\x02\x03"), "")

    return _scan(connection, name, files, columns, parameters, parse, read)


def _scan(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[TableFile],
    columns: Sequence[ReadColumn],
    parameters: Mapping[str, str],
    parse: Parse,
    read: Read,
) -> Scan:
    import pyarrow as pa

    stream = line_stream(files, pa.list_(pa.string()), parse, **skipped_lines(parameters))
    connection.register(name, stream)
    expressions = {column.name: read(f"payload[{column.position + 1}]", column) for column in columns}
    return Scan([Relation(quote(name), files, expressions)], sum(file.size for file in files))


def skipped_lines(parameters: Mapping[str, str]) -> dict[str, int]:
    """How many lines at the beginning (`skip`) and at the end (`leave`) of each file are no rows."""
    return {"skip": _count(parameters, "skip.header.line.count"), "leave": _count(parameters, "skip.footer.line.count")}


def _count(parameters: Mapping[str, str], name: str) -> int:
    count = parameters.get(name, "0")
    if not count.isdecimal():
        raise BadDataError(f"HIVE_INVALID_METADATA: {name} must be a number, not {count!r}")
    return int(count)


def _sign(text: str) -> str:
    """A delimiter as a table's parameters write it: itself, escaped, or the number of an ASCII character."""
    if text.isdecimal() and (len(text) > 1 or text == "1"):
        return chr(int(text) % 256)
    return {"\\t": "\t", "\\n": "\n", "\\\\": "\\"}.get(text, text)


def _split(delimiter: str) -> Parse:
    def parse(lines: pa.StringArray) -> pa.Array:
        import pyarrow.compute as pc

        return pc.split_pattern(lines, delimiter)

    return parse


def _escaped(delimiter: str, escape: str, null: str) -> Parse:
    """Fields in which the escape takes the next sign as it is."""
    token = re.compile(f"{re.escape(escape)}(.)", re.DOTALL)
    plain = _split(delimiter)

    def fields(line: str) -> Iterator[str]:
        start = at = 0
        while at < len(line):
            if line[at] == escape:
                at += 2
            elif line.startswith(delimiter, at):
                yield line[start:at]
                start = at = at + len(delimiter)
            else:
                at += 1
        yield line[start:]

    def parse(lines: pa.StringArray) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not pc.any(pc.match_substring(lines, escape)).as_py():
            return plain(lines)
        rows = [
            [field if field == null else token.sub(r"\1", field) for field in fields(line)]
            for line in lines.to_pylist()
        ]
        return pa.array(rows, pa.list_(pa.string()))

    return parse
