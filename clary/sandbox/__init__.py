"""One program in its own namespaces, root and limits: jobs and endpoint workers start here."""

from clary.sandbox.available import namespaces_available
from clary.sandbox.kernel import is_running, start_time
from clary.sandbox.process import Running, run, start
from clary.sandbox.program import Mount, Program, SandboxError
from clary.sandbox.warm import WarmParent

__all__ = [
    "Mount",
    "Program",
    "Running",
    "SandboxError",
    "WarmParent",
    "is_running",
    "namespaces_available",
    "run",
    "start",
    "start_time",
]
