"""Values that are text on the wire: in headers, queries, paths, forms and XML."""

import math
from typing import Any

from clary.wire.tidying import SPECIAL_NUMBERS
from clary.wire.timestamps import parse_timestamp


def parse_scalar(kind: str, text: str) -> Any:
    """A value of the model's scalar type; raises ValueError."""
    if kind in ("string", "character"):
        return text
    if kind in ("integer", "long"):
        return int(text)
    if kind == "boolean":
        return _boolean(text)
    if kind in ("float", "double"):
        return SPECIAL_NUMBERS[text] if text in SPECIAL_NUMBERS else _finite(float(text))
    if kind == "timestamp":
        return _finite(parse_timestamp(text))
    raise ValueError(f"{kind} is not written as text")


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered not in ("true", "false"):
        raise ValueError(text)
    return lowered == "true"


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(number)
    return number
