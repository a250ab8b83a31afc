"""The fork of the warm parent that becomes a worker's sandbox."""

from pathlib import Path
from typing import Any

import msgspec

from clary.sandbox import Program, SandboxError, namespaces_available, run


def main(argument: dict[str, Any]) -> int:
    """Run the program; without a root of its own it is told where on the host its folders lie."""
    program = msgspec.convert(argument, Program)
    if not namespaces_available():
        program.arguments = [_outside(program, path) for path in program.arguments]
        program.environment = {name: _outside(program, value) for name, value in program.environment.items()}
        program.command = [_outside(program, part) for part in program.command]
    try:
        return run(program)
    except SandboxError as error:
        with Path(program.output).open("a") as output:
            output.write(f"The function's sandbox could not be started: {error}\n")
        return 1


def _outside(program: Program, path: str) -> str:
    """The place on the host of a path inside, or of the folder in which mounts lie."""
    for mount in program.mounts:
        if path == mount.target or path.startswith(f"{mount.target}/"):
            return mount.source + path[len(mount.target) :]
        if path == str(Path(mount.target).parent):
            return str(Path(mount.source).parent)
    return path
