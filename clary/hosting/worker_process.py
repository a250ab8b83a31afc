"""The fork of the warm parent that becomes a worker's sandbox."""

from typing import Any

import msgspec

from clary.sandbox import Program, namespaces_available, run_or_tell


def main(argument: dict[str, Any]) -> int:
    """Run the program; `socket` is where the host sees the worker's socket, for workers without a root of their own."""
    program = msgspec.convert(argument["program"], Program)
    if not namespaces_available():
        program.environment["CLARY_SOCKET"] = argument["socket"]
    return run_or_tell(program, "The container")
