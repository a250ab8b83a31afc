"""Values for the shapes of a service model: right ones, and ones that break a single constraint."""

import re
from collections.abc import Iterator
from re import _constants, _parser
from typing import Any, NamedTuple

from clary.wire.constraints import OPEN_ENUMS, is_stream, limits, pattern_of
from clary.wire.model import Reference, ServiceModel, Shape

DEEPEST = 7
LONGEST = 3000  # a longer list or text is not worth making
MOMENT = 1_700_000_000.0


class Broken(NamedTuple):
    """A value that is wrong in one way, and how AWS says so."""

    value: Any
    path: str
    constraint: str
    within: str = ""  # what a list's or map's constraint says of its elements


def example(model: ServiceModel, name: str, *, full: bool = False, above: tuple[str, ...] = ()) -> Any:
    """A right value: as small as may be, or with all members down to where a shape holds itself."""
    shape = model.shapes[name]
    match shape.type:
        case "structure":
            return structure_example(model, name, full=full, above=(*above, name))
        case "list":
            item = example(model, shape.member.shape, full=full, above=above)
            return [item] * max(1, limits(shape)[0] or 0)
        case "map":
            return map_example(model, shape, limits(shape)[0] or (1 if full else 0), full=full, above=above)
        case "blob":
            return b"x" * max(1, limits(shape)[0] or 0)
        case "boolean":
            return True
        case "timestamp":
            return MOMENT
        case "integer" | "long":
            least, most = limits(shape)
            return max(0, least) if least is not None else min(0, most or 0)
        case "float" | "double":
            return float(shape.min or 0) + 0.5
    return text_example(name, shape)


def map_example(model: ServiceModel, shape: Shape, size: int, *, full: bool, above: tuple[str, ...]) -> dict[str, Any]:
    """A map of so many entries; keys differ in their length or in the enum they are taken from."""
    key_shape = model.shapes[shape.key.shape]
    first = example(model, shape.key.shape)
    keys = key_shape.enum[:size] or [first + first[-1:] * number for number in range(size)]
    return {key: example(model, shape.value.shape, full=full, above=above) for key in keys}


def _visible(model: ServiceModel, name: str) -> Any:
    """An example that has something in it: the query protocol doesn't write an empty structure."""
    return example(model, name) or example(model, name, full=True)


def structure_example(model: ServiceModel, name: str, *, full: bool, above: tuple[str, ...]) -> dict[str, Any]:
    shape = model.shapes[name]
    if shape.document:
        return {}
    names = [key for key in shape.members if key in shape.required or full]
    if shape.union:
        names = list(shape.members)[:1]
    value = {}
    for key in names:
        member = shape.members[key]
        endless = key not in shape.required and (member.shape in above or len(above) > DEEPEST)
        if not (endless or is_stream(model, member) or model.shapes[member.shape].eventstream):
            value[key] = example(model, member.shape, full=full, above=above)
    return value


def text_example(name: str, shape: Shape) -> str:
    """A string of the right length that satisfies the pattern."""
    if shape.enum:
        return shape.enum[0]
    least, most = limits(shape)
    pattern = pattern_of(name, shape)
    tries = [written_by(pattern, repeats) for repeats in (0, 1, 2, 8, 40, least or 0)] if pattern else []
    tries += ["a" * max(1, least or 0), "1", "arn:aws:iam::123456789012:role/a", "a" * 20]
    for text in tries:
        if (least or 0) <= len(text) <= (LONGEST * 100 if most is None else most) and fits(pattern, text):
            return text
    raise AssertionError(f"no example for {name}: {shape.pattern}")


def fits(pattern: str | None, text: str) -> bool:
    return pattern is None or re.search(pattern, text) is not None


def written_by(pattern: str, repeats: int) -> str:
    """A string that a regular expression takes, if it has no look-around; optional parts up to `repeats` times."""
    return _write(_parser.parse(pattern), repeats)


def _write(parsed: Any, repeats: int) -> str:
    out = ""
    for kind, argument in parsed:
        match kind:
            case _constants.LITERAL:
                out += chr(argument)
            case _constants.ANY | _constants.NOT_LITERAL:
                out += "a"
            case _constants.IN:
                out += _one_of(argument)
            case _constants.MAX_REPEAT | _constants.MIN_REPEAT:
                least, most, inner = argument
                out += _write(inner, repeats) * min(max(least, repeats), most)
            case _constants.SUBPATTERN:
                out += _write(argument[3], repeats)
            case _constants.BRANCH:
                out += _write(argument[1][0], repeats)
    return out


