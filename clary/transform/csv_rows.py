"""CSV rows cut by column and put beside each other as text: what stays of a row is written as it was.

Blank lines are no rows. Quotes follow RFC 4180; as the developer guide has it no field holds a newline.
"""

import csv
import io
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from clary.errors import ClientError
from clary.transform import json_path

SMALL = 64 << 10
"""Below this pyarrow takes longer to begin with than Python takes for all."""
MISMATCH = "Fail to join data: mismatched line counts between the input and the output"


def cut(data: bytes, path: json_path.Path) -> bytes:
    """The rows of a payload with the columns that the path chooses."""
    lines = rows(data)
    return write(_cells(lines, json_path.columns(path, _width(lines))))


def join(left: bytes, right: bytes, path: json_path.Path) -> bytes:
    """Each row of a payload with the same row of another behind it, then cut to the path's columns."""
    sides = rows(left), rows(right)
    if len(sides[0]) != len(sides[1]):
        raise ClientError(f"{MISMATCH}: {len(sides[0])} and {len(sides[1])}")
    border = _width(sides[0])
    chosen = json_path.columns(path, border + _width(sides[1]))
    runs = [(side, list(run)) for side, run in groupby(chosen, lambda place: place >= border)]
    parts = [_cells(sides[side], [place - border * side for place in run]) for side, run in runs]
    return write(list(map(b",".join, zip(*parts, strict=True))))


def rows(data: bytes) -> list[bytes]:
    """The lines that aren't blank, without their ends."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n") if b"\r" in data else data.split(b"\n")
    return list(filter(None, lines))


def write(lines: list[bytes]) -> bytes:
    """Lines as text, each with its end."""
    return b"\n".join([*lines, b""])


def _width(lines: list[bytes]) -> int:
    return len(next(_parse(lines[:1]))) if lines else 0


def _cells(lines: list[bytes], chosen: list[int]) -> list[bytes]:
    """The rows with the chosen columns only."""
    width = _width(lines)
    if chosen == list(range(width)):
        return lines
    data = write(lines)
    if len(data) < SMALL or b'"' in data:
        return _cells_one_by_one(lines, chosen, width)
    return _cells_at_once(data, chosen, width)


def _cells_at_once(data: bytes, chosen: list[int], width: int) -> list[bytes]:
    import pyarrow as pa
    from pyarrow import compute
    from pyarrow import csv as arrow_csv

    names = [str(place) for place in range(width)]
    wanted = [names[place] for place in chosen]
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(data),
            arrow_csv.ReadOptions(column_names=names, block_size=len(data)),
            arrow_csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.binary()), include_columns=list(dict.fromkeys(wanted))
            ),
        )
    except pa.ArrowInvalid as error:
        raise ClientError(f"Unable to parse data as CSV: {error}") from None
    cells: list[Any] = [table[name] for name in wanted]
    found: list[bytes] = compute.binary_join_element_wise(*cells, b",").to_pylist()
    return found


def _cells_one_by_one(lines: list[bytes], chosen: list[int], width: int) -> list[bytes]:
    kept = []
    for number, row in enumerate(_parse(lines), 1):
        if len(row) != width:
            raise ClientError(
                f"Unable to parse data as CSV: row {number} of the batch has {len(row)} column(s), the first {width}"
            )
        kept.append([row[place] for place in chosen])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(kept)
    return text.getvalue().encode("latin-1").split(b"\n")[:-1]


def _parse(lines: list[bytes]) -> Iterator[list[str]]:
    """Bytes pass through as Latin-1: whatever their encoding, commas and quotes are where they were."""
    return csv.reader(map(str, lines, ["latin-1"] * len(lines)))
