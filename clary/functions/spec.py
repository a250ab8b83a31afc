"""What is run, what it is given, what comes of it, and what the room asks of the house."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a function. What has the same key runs in the same processes."""

    key: str
    arn: str  # without a qualifier
    name: str
    version: str
    account: str
    region: str
    role: str
    runtime: str
    handler: str
    environment: dict[str, str]
    timeout: float  # seconds
    memory_mib: int
    code: str  # the SHA-256 of the archive in hexadecimal digits
    layers: tuple[str, ...] = ()  # the same of the layers' archives, the first one lowest
    log_group: str
    json_log: bool = False
    application_log_level: str = ""  # TRACE, DEBUG, INFO, WARN, ERROR, FATAL; with JSON only
    system_log_level: str = "INFO"  # DEBUG, INFO, WARN


class Event(NamedTuple):
    """What a handler is called with."""

    request_id: str
    payload: bytes  # JSON
    arn: str  # as the caller named the function
    client_context: str = ""  # JSON


class Outcome(NamedTuple):
    """What a handler returned, or the error it ended with, as JSON."""

    payload: bytes
    error: str = ""  # "Unhandled" where the handler failed
    log: bytes = b""  # the last 4 KiB
    milliseconds: float = 0.0


class FunctionHost(NamedTuple):
    """The callables that `app.py` fills."""

    credentials: Callable[[str, str, str], dict[str, str]]
    """(account, role ARN, session name): AWS_* variables of temporary keys, and AWS_ENDPOINT_URL."""
    append_log: Callable[[tuple[str, str], str, str, Sequence[tuple[float, str]]], None]
    """((account, region), group, stream, (time, message) pairs)."""
