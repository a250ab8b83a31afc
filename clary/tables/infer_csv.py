"""CSV: the delimiter, the header, the columns and their types from the beginning of a file.

Source: AWS Glue Developer Guide, "Built-in CSV classifier" and "Writing CSV custom classifiers".
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from clary.tables.hive_types import HiveType
from clary.tables.infer_schema import Schema
from clary.tables.infer_types import STRING, UNKNOWN, Column, type_of_texts, widen

DELIMITERS = (",", "|", "\t", ";", "\x01")
LAZY, OPEN = "LazySimpleSerDe", "OpenCSVSerDe"
CUSTOM_TYPES = {
    "BINARY": "binary",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DECIMAL": "decimal",
    "DOUBLE": "double",
    "FLOAT": "float",
    "INT": "int",
    "LONG": "bigint",
    "SHORT": "smallint",
    "STRING": "string",
    "TIMESTAMP": "timestamp",
}
"""What a custom classifier may call the types of columns, and what Hive calls them."""

_LONGEST_HEADING = 150
_HEADING = re.compile(r"[^\x00-\x1f]+")
_PROBED = 50
_REGULAR = 0.9  # the share of rows that have as many fields as the first
_DECIMAL = (10, 0)


class CsvOptions(NamedTuple):
    """What a custom classifier asks for; the built-in one asks for nothing."""

    delimiter: str = ""
    quote: str = ""
    header: str = "UNKNOWN"  # or PRESENT, ABSENT
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    single_column: bool = False
    trimmed: bool = True
    serde: str = "None"


def infer_csv(text: str, options: CsvOptions = CsvOptions()) -> Schema | None:  # noqa: B008
    """The schema of whole lines of text; None where they are no CSV."""
    quote = options.quote or '"'
    delimiter = options.delimiter or _find_delimiter(text, quote)
    if not delimiter:
        return None
    rows = _parse(text, delimiter, quote)
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    regular = [row for row in rows if len(row) == width]
    if not _is_table(rows, regular, width, options):
        return None
    fields = [list(map(str.strip, column)) if options.trimmed else column for column in zip(*regular, strict=True)]
    first = [column[0] for column in fields]
    quoted = _quoted_columns(text, delimiter, quote, width)
    serde = _choose_serde(options, any(quoted))
    kinds = [type_of_texts(column[1:]) for column in fields]
    headed = _has_header(first, kinds, options)
    if not headed:
        kinds = [widen(kind, type_of_texts([value])) for kind, value in zip(kinds, first, strict=True)]
    if serde == LAZY:  # it leaves the quotes in the value, which is then no number
        kinds = [STRING if in_quotes else kind for kind, in_quotes in zip(kinds, quoted, strict=True)]
    names = _name_columns(first if headed else [], width, options.names)
    kinds = [_custom_type(name) for name in options.types] or kinds
    columns = [Column(name, kind) for name, kind in zip(names, kinds, strict=True)]
    return _describe(columns, delimiter, quote, serde, headed, len(rows) - headed)


def _parse(text: str, delimiter: str, quote: str) -> list[list[str]]:
    csv.field_size_limit(len(text) + 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    try:
        return [row for row in reader if row]
    except csv.Error:
        return []


def _find_delimiter(text: str, quote: str) -> str:
    """The delimiter that cuts the first lines into the most fields, the same number in nearly each; "" for none."""
    head = "\n".join(text.split("\n", _PROBED)[:_PROBED])
    best, most = "", 1
    for delimiter in DELIMITERS:
        if delimiter not in head:
            continue
        widths = Counter(map(len, _parse(head, delimiter, quote)))
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        if width > most and count >= _REGULAR * widths.total():
            best, most = delimiter, width
    return best


def _is_table(rows: list[list[str]], regular: list[list[str]], width: int, options: CsvOptions) -> bool:
    if len(regular) < 2 or len(regular) < _REGULAR * len(rows) or width < (1 if options.single_column else 2):
        return False
    wanted = [len(names) for names in (options.names, options.types) if names]
    return all(count == width for count in wanted)


def _has_header(first: Sequence[str], kinds: Sequence[HiveType], options: CsvOptions) -> bool:
    if options.header != "UNKNOWN":
        return options.header == "PRESENT"
    if options.names and tuple(first) == options.names:
        return True
    headings = first[:-1] if not first[-1] else first  # a delimiter may end each line
    return (
        all(type_of_texts([heading]) == STRING and _HEADING.fullmatch(heading) for heading in headings)
        and all(len(heading) < _LONGEST_HEADING for heading in first[:-1])
        and any(kind not in (STRING, UNKNOWN) for kind in kinds)
    )


def _name_columns(header: Sequence[str], width: int, given: Sequence[str]) -> list[str]:
    """Lower-case names, each once; `col0`, `col1` ... where the file has none."""
    taken: set[str] = set()
    names = []
    for number, heading in enumerate(given or header or [""] * width):
        name = base = heading.strip().lower() or f"col{number}"
        twin = 0
        while name in taken:
            twin += 1
            name = f"{base}_{twin}"
        taken.add(name)
        names.append(name)
    return names


def _quoted_columns(text: str, delimiter: str, quote: str, width: int) -> list[bool]:
    """Which columns have values in quotes; of lines with a delimiter in quotes nothing is known."""
    found = [False] * width
    if quote in text:
        for line in text.splitlines():
            if quote in line:
                values = line.split(delimiter)
                if len(values) == width:
                    found = [was or value.lstrip().startswith(quote) for was, value in zip(found, values, strict=True)]
                elif len(values) > width:
                    found = [True] * width
    return found


def _choose_serde(options: CsvOptions, quoted: bool) -> str:
    """The one that was asked for; else OpenCSVSerDe for values in a custom classifier's quotes."""
    if options.serde in (LAZY, OPEN):
        return options.serde
    return OPEN if options.quote and quoted else LAZY


def _custom_type(name: str) -> HiveType:
    kind = CUSTOM_TYPES[name.upper()]
    return HiveType(kind, _DECIMAL) if kind == "decimal" else HiveType(kind)


def _describe(columns: list[Column], delimiter: str, quote: str, serde: str, headed: bool, records: int) -> Schema:
    parameters = {
        "delimiter": delimiter,
        "columnsOrdered": "true",
        "areColumnsQuoted": "true" if serde == OPEN else "false",
    }
    if headed:
        parameters["skip.header.line.count"] = "1"
    if serde == OPEN:
        details = {"separatorChar": delimiter, "quoteChar": quote, "serialization.format": "1"}
    else:
        details = {"field.delim": delimiter}
    return Schema("csv", columns, parameters=parameters, serde=details, library=serde, records=max(records, 1))
