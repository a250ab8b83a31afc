"""Records that hold several: split into single ones, and ended by a delimiter."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from clary.delivery.plan import Split
from clary.delivery.records import Failed, Record

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_CODE = "DynamicPartitioning.DeaggregationFailed"


def split_records(records: Sequence[Record], split: Split) -> tuple[list[Record], list[Failed]]:
    """The single records in their order, and those that can't be split."""
    found: list[Record] = []
    failed: list[Failed] = []
    for record in records:
        try:
            parts = _split_json(record.data) if split.kind == "JSON" else _split_text(record.data, split.delimiter)
        except (ValueError, RecursionError) as problem:
            failed.append(Failed(record, _CODE, f"The record is not JSON that can be split: {problem}"))
            continue
        found += [record._replace(data=part, sub=number) for number, part in enumerate(parts)]
    return found, failed


def end_records(records: Sequence[Record], delimiter: bytes) -> list[Record]:
    """The records with the delimiter after each."""
    return [record._replace(data=b"".join((record.data, delimiter))) for record in records]


def _split_json(data: bytes | memoryview) -> list[bytes]:
    """The objects one after another, on lines or not; those of an array."""
    text = str(data, "utf-8")
    parts: list[str] = []
    end = _skip(text, 0)
    while end < len(text):
        value, after = _DECODER.raw_decode(text, end)
        if isinstance(value, list):
            parts += _items(text, end, after)
        elif isinstance(value, dict):
            parts.append(text[end:after])
        else:
            raise ValueError(f"{text[end:after][:50]} is no object")
        end = _skip(text, after)
    return [part.encode() for part in parts]


def _items(text: str, start: int, end: int) -> list[str]:
    """The items of an array, as they are written."""
    items, place = [], _skip(text, start + 1)
    while place < end - 1:
        _, after = _DECODER.raw_decode(text, place)
        items.append(text[place:after])
        place = _skip(text, after)
        if text[place] == ",":
            place = _skip(text, place + 1)
    return items


def _split_text(data: bytes | memoryview, delimiter: bytes) -> list[bytes]:
    parts = bytes(data).split(delimiter)
    return parts[:-1] if len(parts) > 1 and not parts[-1] else parts


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place
