"""The program of a query's process: `python query_program.py QUERY`, a line of JSON texts in, a line of each out.

It runs by itself, without the rest of Clary, so that it starts quickly.
"""

import json
import os
import resource
import sys
from typing import Any

MEMORY = 1 << 30


def main() -> None:
    """Answer until the input ends."""
    import jq

    os.environ.clear()  # Python itself has set LC_CTYPE
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    try:
        program = jq.compile(sys.argv[1])
    except ValueError as problem:
        return answer(problem=str(problem))
    answer()
    for line in sys.stdin:
        for text in json.loads(line):
            try:
                answer(program.input_text(text).first())
            except StopIteration:
                answer(problem="The query makes no value")
            except (ValueError, RecursionError) as problem:
                answer(problem=str(problem))
    return None


def answer(value: Any = None, problem: str = "") -> None:
    """Say what became of a text."""
    sys.stdout.write(json.dumps([value, problem]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
