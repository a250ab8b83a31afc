"""Which partition a record belongs to: by a jq query over it, or by what its function said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from clary.delivery.plan import Plan
from clary.delivery.prefix import keys_of
from clary.delivery.records import Failed, Record

QUERY, FUNCTION = "partitionKeyFromQuery", "partitionKeyFromLambda"
MOST_PARTITIONS = 500

_CODE = "DynamicPartitioning.MetadataExtractionFailed"
_LONGEST = 256
Keys = tuple[tuple[str, ...], tuple[str, ...]]


class Partitioner:
    """Groups records by the keys that a prefix asks for."""

    def __init__(self, plan: Plan) -> None:
        self._wanted = keys_of(plan.place.prefix, QUERY), keys_of(plan.place.prefix, FUNCTION)
        self._program: Any = None
        if plan.query:
            import jq

            self._program = jq.compile(plan.query)
        self._seen: set[Keys] = set()

    def group(self, records: Sequence[Record]) -> tuple[dict[Keys, list[Record]], list[Failed]]:
        """The records of each partition, and those that belong to none."""
        groups: dict[Keys, list[Record]] = {}
        failed: list[Failed] = []
        for record in records:
            try:
                keys = self._of_query(record), self._of_function(record)
            except (ValueError, RecursionError) as problem:
                failed.append(Failed(record, _CODE, str(problem)))
                continue
            if keys not in self._seen and len(self._seen) >= MOST_PARTITIONS:
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

    def _of_query(self, record: Record) -> tuple[str, ...]:
        if self._program is None:
            return ()
        text = str(record.data, "utf-8")
        if not isinstance(json.loads(text), dict):
            raise ValueError("The record is no JSON object")
        found = self._program.input_text(text).first()
        if not isinstance(found, dict):
            raise ValueError("The query makes no object")
        return tuple(_key(found.get(name), name) for name in self._wanted[0])

    def _of_function(self, record: Record) -> tuple[str, ...]:
        return tuple(_key((record.keys or {}).get(name), name) for name in self._wanted[1])


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
