"""What is found out about one file: its format and columns."""

from __future__ import annotations

from dataclasses import dataclass, field

from clary.tables.infer_types import Column

UNRECOGNISED = "UNKNOWN"
"""The classification of what no classifier knows."""


@dataclass(slots=True)
class Schema:
    """A file's format and columns, as a classifier tells them.

    `parameters` are those that go into the table's; only files that agree in them can be of one table, but for those of
    `OWN`. `serde` are the parameters of the deserializer, `library` is its last name. `records` may be an estimate.
    """

    classification: str
    columns: list[Column]
    compression: str = "none"
    parameters: dict[str, str] = field(default_factory=dict)
    serde: dict[str, str] = field(default_factory=dict)
    library: str = ""
    records: int = 0

    def kind(self) -> tuple[object, ...]:
        """What two files must have in common to be of one table, however alike their columns are."""
        shared = tuple(sorted((name, value) for name, value in self.parameters.items() if name not in OWN))
        return self.classification, self.compression, self.library, shared


OWN = frozenset(("avro.schema.literal",))
"""Parameters that each file may have a value of its own for."""
