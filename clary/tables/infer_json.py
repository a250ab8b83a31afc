"""JSON: the columns of objects that follow each other, on lines or not, or of what a JSONPath finds in them.

Source: AWS Glue Developer Guide, "Built-in classifiers" and "Writing JSON custom classifiers".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Any

import msgspec

from clary.tables.hive_types import HiveType
from clary.tables.infer_json_path import JsonPath
from clary.tables.infer_schema import Schema
from clary.tables.infer_types import UNKNOWN, Column, merge, to_struct, type_of_number, widen

_MOST_COLUMNS = 5_000
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
    shapes: dict[str, dict[_Shape, None]] = {}
    for record in records:
        for name, value in record.items() if isinstance(record, dict) else [(scalar, record)]:
            if name in shapes:
                shapes[name][_shape_of(value, 0)] = None
            elif len(shapes) < _MOST_COLUMNS:
                shapes[name] = {_shape_of(value, 0): None}
    return merge([[Column(name.lower(), _meet(found))] for name, found in shapes.items()]), set(shapes)


_Shape = Any
"""What a value's type depends on, quick to make and to compare: a type's name, or a tuple of a list's or an object's
inner ones."""


def _shape_of(value: Any, depth: int) -> _Shape:
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "int" if -0x80000000 <= value <= 0x7FFFFFFF else type_of_number(value).name
    if isinstance(value, float):
        return "double"
    if value is None:
        return "null"
    if depth == _DEEPEST:
        return "string"
    if isinstance(value, list):
        return ("array", frozenset([_shape_of(inner, depth + 1) for inner in value]))
    return ("struct", *[(name, _shape_of(inner, depth + 1)) for name, inner in value.items()])


def _meet(shapes: Iterable[_Shape]) -> HiveType:
    return reduce(widen, map(_type_of, shapes), UNKNOWN)


def _type_of(shape: _Shape) -> HiveType:
    """The type; what lies deeper than 64 levels is text."""
    if isinstance(shape, str):
        return HiveType(shape)
    if shape[0] == "array":
        return HiveType("array", children=(_meet(sorted(shape[1], key=str)),))
    # A name that would break the text of the type loses the signs that do.
    fields = [Column(_UNSAFE.sub("_", name.lower()) or "_", _type_of(inner)) for name, inner in shape[1:]]
    return to_struct(merge([[field] for field in fields]))
