"""What the server and its warm parent say to each other, a line of JSON each."""

from typing import Any

import msgspec


class Fork(msgspec.Struct, tag="fork"):
    """A request: call `entry(argument)` in a fork."""

    number: int
    entry: str
    argument: dict[str, Any]
    detached: bool


class Forked(msgspec.Struct, tag="forked"):
    """The answer."""

    number: int
    pid: int = 0
    start_time: int = 0
    problem: str = ""


class Ended(msgspec.Struct, tag="ended"):
    """A child ended."""

    pid: int
    status: int


class Ready(msgspec.Struct, tag="ready"):
    """The imports are done."""

    namespaces: bool


Message = Forked | Ended | Ready
