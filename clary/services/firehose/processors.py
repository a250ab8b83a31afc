"""The processors of a destination, read and checked."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any, NamedTuple

from clary.delivery.plan import MIB, Function, Split
from clary.delivery.query import Query
from clary.names import parse_arn
from clary.services.firehose.errors import InvalidArgumentException

_SUPPORTED = {
    "Lambda": {"LambdaArn", "NumberOfRetries", "RoleArn", "BufferSizeInMBs", "BufferIntervalInSeconds"},
    "MetadataExtraction": {"MetadataExtractionQuery", "JsonParsingEngine"},
    "RecordDeAggregation": {"SubRecordType", "Delimiter"},
    "AppendDelimiterToRecord": {"Delimiter"},
}
_QUERY_KEY = re.compile(r"[{,]\s*\"?([A-Za-z_][A-Za-z0-9_]*)\"?\s*:")
_LARGEST_QUERY_KEYS = 50


class Processors(NamedTuple):
    """What is to be done to records, in the order in which it is done."""

    split: Split | None = None
    function: Function | None = None
    query: str = ""
    query_keys: tuple[str, ...] = ()
    delimiter: bytes = b""


def read_processors(configuration: dict[str, Any] | None) -> Processors:
    """The processors that are enabled; one that is wrong or not supported is refused."""
    if not configuration or not configuration.get("Enabled"):
        return Processors()
    found: dict[str, dict[str, str]] = {}
    for processor in configuration.get("Processors") or ():
        kind = processor["Type"]
        if kind not in _SUPPORTED:
            raise InvalidArgumentException(f"Processor type {kind} is not supported by Clary.")
        if kind in found:
            raise InvalidArgumentException(f"Processor type {kind} is given twice.")
        given = {row["ParameterName"]: row["ParameterValue"] for row in processor.get("Parameters") or ()}
        for name in given:
            if name not in _SUPPORTED[kind]:
                raise InvalidArgumentException(f"{name} is not a parameter of the processor type {kind}.")
        found[kind] = given
    query = found.get("MetadataExtraction")
    return Processors(
        split=_read_split(found.get("RecordDeAggregation")),
        function=_read_function(found.get("Lambda")),
        query=_required(query, "MetadataExtraction", "MetadataExtractionQuery") if query is not None else "",
        query_keys=_read_query(query) if query is not None else (),
        delimiter=_read_delimiter(found.get("AppendDelimiterToRecord")),
    )


def _required(given: dict[str, str], kind: str, name: str) -> str:
    if name not in given:
        raise InvalidArgumentException(f"The processor type {kind} needs the parameter {name}.")
    return given[name]


def _read_split(given: dict[str, str] | None) -> Split | None:
    if given is None:
        return None
    kind = _required(given, "RecordDeAggregation", "SubRecordType")
    if kind == "JSON":
        if "Delimiter" in given:
            raise InvalidArgumentException("Delimiter must not be given for SubRecordType JSON.")
        return Split(kind=kind)
    if kind != "DELIMITED":
        raise InvalidArgumentException(f"SubRecordType must be JSON or DELIMITED, not {kind}.")
    delimiter = _unescape(_required(given, "RecordDeAggregation", "Delimiter"))
    return Split(kind=kind, delimiter=delimiter)


def _read_function(given: dict[str, str] | None) -> Function | None:
    if given is None:
        return None
    name = _required(given, "Lambda", "LambdaArn")
    arn = parse_arn(name)
    if arn is None or arn.service != "lambda":
        raise InvalidArgumentException(f"LambdaArn {name} is not the ARN of a function.")
    megabytes = _number(given, "BufferSizeInMBs", 1.0, 0.2, 3.0)
    return Function(
        arn=name,
        retries=int(_number(given, "NumberOfRetries", 3, 0, 300)),
        size=int(megabytes * MIB),
        seconds=int(_number(given, "BufferIntervalInSeconds", 60, 0, 900)),
    )


def _number(given: dict[str, str], name: str, default: float, least: float, most: float) -> float:
    try:
        value = float(given.get(name, default))
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise InvalidArgumentException(f"{name} must be a number from {least:g} to {most:g}, not {given[name]}.")
    return value


def _read_query(given: dict[str, str]) -> tuple[str, ...]:
    """The keys that a jq query makes: an object of them, `{customer:.customer_id, day:.time|strftime("%d")}`."""
    text = _required(given, "MetadataExtraction", "MetadataExtractionQuery")
    engine = given.get("JsonParsingEngine", "JQ-1.6")
    if engine != "JQ-1.6":
        raise InvalidArgumentException(f"JsonParsingEngine must be JQ-1.6, not {engine}.")
    try:
        with closing(Query(text)) as query:
            query.check()
    except ValueError as problem:
        raise InvalidArgumentException(f"MetadataExtractionQuery {text} is not a jq query: {problem}") from None
    keys = tuple(dict.fromkeys(_QUERY_KEY.findall(text)))
    if not keys or len(keys) > _LARGEST_QUERY_KEYS:
        raise InvalidArgumentException(
            f"MetadataExtractionQuery must be an object of 1 to {_LARGEST_QUERY_KEYS} keys, not {text}."
        )
    return keys


def _read_delimiter(given: dict[str, str] | None) -> bytes:
    return b"" if given is None else _unescape(given.get("Delimiter", "\\n"))


def _unescape(text: str) -> bytes:
    r"""A delimiter as it is given: `\n` stands for a line's end."""
    return text.encode().replace(b"\\n", b"\n").replace(b"\\r", b"\r").replace(b"\\t", b"\t")
