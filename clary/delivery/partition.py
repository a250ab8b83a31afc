"""Which partition a record belongs to: by a jq query over it, or by what its function said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from clary.clock import Clock
from clary.delivery.plan import Plan
from clary.delivery.prefix import keys_of
from clary.delivery.query import Query, Result
from clary.delivery.records import Failed, Record

QUERY, FUNCTION = "partitionKeyFromQuery", "partitionKeyFromLambda"
MOST_PARTITIONS = 500
NO_PARTITION = "DynamicPartitioning.MetadataExtractionFailed"

_LONGEST = 256
Keys = tuple[tuple[str, ...], tuple[str, ...]]


class Partitioner:
    """Groups records by the keys that a prefix asks for."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._wanted = keys_of(plan.place.prefix, QUERY), keys_of(plan.place.prefix, FUNCTION)
        self._query, self._query_seconds, self._clock = Query(plan.query) if plan.query else None, 0.0, clock
        self._seen: set[Keys] = set()
        self._exceeded = False

    def group(self, records: Sequence[Record]) -> tuple[dict[Keys, list[Record]], list[Failed]]:
        """The records of each partition, and those that belong to none."""
        groups: dict[Keys, list[Record]] = {}
        failed: list[Failed] = []
        results = self._run(records)
        for record, result in zip(records, results, strict=True):
            try:
                keys = self._of_query(result), self._of_function(record)
            except ValueError as problem:
                failed.append(Failed(record, NO_PARTITION, str(problem)))
                continue
            if keys not in self._seen and len(self._seen) >= MOST_PARTITIONS:
                self._exceeded = True
                message = f"There are more than {MOST_PARTITIONS} active partitions"
                failed.append(Failed(record, "DynamicPartitioning.ActivePartitionLimitExceeded", message))
                continue
            self._seen.add(keys)
            groups.setdefault(keys, []).append(record)
        return groups, failed

    def values(self, keys: Keys) -> dict[str, Mapping[str, str]]:
        """The keys by namespace and name, as prefixes take them."""
        return {
            namespace: dict(zip(wanted, found, strict=True))
            for namespace, wanted, found in zip((QUERY, FUNCTION), self._wanted, keys, strict=True)
        }

    def measurements(self) -> dict[str, tuple[float, str]]:
        """What CloudWatch is told of all that was grouped: values with their units by metric."""
        values: dict[str, tuple[float, str]] = {
            "ActivePartitionsLimit": (MOST_PARTITIONS, "Count"),
            "PartitionCount": (len(self._seen), "Count"),
            "PartitionCountExceeded": (int(self._exceeded), "Count"),
        }
        if self._query:
            values["JQProcessing.Duration"] = (self._query_seconds * 1000, "Milliseconds")
        return values

    def close(self) -> None:
        """Let the query's process go."""
        if self._query:
            self._query.close()

    def _run(self, records: Sequence[Record]) -> list[Result]:
        """What the query makes of each record."""
        if self._query is None:
            return [Result()] * len(records)
        problems = [_problem(record.data) for record in records]
        texts = [str(record.data, "utf-8") for record, problem in zip(records, problems, strict=True) if not problem]
        begun = self._clock.now()
        found = iter(self._query.first(texts))
        self._query_seconds += self._clock.now() - begun
        return [Result(problem=problem) if problem else next(found) for problem in problems]

    def _of_query(self, result: Result) -> tuple[str, ...]:
        if self._query is None:
            return ()
        if result.problem:
            raise ValueError(result.problem)
        if not isinstance(result.value, dict):
            raise ValueError("The query makes no object")
        return tuple(_key(result.value.get(name), name) for name in self._wanted[0])

    def _of_function(self, record: Record) -> tuple[str, ...]:
        return tuple(_key((record.keys or {}).get(name), name) for name in self._wanted[1])


def _problem(data: bytes | memoryview) -> str:
    """Why a record can't be asked, "" where it can."""
    try:
        found = json.loads(str(data, "utf-8"))
    except (ValueError, RecursionError) as problem:
        return str(problem)
    return "" if isinstance(found, dict) else "The record is no JSON object"


def _key(value: Any, name: str) -> str:
    """One key as it stands in a prefix; ValueError for what can't be in the name of an object."""
    if value is None or value == "":
        raise ValueError(f"The partition key {name} is null or empty")
    if isinstance(value, dict | list):
        raise ValueError(f"The partition key {name} is no single value: {json.dumps(value)[:100]}")
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text.encode()) > _LONGEST or "\0" in text:
        raise ValueError(f"The partition key {name} is longer than {_LONGEST} bytes or has a null: {text[:50]!r}")
    return text
