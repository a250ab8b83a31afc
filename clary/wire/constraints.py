"""The model's constraints as msgspec types: one call checks a whole request and copies it into plain dicts.

Types are compiled when first asked for and kept for the life of the process. Every structure becomes a TypedDict, so
what comes out is a dict in AWS's own spelling.
"""

import logging
import re
from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from clary.wire.model import Reference, ServiceModel, Shape
from clary.wire.patterns import whole_string

log = logging.getLogger("clary")

INTEGER_RANGES = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
_SCALARS: dict[str, Any] = {
    "string": str,
    "character": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "timestamp": float,
    "blob": bytes,
}


class Constraints:
    """The msgspec types of one service's shapes."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._types: dict[str, Any] = {}

    def of(self, shape: str) -> Any:
        """The type of a shape with all constraints below it."""
        if shape not in self._types:
            self._types[shape] = self._compile(shape, self.model.shapes[shape])
        return self._types[shape]

    def _compile(self, name: str, shape: Shape) -> Any:
        if shape.type == "structure":
            return self._structure(name, shape)
        if shape.type == "list":
            assert shape.member is not None
            return _sized(list[self.of(shape.member.shape)], shape)  # type: ignore[misc]
        if shape.type == "map":
            assert shape.key is not None
            assert shape.value is not None
            return _sized(dict[self.of(shape.key.shape), self.of(shape.value.shape)], shape)  # type: ignore[misc]
        if shape.enum:
            return Literal[tuple(shape.enum)]
        if shape.type in INTEGER_RANGES:
            return _ranged_integer(shape)
        if shape.type in ("float", "double"):
            return _ranged(float, shape.min, shape.max)
        scalar = _SCALARS[shape.type]
        return _text(name, shape) if scalar is str else _sized(scalar, shape)

    def _structure(self, name: str, shape: Shape) -> Any:
        if shape.document:
            return Any
        typed: Any = TypedDict(name, {}, total=False)  # type: ignore[misc]
        self._types[name] = typed  # before its members: a shape may hold itself
        members = {key: member for key, member in shape.members.items() if not is_stream(self.model, member)}
        typed.__annotations__.update((key, self.of(member.shape)) for key, member in members.items())
        typed.__required_keys__ = frozenset(shape.required) & members.keys()
        typed.__optional_keys__ = frozenset(members) - typed.__required_keys__
        return typed


def is_stream(model: ServiceModel, member: Reference) -> bool:
    """Whether a member's bytes are handed over while they still arrive."""
    return member.streaming or model.shapes[member.shape].streaming


def limits(shape: Shape) -> tuple[int | None, int | None]:
    """The smallest and the largest length or value, as whole numbers."""
    return (None if shape.min is None else int(shape.min), None if shape.max is None else int(shape.max))


def pattern_of(name: str, shape: Shape) -> str | None:
    """The shape's pattern for `re`, anchored; None where there is none or where it is broken upstream."""
    if not shape.pattern:
        return None
    try:
        return whole_string(shape.pattern)
    except re.error as error:
        log.debug("the pattern of %s is not checked: %s", name, error)
        return None


def _sized(base: Any, shape: Shape) -> Any:
    least, most = limits(shape)
    if (least is None and most is None) or shape.type in ("boolean", "timestamp"):
        return base
    return Annotated[base, Meta(min_length=max(least or 0, 0), max_length=most)]


def _text(name: str, shape: Shape) -> Any:
    least, most = limits(shape)
    pattern = pattern_of(name, shape)
    if least is None and most is None and pattern is None:
        return str
    return Annotated[str, Meta(min_length=max(least or 0, 0), max_length=most, pattern=pattern)]


def _ranged(base: Any, least: float | None, most: float | None) -> Any:
    if least is None and most is None:
        return base
    return Annotated[base, Meta(ge=least, le=most)]


def _ranged_integer(shape: Shape) -> Any:
    lowest, highest = INTEGER_RANGES[shape.type]
    least, most = limits(shape)
    return _ranged(
        int, lowest if least is None else max(least, lowest), highest if most is None else min(most, highest)
    )
