"""How the keys of JSON objects find the columns of a table, and what its values mean there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clary.tables.hive_types import HiveType


@dataclass(frozen=True, slots=True)
class JsonOptions:
    """How JSON is read; the members are those of AWS's OpenXJsonSerDe and HiveJsonSerDe."""

    hive: bool = False
    """Whether text stays text: the Hive SerDe, unlike OpenX, takes no numbers and truths written as strings."""
    case_insensitive: bool = True
    dots_to_underscores: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    """The JSON keys of columns that have other names."""
    timestamp_formats: tuple[str, ...] = ()
    """Patterns of Joda-Time, and "millis"; what none of them fits is read as without them."""

    def normal(self, key: str) -> str:
        """What a key and a column's name have in common."""
        if self.dots_to_underscores:
            key = key.replace(".", "_")
        return key.lower() if self.case_insensitive or self.hive else key


class Fields:
    """The fields of a table, or of a struct in it, found by JSON key."""

    def __init__(self, names: list[str], types: list[HiveType], options: JsonOptions, *, top: bool = False) -> None:
        self.names, self.types = names, types
        self.keys = [options.keys.get(name, name) if top else name for name in names]
        self._normal = options.normal
        self._numbers = {options.normal(key): number for number, key in enumerate(self.keys)}

    def find(self, key: str) -> int | None:
        """The number of the field that a key fills."""
        return self._numbers.get(self._normal(key))
