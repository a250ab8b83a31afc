"""The fork of the warm parent that becomes a query's sandbox."""

import os
from typing import Any

import msgspec

from clary.queries.places import INSIDE, Places
from clary.sandbox import Mount, Program, namespaces_available, run_or_tell
from clary.sandbox.compiled import VARIABLE

ENTRY = "clary.queries.worker:main"


def main(argument: dict[str, Any]) -> int:
    """Run the worker; `places` are those of the host, which a worker without a root of its own sees as they are."""
    host = msgspec.convert(argument["places"], Places)
    sandboxed = namespaces_available()
    program = Program(
        entry=ENTRY,
        arguments=[msgspec.json.encode(INSIDE if sandboxed else host).decode(), str(argument["memory_bytes"])],
        environment={"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin", "TZ": "UTC"},  # noqa: S108
        mounts=[
            Mount(host.work, INSIDE.work, writable=True),
            Mount(host.staged, INSIDE.staged),
            Mount(host.sockets, INSIDE.sockets),
        ],
        output=argument["output"],
        folder=argument["folder"],
        hostname="query",
        network="none",
        memory_bytes=argument["memory_bytes"],
        processes=argument["processes"],
        threads=argument["threads"],
    )
    os.environ.pop(VARIABLE, None)  # a query runs no compiled kernels, and needs no copy of them
    return run_or_tell(program, "The query's process")
