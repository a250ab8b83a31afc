"""The part of JSONPath that filters of a batch transform may use: names, indexes, slices and the wildcard.

    $    .name    .*    ['a','b']    [0,-1]    [1:3]    [0,5:]    [*]

Source: the developer guide, "Supported JSONPath Operators". A slice ends before its end, as in the JsonPath library
that the guide names.
"""

import re
from typing import Any, NamedTuple

from clary.errors import ClientError

_NAME = r"'(?:[^'\\]|\\.)*'"
_NUMBER = r"(?:-?\d+)"
_PLACE = rf"(?:{_NUMBER}?\s*:\s*{_NUMBER}?|{_NUMBER})"
_STEP = re.compile(
    rf"\.?\[\s*(?P<names>{_NAME}(?:\s*,\s*{_NAME})*)\s*\]"
    rf"|\.?\[\s*(?P<places>{_PLACE}(?:\s*,\s*{_PLACE})*)\s*\]"
    r"|\.?\[\s*(?P<all>\*)\s*\]|\.(?P<every>\*)|\.(?P<name>[^\s.,:*?@()\[\]'\"]+)"
)


class Step(NamedTuple):
    """One step of a path: members by name, or elements by place; all of them where both are empty."""

    names: tuple[str, ...] = ()
    places: tuple[int | slice, ...] = ()


class Path(NamedTuple):
    """A path; without steps it is the whole record."""

    text: str
    steps: tuple[Step, ...]

    @property
    def by_place(self) -> bool:
        """Whether it can choose columns of a row: no names, one step at most."""
        return not self.steps or (len(self.steps) == 1 and not self.steps[0].names)


def parse(text: str) -> Path:
    """A path; ValueError where it isn't one."""
    if not text.startswith("$"):
        raise ValueError(f"{text!r} does not begin with $")
    steps, position = [], 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(f"{text!r} can't be read from {text[position:]!r} on")
        steps.append(_to_step(match))
        position = match.end()
    return Path(text, tuple(steps))


def _to_step(match: re.Match[str]) -> Step:
    if match["names"]:
        return Step(names=tuple(re.sub(r"\\(.)", r"\1", name[1:-1]) for name in re.findall(_NAME, match["names"])))
    if match["places"]:
        return Step(places=tuple(map(_to_place, match["places"].split(","))))
    return Step(names=(match["name"],)) if match["name"] else Step()


def _to_place(text: str) -> int | slice:
    if ":" not in text:
        return int(text)
    start, end = (int(part) if part.strip() else None for part in text.split(":"))
    return slice(start, end)


def columns(path: Path, width: int) -> list[int]:
    """The columns that a path chooses of a row; ClientError for one that the row doesn't have."""
    if not path.steps or not path.steps[0].places:
        return list(range(width))
    chosen: list[int] = []
    for place in path.steps[0].places:
        if isinstance(place, slice):
            chosen += range(width)[place]
        elif -width <= place < width:
            chosen.append(place % width)
        else:
            raise ClientError(f"{path.text}: a row of {width} column(s) has none of the index {place}")
    if not chosen:
        raise ClientError(f"{path.text} chooses nothing of a row of {width} column(s)")
    return chosen


def find(path: Path, document: Any) -> Any:
    """What a path finds in a JSON document; ClientError where there is nothing.

    One name or index gives its value, several names an object, everything else an array.
    """
    return _walk(document, path.steps, path)


def _walk(value: Any, steps: tuple[Step, ...], path: Path) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if step.names:
        found = {name: _walk(_member(value, name, path), rest, path) for name in step.names}
        return found[step.names[0]] if len(step.names) == 1 else found
    if not step.places and isinstance(value, dict):
        return [_walk(part, rest, path) for part in value.values()]
    if not isinstance(value, list):
        raise ClientError(f"{path.text}: the record has no array where one is looked for")
    chosen = columns(Path(path.text, (step,)), len(value))
    parts = [_walk(value[place], rest, path) for place in chosen]
    return parts[0] if len(step.places) == 1 and isinstance(step.places[0], int) else parts


def _member(value: Any, name: str, path: Path) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise ClientError(f"{path.text}: the record has no member {name!r}")
    return value[name]
