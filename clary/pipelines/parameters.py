"""The parameters of a pipeline."""

from __future__ import annotations

from typing import Any, NamedTuple

from clary.pipelines.errors import DefinitionError

_TYPES: dict[str, tuple[type, ...]] = {"String": (str,), "Integer": (int,), "Float": (int, float), "Boolean": (bool,)}


class Parameter(NamedTuple):
    """A parameter; its default is None where a start has to give its value."""

    name: str
    type: str
    default: Any
    values: tuple[Any, ...]
    """Those it may have; empty: any of its type."""

    def read(self, text: str) -> Any:
        """The value that a start gives as text; ValueError for one that it can't have."""
        value = _READERS[self.type](text)
        if self.values and value not in self.values:
            raise ValueError(f"{text!r} is none of its values {', '.join(map(str, self.values))}")
        return value


def parse(rows: Any) -> dict[str, Parameter]:
    """The parameters by name; DefinitionError where a row is malformed."""
    if not isinstance(rows, list):
        raise DefinitionError("Parameters must be a list.")
    found: dict[str, Parameter] = {}
    for row in rows:
        parameter = _parse(row)
        if parameter.name in found:
            raise DefinitionError(f"Duplicate parameter name {parameter.name!r}.")
        found[parameter.name] = parameter
    return found


def _parse(row: Any) -> Parameter:
    if not isinstance(row, dict) or not isinstance(row.get("Name"), str) or row.get("Type") not in list(_TYPES):
        raise DefinitionError(f"Parameter {row!r} needs a Name and a Type of {', '.join(_TYPES)}.")
    if unknown := row.keys() - {"Name", "Type", "DefaultValue", "EnumValues"}:
        raise DefinitionError(f"Parameter {row['Name']!r}: unknown field {min(unknown)!r}.")
    default, values = row.get("DefaultValue"), row.get("EnumValues") or []
    if not isinstance(values, list):
        raise DefinitionError(f"Parameter {row['Name']!r}: EnumValues must be a list.")
    for value in (*([] if default is None else [default]), *values):
        if not isinstance(value, _TYPES[row["Type"]]) or (isinstance(value, bool) and row["Type"] != "Boolean"):
            raise DefinitionError(f"Parameter {row['Name']!r}: {value!r} is no value of the Type {row['Type']}.")
    if values and default is not None and default not in values:
        raise DefinitionError(f"Parameter {row['Name']!r}: DefaultValue {default!r} is not among its EnumValues.")
    return Parameter(row["Name"], row["Type"], default, tuple(values))


def _read_boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _read_number(kind: type[int] | type[float], name: str, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{text!r} is no {name}") from None


_READERS: dict[str, Any] = {
    "String": str,
    "Integer": lambda text: _read_number(int, "integer", text),
    "Float": lambda text: _read_number(float, "number", text),
    "Boolean": _read_boolean,
}
