"""Build one sandbox and run `true` in it: the command behind `namespaces_available`."""

import sys
import tempfile

from clary.sandbox.process import start_as
from clary.sandbox.program import Program, SandboxError


def main() -> int:
    """0 when it worked; else the reason on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program(command=["/bin/sh", "-c", "exit 0"], output="/dev/null", folder=folder, network="none")
        try:
            return start_as(program, sandboxed=True).wait() or 0
        except SandboxError as error:
            print(error, file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
