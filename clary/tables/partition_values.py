"""Whether the text of a partition's value is one of its key's type."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from clary.tables.hive_types import HiveType

_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_WHOLE = re.compile(r"[+-]?\d{1,30}")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(?:\.\d{1,9})?)?")


def is_of_type(text: str, kind: HiveType) -> bool:
    """True, too, for the types of which any text can be."""
    if kind.name in _BITS:
        limit = 1 << (_BITS[kind.name] - 1)
        return _WHOLE.fullmatch(text) is not None and -limit <= int(text) < limit
    if kind.name == "boolean":
        return text.lower() in ("true", "false")
    number = text.replace("_", "x")  # which Python takes for a part of a number
    try:
        if kind.name in ("float", "double"):
            float(number)
        elif kind.name == "decimal":
            precision, scale = kind.arguments
            return Decimal(number).is_finite() and abs(Decimal(number)) < 10 ** (precision - scale)
        elif kind.name == "date":
            return _DATE.fullmatch(text) is not None and date(*map(int, text.split("-"))) is not None
        elif kind.name == "timestamp":
            found = _TIMESTAMP.fullmatch(text)
            return found is not None and datetime.fromisoformat(" ".join(filter(None, found.groups()))) is not None
    except (ValueError, InvalidOperation):
        return False
    return True
