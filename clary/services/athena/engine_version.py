"""The versions of the engine."""

from __future__ import annotations

from typing import Any

from clary.services.athena.errors import malformed
from clary.services.athena.workgroups import ENGINE, ENGINES
from clary.wire import Call, operation


@operation
def list_engine_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """All of them, on one page."""
    if request.get("NextToken"):
        raise malformed(request["NextToken"])
    return {"EngineVersions": [{**ENGINE, "SelectedEngineVersion": selected} for selected in ENGINES]}
