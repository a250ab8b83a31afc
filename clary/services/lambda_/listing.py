"""Pages of rows that are at hand: the marker says how many came before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.lambda_.errors import InvalidParameterValueException

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST = 50


def page_of(request: dict[str, Any], member: str, rows: Sequence[Any]) -> dict[str, Any]:
    """One page, at most MaxItems and 50 long, under the member's name."""
    marker = request.get("Marker") or "0"
    if not marker.isdecimal():
        raise InvalidParameterValueException("Marker is invalid.")
    start, limit = int(marker), min(request.get("MaxItems", _MOST), _MOST)
    end = start + limit
    return {member: rows[start:end], "NextMarker": str(end) if end < len(rows) else None}
