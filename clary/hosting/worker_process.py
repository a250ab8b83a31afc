"""The fork of the warm parent that becomes a worker's sandbox."""

from pathlib import Path
from typing import Any

import msgspec

from clary.sandbox import Program, SandboxError, namespaces_available, run


def main(argument: dict[str, Any]) -> int:
    """Run the program; `socket` is where the host sees the worker's socket, for workers without a root of their own."""
    program = msgspec.convert(argument["program"], Program)
    if not namespaces_available():
        program.environment["CLARY_SOCKET"] = argument["socket"]
    try:
        return run(program)
    except SandboxError as error:
        with Path(program.output).open("a") as output:
            output.write(f"The container could not be started: {error}\n")
        return 1
