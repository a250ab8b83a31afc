"""The JSONPath of a custom JSON classifier: `$`, `.name`, `['name']`, `[0]`, `[*]`, `.*`."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from clary.errors import ClientError

_STEP = re.compile(r"\.([^.\[\]'\"*]+)|\[\s*(?:'([^']*)'|\"([^\"]*)\"|(\d+)|(\*))\s*\]|\.(\*)")


class JsonPath(NamedTuple):
    """A path; a step is a name, a place in an array, or None for all there is."""

    text: str
    steps: tuple[str | int | None, ...]

    def find(self, document: Any) -> list[Any]:
        """What lies at the path."""
        found = [document]
        for step in self.steps:
            found = [inner for value in found for inner in _follow(value, step)]
        return found


def parse_json_path(text: str) -> JsonPath:
    """The path; ClientError names what Clary doesn't follow."""
    if not text.startswith("$"):
        raise ClientError(f"{text!r} is no JSON path: it begins with $")
    steps: list[str | int | None] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ClientError(f"{text!r}: {text[at:]!r} is no step of a JSON path that is known: .name, [0], [*], .*")
        dotted, single, double, number, *_ = match.groups()
        name = next((part for part in (dotted, single, double) if part is not None), None)
        steps.append(int(number) if number else name)
        at = match.end()
    return JsonPath(text, tuple(steps))


def _follow(value: Any, step: str | int | None) -> list[Any]:
    if isinstance(value, list):
        if step is None:
            return value
        return [value[step]] if isinstance(step, int) and step < len(value) else []
    if isinstance(value, dict):
        if step is None:
            return list(value.values())
        return [value[step]] if step in value else []
    return []
