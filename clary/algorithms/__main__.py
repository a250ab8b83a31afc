"""The container's entry point: `python -m clary.algorithms NAME train|serve`."""

import sys

from clary.algorithms import NAMES

USAGE = f"usage: python -m clary.algorithms {{{','.join(NAMES)}}} {{train,serve}}"


def main(arguments: list[str]) -> int:
    """Train or serve an algorithm until done; the exit status."""
    match arguments:
        case [name, "train"] if name in NAMES:
            from clary.algorithms.train import main as train

            return train(name)
        case [name, "serve"] if name in NAMES:
            from clary.algorithms.serve import main as serve

            return serve(name)
    print(USAGE, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
