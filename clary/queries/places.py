"""The folders that a query's process works in, as the host or the sandbox sees them."""

import msgspec

SOCKET = "desk.sock"


class Places(msgspec.Struct, frozen=True):
    """`work` takes the results and what doesn't fit in memory; the server fills `staged` and listens in `sockets`."""

    work: str
    staged: str
    sockets: str


INSIDE = Places("/query", "/staged", "/run/clary")
