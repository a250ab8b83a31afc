"""From a role to the program: into a layer of the job's own above the environment, then on with the work."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import layer

ENTER = Path(__file__).parents[1] / "enter.py"
NOT_FOUND = 127


def main(arguments: Sequence[str]) -> int:
    """The exit status of a role."""
    role, framework, *command = arguments
    python = layer.enter()
    if role == "run":
        return _become(command)
    if not layer.is_inside():
        return _become([python, "-P", str(ENTER), *arguments])
    if role == "train":
        from . import training

        return training.main()
    from . import serving

    return serving.main(framework)


def _become(command: Sequence[str]) -> int:
    sys.stdout.flush()
    try:
        os.execvp(command[0], list(command))  # noqa: S606
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
    return NOT_FOUND
