"""The slow second look at a request that was refused: every error it has, in AWS's words.

The wording follows what AWS's services answer (Coral's validator): all broken constraints of a request stand in one
message, at most ten of them; a value of the wrong JSON type is a SerializationException and stands alone.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from clary.errors import ServiceError
from clary.wire.constraints import INTEGER_RANGES, OPEN_ENUMS, is_stream, limits, pattern_of
from clary.wire.model import ServiceModel, Shape
from clary.wire.tidying import SPECIAL_NUMBERS
from clary.wire.timestamps import parse_timestamp

MOST_REPORTED = 10
_MOST_SHOWN = 1024


class SerializationException(ServiceError):
    """The body is not what the protocol or the model's types say."""

    code = "SerializationException"
    status = 400


def violations(model: ServiceModel, shape: str, document: Any) -> list[str]:
    """What is wrong with a document, at most ten sentences; raises SerializationException for a wrong type."""
    _check_type(model, shape, document)
    found = []
    for sentence in _examine(model, shape, document, ""):
        found.append(sentence)
        if len(found) == MOST_REPORTED:
            break
    return found


def summary(found: list[str]) -> str:
    """`2 validation errors detected: ...; ...`."""
    return f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: {'; '.join(found)}"


def _examine(model: ServiceModel, name: str, value: Any, path: str) -> Iterator[str]:
    shape = model.shapes[name]
    if shape.type == "structure":
        yield from _examine_structure(model, name, shape, value, path)
        return
    for constraint in _broken(name, shape, value):
        yield _sentence(model, name, value, path, constraint)
    if shape.type == "list" and shape.member:
        yield from _examine_elements(model, name, shape.member.shape, value, path)
    elif shape.type == "map":
        yield from _examine_entries(model, name, shape, value, path)


def _examine_structure(model: ServiceModel, name: str, shape: Shape, value: Any, path: str) -> Iterator[str]:
    if shape.document:
        return
    given = {key: item for key, item in value.items() if item is not None}
    for key, member in shape.members.items():
        item = given.pop(key, None)
        below = f"{path}.{_lower_first(key)}" if path else _lower_first(key)
        if item is not None:
            yield from _examine(model, member.shape, item, below)
        elif key in shape.required and not is_stream(model, member):
            yield _sentence(model, member.shape, None, below, "Member must not be null")
    for key, item in given.items():
        below = f"{path}.{_lower_first(key)}" if path else _lower_first(key)
        yield f"Value '{_plain(item)}' at '{below}' failed to satisfy constraint: Member must be one the model knows"
    if shape.union and len([item for item in value.values() if item is not None]) != 1:
        yield _sentence(model, name, value, path, "Member must have exactly one member set")


def _examine_elements(model: ServiceModel, name: str, element: str, value: list[Any], path: str) -> Iterator[str]:
    shape = model.shapes[element]
    if shape.type in ("structure", "list", "map"):
        for number, item in enumerate(value, 1):
            yield from _examine(model, element, item, f"{path}.{number}.member")
    elif any(_broken(element, shape, item) for item in value):
        constraint = f"Member must satisfy constraint: [{', '.join(_all_constraints(shape))}]"
        yield _sentence(model, name, value, path, constraint)


def _examine_entries(model: ServiceModel, name: str, shape: Shape, value: dict[str, Any], path: str) -> Iterator[str]:
    assert shape.key is not None
    assert shape.value is not None
    key_shape, value_shape = model.shapes[shape.key.shape], model.shapes[shape.value.shape]
    if any(_broken(shape.key.shape, key_shape, key) for key in value):
        constraint = f"Map keys must satisfy constraint: [{', '.join(_all_constraints(key_shape))}]"
        yield _sentence(model, name, value, path, constraint)
    if value_shape.type in ("structure", "list", "map"):
        for key, item in value.items():
            yield from _examine(model, shape.value.shape, item, f"{path}.{key}.member")
    elif any(_broken(shape.value.shape, value_shape, item) for item in value.values()):
        constraint = f"Map value must satisfy constraint: [{', '.join(_all_constraints(value_shape))}]"
        yield _sentence(model, name, value, path, constraint)


def _broken(name: str, shape: Shape, value: Any) -> list[str]:
    """The constraints that a value of the right type doesn't satisfy."""
    if shape.type in INTEGER_RANGES:
        low, high = INTEGER_RANGES[shape.type]
        least, most = limits(shape)
        return _out_of_range(
            value, max(low, low if least is None else least), min(high, high if most is None else most)
        )
    if shape.type in ("float", "double"):
        return _out_of_range(SPECIAL_NUMBERS.get(value, value), shape.min, shape.max)
    if shape.enum:
        return [] if value in shape.enum or name in OPEN_ENUMS else _all_constraints(shape)
    if shape.type in ("boolean", "timestamp"):
        return []
    length = len(_blob(value)) if shape.type == "blob" else len(value)
    least, most = limits(shape)
    broken = []
    if most is not None and length > most:
        broken.append(f"Member must have length less than or equal to {most}")
    if least is not None and length < least:
        broken.append(f"Member must have length greater than or equal to {least}")
    if shape.type == "string" and (pattern := pattern_of(name, shape)) and not re.search(pattern, value):
        broken.append(f"Member must satisfy regular expression pattern: {shape.pattern}")
    return broken


