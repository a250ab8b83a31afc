"""JSON: the columns of objects that follow each other, on lines or not, or of what a JSONPath finds in them.

Source: AWS Glue Developer Guide, "Built-in classifiers" and "Writing JSON custom classifiers".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from clary.tables.hive_types import HiveType
from clary.tables.infer_json_path import JsonPath
from clary.tables.infer_schema import Schema
from clary.tables.infer_types import BOOLEAN, DOUBLE, STRING, UNKNOWN, Column, merge, to_struct, type_of_number, widen

_MOST_COLUMNS = 10_000
_DEEPEST = 64
_UNSAFE = re.compile(r"[\s<>,:()`]")
_SPACE = re.compile(r"[\s,]*")


def infer_json(text: str, path: JsonPath | None = None, *, whole: bool = True) -> Schema | None:
    """The schema of JSON text; where it isn't the `whole` file its last document may be cut. None for other text."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        documents = list(_documents(text, whole))
    except (ValueError, RecursionError):
        return None
    if not documents or not all(isinstance(document, dict | list) for document in documents):
        return None
    records = documents if path is None else [found for document in documents for found in path.find(document)]
    if not records:
        return None
    columns, paths = _columns_of(records, "array" if path is None else "record")
    parameters = {} if path is None else {"jsonPath": path.text}
    serde = {"paths": ",".join(sorted(paths))}
    return Schema("json", columns, parameters=parameters, serde=serde, library="JsonSerDe", records=len(records))


def _documents(text: str, whole: bool) -> Iterator[Any]:
    """Each document of the text; ValueError where there is none. Lines are the quick way, any else the slow one."""
    lines = text.split("\n")
    decode = msgspec.json.Decoder().decode
    try:
        found = [decode(line) for line in (lines if whole else lines[:-1]) if line and not line.isspace()]
    except msgspec.DecodeError:
        yield from _scan(text, whole)
        return
    if not found:
        yield from _scan(text, whole)
    yield from found


def _scan(text: str, whole: bool) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    at = _skip(text, 0)
    while at < len(text):
        try:
            document, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            if whole:
                raise
            if at == 0 or text[at] == "[":  # one document that is longer than what was read: take its first parts
                yield from _scan_array(decoder, text, at)
            return
        yield document
        at = _skip(text, end)


def _scan_array(decoder: json.JSONDecoder, text: str, at: int) -> Iterator[list[Any]]:
    """The whole elements of an array whose end is missing, as one array."""
    if text[at] != "[":
        raise ValueError("a document is longer than what is read of a file")
    elements = []
    at = _skip(text, at + 1)
    while at < len(text):
        try:
            element, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            break
        elements.append(element)
        at = _skip(text, end)
    if not elements:
        raise ValueError("an element is longer than what is read of a file")
    yield elements


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _columns_of(records: Iterable[Any], scalar: str) -> tuple[list[Column], set[str]]:
    """The columns of the records, their names in lower case, and the names as they stand in the records.

    What is no object goes into one column, named `scalar`.
    """
    found: dict[str, HiveType] = {}
    names: set[str] = set()
    for record in records:
        for name, value in record.items() if isinstance(record, dict) else [(scalar, record)]:
            kind = type_of(value)
            if name in found:
                if kind != found[name]:
                    found[name] = widen(found[name], kind)
            elif len(found) < _MOST_COLUMNS:
                found[name] = kind
    names.update(found)
    return merge([[Column(name.lower(), kind)] for name, kind in found.items()]), names


def type_of(value: Any, depth: int = 0) -> HiveType:
    """The type of one JSON value; what lies deeper than 64 levels is text."""
    if isinstance(value, str):
        return STRING
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return type_of_number(value)
    if isinstance(value, float):
        return DOUBLE
    if value is None:
        return UNKNOWN
    if depth == _DEEPEST:
        return STRING
    if isinstance(value, list):
        kind = UNKNOWN
        for element in value:
            kind = widen(kind, type_of(element, depth + 1))
        return HiveType("array", children=(kind,))
    # A name that would break the text of the type loses the signs that do.
    fields = [Column(_UNSAFE.sub("_", name) or "_", type_of(inner, depth + 1)) for name, inner in value.items()]
    return to_struct(merge([[field] for field in fields]))
