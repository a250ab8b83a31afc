"""The model's constraints as msgspec types: one call in C checks a whole request.

Every structure becomes a Struct that refuses members it doesn't know and takes null for what may be missing; types are
compiled when first asked for and kept for the life of the process.
"""

import keyword
import logging
import re
from typing import Annotated, Any, Literal

import msgspec
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
# S3 words its refusal of a region itself, by the region of the endpoint, and takes names of filter rules in any case.
OPEN_ENUMS = ("BucketLocationConstraint", "FilterRuleName")
# Patterns that ask for a length and, where they say `.`, for no line break.
_ANYTHING = re.compile(r"\^?(\.|\[\\s\\S\]|\[\\S\\s\])(?:(\*)|(\+)|\{(\d+),(\d*)\})\$?")


class Constraints:
    """The msgspec types of one service's shapes.

    With `one_line` they are for documents known to hold no line break: patterns that forbid nothing else, which many
    members of SageMaker have, need not be searched for.
    """

    def __init__(self, model: ServiceModel, *, one_line: bool = False) -> None:
        self.model = model
        self._one_line = one_line
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
        if shape.enum and name not in OPEN_ENUMS:
            return Literal[tuple(shape.enum)]
        if shape.type in INTEGER_RANGES:
            return _ranged_integer(shape)
        if shape.type in ("float", "double"):
            return _ranged(float, shape.min, shape.max)
        scalar = _SCALARS[shape.type]
        return self._text(name, shape) if scalar is str else _sized(scalar, shape)

    def _structure(self, name: str, shape: Shape) -> Any:
        if shape.document:
            return Any
        names = [key for key, member in shape.members.items() if not is_stream(self.model, member)]
        fields = {key: _field_name(key) for key in names}
        struct = msgspec.defstruct(
            name,
            [(fields[key], Any) if key in shape.required else (fields[key], Any, None) for key in names],
            rename={field: key for key, field in fields.items()},
            namespace={"__post_init__": _exactly_one} if shape.union else None,
            kw_only=True,
            forbid_unknown_fields=True,
            omit_defaults=True,
            gc=False,
        )
        self._types[name] = struct  # before its members, which msgspec reads when it first uses the type
        for key in names:
            typed = self.of(shape.members[key].shape)
            struct.__annotations__[fields[key]] = typed if key in shape.required or typed is Any else typed | None
        return struct

    def _text(self, name: str, shape: Shape) -> Any:
        least, most = limits(shape)
        free = _ANYTHING.fullmatch(shape.pattern)
        if free and (self._one_line or free[1] != "."):
            lowest = int(free[4] or 0) if not free[3] else 1
            least = max(least or 0, lowest)
            most = min(int(free[5]), most if most is not None else int(free[5])) if free[5] else most
            pattern = None
        else:
            pattern = pattern_of(name, shape)
        if not least and most is None and pattern is None:
            return str
        return Annotated[str, Meta(min_length=max(least or 0, 0), max_length=most, pattern=pattern)]


def as_dict(struct: Any) -> dict[str, Any]:
    """A validated structure as plain dicts, without what is missing."""
    values: dict[str, Any] = msgspec.to_builtins(struct, builtin_types=(bytes,))
    return values


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


def _exactly_one(struct: Any) -> None:
    """What a union asks for; msgspec words the ValueError as one of its own."""
    if sum(getattr(struct, field) is not None for field in struct.__struct_fields__) != 1:
        raise ValueError("a union has exactly one member")


def _field_name(key: str) -> str:
    name = re.sub(r"\W", "_", key)
    return f"{name}_" if keyword.iskeyword(name) or name.startswith("__") else name


def _sized(base: Any, shape: Shape) -> Any:
    least, most = limits(shape)
    if (least is None and most is None) or shape.type in ("boolean", "timestamp"):
        return base
    return Annotated[base, Meta(min_length=max(least or 0, 0), max_length=most)]


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