def _out_of_range(value: Any, least: float | None, most: float | None) -> list[str]:
    if most is not None and value > most:
        return [f"Member must have value less than or equal to {_number(most)}"]
    if least is not None and not value >= least:
        return [f"Member must have value greater than or equal to {_number(least)}"]
    return []


def _all_constraints(shape: Shape) -> list[str]:
    """Every constraint of a scalar, as AWS lists them for the elements of a list or map."""
    if shape.enum:
        return [f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"]
    what = "length" if shape.type in ("string", "blob") else "value"
    listed = []
    if shape.max is not None:
        listed.append(f"Member must have {what} less than or equal to {_number(shape.max)}")
    if shape.min is not None:
        listed.append(f"Member must have {what} greater than or equal to {_number(shape.min)}")
    if shape.pattern:
        listed.append(f"Member must satisfy regular expression pattern: {shape.pattern}")
    return listed


def _check_type(model: ServiceModel, name: str, value: Any) -> None:
    """Raise for the first value whose JSON type is not the model's."""
    shape = model.shapes[name]
    if value is None or shape.document:
        return
    if shape.type == "structure" and type(value) is dict:
        for key, member in shape.members.items():
            _check_type(model, member.shape, value.get(key))
    elif shape.type == "list" and type(value) is list:
        for item in value:
            _check_null(item)
            _check_type(model, shape.member.shape, item)  # type: ignore[union-attr]
    elif shape.type == "map" and type(value) is dict:
        for item in value.values():
            _check_null(item)
            _check_type(model, shape.value.shape, item)  # type: ignore[union-attr]
    elif not _has_type(shape.type, value):
        raise SerializationException(_wrong_type(shape.type, value))


def _check_null(item: Any) -> None:
    if item is None:
        raise SerializationException("Unexpected null in a list or map")


def _has_type(kind: str, value: Any) -> bool:
    match kind:
        case "string" | "character":
            return type(value) is str
        case "boolean":
            return type(value) is bool
        case "integer" | "long":
            return type(value) is int or (type(value) is float and value.is_integer())
        case "float" | "double":
            return type(value) in (int, float) or (type(value) is str and value in SPECIAL_NUMBERS)
        case "timestamp":
            return type(value) in (int, float) or (type(value) is str and _is_timestamp(value))
        case "blob":
            return type(value) is bytes or (type(value) is str and _is_base64(value))
    return False


def _wrong_type(kind: str, value: Any) -> str:
    if type(value) is list:
        return "Start of list found where not expected"
    if type(value) is dict:
        return "Start of structure or map found where not expected."
    if kind in ("list", "map"):
        return f"Expected {kind} or null"
    if kind == "structure":
        return "Expected null"
    given = {bool: f"{str(value).upper()}_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}.get(type(value))
    article = "an" if kind == "integer" else "a"
    return f"{given or 'STRING_VALUE'} can not be converted to {article} {kind.capitalize()}"


def _is_timestamp(text: str) -> bool:
    try:
        parse_timestamp(text)
    except ValueError:
        return False
    return True


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _blob(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else base64.b64decode(value)


def _sentence(model: ServiceModel, name: str, value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{_shortened(_rendered(model, name, value))}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _rendered(model: ServiceModel, name: str, value: Any) -> str:
    """A value as Java would print it."""
    shape = model.shapes[name]
    if model.shapes[name].type == "blob":
        size = len(_blob(value))
        return f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]"
    if shape.type == "list" and shape.member:
        return f"[{', '.join(_rendered(model, shape.member.shape, item) for item in value)}]"
    if shape.type == "map" and shape.value:
        return (
            "{" + ", ".join(f"{key}={_rendered(model, shape.value.shape, item)}" for key, item in value.items()) + "}"
        )
    if shape.type == "structure" and not shape.document:
        known = [(key, shape.members[key]) for key in value if key in shape.members and value[key] is not None]
        shown = (f"{_lower_first(key)}={_rendered(model, member.shape, value[key])}" for key, member in known)
        return f"{name}({', '.join(shown)})"
    return _plain(value)


def _shortened(text: str) -> str:
    """Enough of a value to tell which one it is: the sentence ends with what would be right, and shall be read."""
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({len(text)} characters)"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