def _one_of(choices: list[Any]) -> str:
    literal = re.compile("[a-zA-Z0-9]")
    listed = [chr(argument) for kind, argument in choices if kind is _constants.LITERAL]
    listed += [chr(argument[0]) for kind, argument in choices if kind is _constants.RANGE]
    if choices[0][0] is _constants.NEGATE:
        return next(letter for letter in "ab1_ " if letter not in listed)
    if any(kind is _constants.CATEGORY for kind, _ in choices):
        known = {_constants.CATEGORY_DIGIT: "1", _constants.CATEGORY_SPACE: " "}
        return next(known.get(argument, "a") for kind, argument in choices if kind is _constants.CATEGORY)
    return next(filter(literal.match, listed), listed[0])


def broken(model: ServiceModel, name: str, path: str = "", above: tuple[str, ...] = ()) -> Iterator[Broken]:
    """Values of a shape, each wrong in one place of it or below."""
    shape = model.shapes[name]
    if name in above or len(above) > DEEPEST:
        return
    above = (*above, name)
    if shape.type == "structure":
        yield from _broken_structure(model, name, path, above)
    elif shape.type == "list":
        yield from _broken_size(shape, path, lambda size: [_visible(model, shape.member.shape)] * size)
        for wrong in _broken_inside(
            model, shape.member, path, f"{path}.1.member", "Member must satisfy constraint", above
        ):
            yield wrong._replace(value=[wrong.value] * max(1, limits(shape)[0] or 0))
    elif shape.type == "map":
        key = example(model, shape.key.shape)
        for wrong in _broken_inside(model, shape.key, path, path, "Map keys must satisfy constraint", above):
            yield wrong._replace(value={wrong.value: example(model, shape.value.shape)})
        for wrong in _broken_inside(
            model, shape.value, path, f"{path}.{key}.member", "Map value must satisfy constraint", above
        ):
            yield wrong._replace(value={key: wrong.value})
    else:
        yield from (Broken(value, path, constraint) for value, constraint in _broken_scalar(name, shape))


def _broken_structure(model: ServiceModel, name: str, path: str, above: tuple[str, ...]) -> Iterator[Broken]:
    shape = model.shapes[name]
    least = structure_example(model, name, full=False, above=above)
    for key, member in shape.members.items():
        below = f"{path}.{key[0].lower()}{key[1:]}".lstrip(".")
        if is_stream(model, member) or model.shapes[member.shape].eventstream:
            continue
        if member.location == "uri":
            continue  # without it the path is another operation's
        no_body = key == shape.payload and model.shapes[member.shape].type == "blob"  # looks as an empty one
        if key in shape.required and not member.location and not no_body:
            yield Broken({k: v for k, v in least.items() if k != key}, below, "Member must not be null")
        for wrong in broken(model, member.shape, below, above):
            yield wrong._replace(value={key: wrong.value} if shape.union else {**least, key: wrong.value})


def _broken_inside(
    model: ServiceModel, inner: Reference, path: str, below: str, prefix: str, above: tuple[str, ...]
) -> Iterator[Broken]:
    """What is wrong within a list or map: AWS lists all constraints of a scalar, and names the place in a structure."""
    shape = model.shapes[inner.shape]
    if shape.type in ("structure", "list", "map"):
        yield from broken(model, inner.shape, below, above)
    else:
        for value, constraint in _broken_scalar(inner.shape, shape):
            yield Broken(value, path, f"{prefix}: [", constraint)


def _broken_size(shape: Shape, path: str, make: Any) -> Iterator[Broken]:
    least, most = limits(shape)
    if least:
        yield Broken(make(least - 1), path, f"Member must have length greater than or equal to {least}")
    if most is not None and most < LONGEST:
        yield Broken(make(most + 1), path, f"Member must have length less than or equal to {most}")


def _broken_scalar(name: str, shape: Shape) -> Iterator[tuple[Any, str]]:
    if shape.type in ("integer", "long", "float", "double"):
        number = float if shape.type in ("float", "double") else int
        if shape.min is not None:
            yield number(shape.min - 1), f"Member must have value greater than or equal to {shape.min:.15g}"
        if shape.max is not None and shape.max < 2**31:
            yield number(shape.max + 1), f"Member must have value less than or equal to {shape.max:.15g}"
        return
    if shape.enum and name in OPEN_ENUMS:
        return
    if shape.enum:
        yield "no-such-value", f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        return
    if shape.type == "blob":
        yield from ((wrong.value, wrong.constraint) for wrong in _broken_size(shape, "", lambda size: b"x" * size))
    if shape.type != "string":
        return
    yield from ((wrong.value, wrong.constraint) for wrong in _broken_size(shape, "", lambda size: "a" * size))
    pattern = pattern_of(name, shape)
    size = max(1, limits(shape)[0] or 0)
    for text in ("!" * size, "\n" * size, "\x01" * size, " " * size, "é" * size, "a" * size):
        if pattern and not fits(pattern, text):
            yield text, f"Member must satisfy regular expression pattern: {shape.pattern}"
            return
