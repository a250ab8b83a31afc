"""The fork of the warm parent that becomes a worker's sandbox."""

from pathlib import Path
from typing import Any

import msgspec

from clary.sandbox import Program, namespaces_available, run_or_tell


def main(argument: dict[str, Any]) -> int:
    """Run the program; without a root of its own it is told where on the host its folders lie."""
    program = msgspec.convert(argument, Program)
    if not namespaces_available():
        program.arguments = [_outside(program, path) for path in program.arguments]
        program.environment = {name: _outside(program, value) for name, value in program.environment.items()}
        program.command = [_outside(program, part) for part in program.command]
    return run_or_tell(program, "The function's sandbox")


def _outside(program: Program, path: str) -> str:
    """The place on the host of a path inside, or of the folder in which mounts lie."""
    for mount in program.mounts:
        if path == mount.target or path.startswith(f"{mount.target}/"):
            return mount.source + path[len(mount.target) :]
        if path == str(Path(mount.target).parent):
            return str(Path(mount.source).parent)
    return path
