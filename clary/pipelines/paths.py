"""Paths into JSON: `a.b[0]['c']`, as properties of steps and JsonGet write them."""

from __future__ import annotations

import re
from typing import Any

from clary.pipelines.errors import ExpressionError

_PART = re.compile(r"\.?(?P<name>[^.\[\]'\"]+)|\[(?P<place>\d+)\]|\[(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\")\]")

# A list of named things is indexed by name: ProcessingOutputConfig.Outputs['train'], FinalMetricDataList['test:mse'].
_NAMES = ("OutputName", "InputName", "MetricName", "ChannelName", "VariantName", "ContainerHostname", "Name")

Part = str | int


def split(path: str) -> tuple[Part, ...]:
    """The parts of a path; a leading `$` is passed over. ValueError where it can't be read."""
    text = path.removeprefix("$")
    parts: list[Part] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise ValueError(f"the path {path!r} can't be read from {text[position:]!r} on")
        named = next((match[group] for group in ("name", "single", "double") if match[group] is not None), None)
        parts.append(int(match["place"]) if named is None else named)
        position = match.end()
    return tuple(parts)


def follow(value: Any, parts: tuple[Part, ...], source: str) -> Any:
    """What a path leads to; ExpressionError, naming the source, where it leads nowhere."""
    for number, part in enumerate(parts):
        found = _step(value, part)
        if found is None:
            reached = ".".join(map(str, parts[: number + 1]))
            raise ExpressionError(f"{source} has no {reached}")
        value = found
    return value


def _step(value: Any, part: Part) -> Any:
    if isinstance(value, dict):
        return value.get(str(part))
    if not isinstance(value, list):
        return None
    if isinstance(part, int):
        return value[part] if part < len(value) else None
    named = (item for item in value if isinstance(item, dict) and part in [item.get(name) for name in _NAMES])
    return next(named, None)
