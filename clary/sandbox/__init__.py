"""One program in its own namespaces, root and limits: jobs, queries, workers of endpoints and functions start here."""

from clary.sandbox.available import namespaces_available
from clary.sandbox.kernel import is_running, start_time
from clary.sandbox.process import Running, run, run_or_tell, start
from clary.sandbox.program import Mount, Program, SandboxError
from clary.sandbox.sockets import fresh_folders
from clary.sandbox.warm import WarmParent

__all__ = [
    "Mount",
    "Program",
    "Running",
    "SandboxError",
    "WarmParent",
    "fresh_folders",
    "is_running",
    "namespaces_available",
    "run",
    "run_or_tell",
    "start",
    "start_time",
]
