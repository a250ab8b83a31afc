"""What an operation is given and what it may answer with."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from clary.names import make_arn
from clary.wire.background import Background

if TYPE_CHECKING:
    from clary.access import Access
    from clary.access.identities import Identity
    from clary.clock import Clock
    from clary.config import Settings
    from clary.delivery import Deliveries
    from clary.functions import Functions
    from clary.hosting import Hosting
    from clary.jobs import Jobs
    from clary.queries import Queries
    from clary.store.catalog import Catalog
    from clary.store.changes import Changes
    from clary.store.logs import Logs
    from clary.store.metrics import Metrics
    from clary.store.objects import Objects
    from clary.store.records import Records
    from clary.streams import Streams
    from clary.tables.infer_crawls import Crawls
    from clary.transform import Transforms


@dataclass(slots=True)
class Rooms:
    """Everything an operation may use; `clary/app.py` fills it."""

    settings: "Settings"
    clock: "Clock"
    records: "Records"
    catalog: "Catalog"
    objects: "Objects"
    logs: "Logs"
    metrics: "Metrics"
    changes: "Changes"
    access: "Access"
    jobs: "Jobs"
    hosting: "Hosting"
    transforms: "Transforms"
    streams: "Streams"
    queries: "Queries"
    delivery: "Deliveries"
    functions: "Functions"
    crawls: "Crawls"
    background: Background = field(default_factory=Background)
    events: Background = field(default_factory=lambda: Background("events"))


@dataclass(slots=True)
class Call:
    """One request, after it was decoded, validated and authorised."""

    rooms: Rooms
    service: str  # botocore's names: "sagemaker", "CreateTrainingJob"
    operation: str
    account: str
    region: str
    identity: "Identity"
    request_id: str
    headers: Mapping[str, str]  # lower-case names
    source_ip: str
    base_url: str  # "http://127.0.0.1:4566" as the client addressed it

    def arn(self, resource: str) -> str:
        """`arn:aws:<service>:<region>:<account>:<resource>`."""
        return make_arn(self.service, self.region, self.account, resource)


@dataclass(slots=True)
class Reply:
    """An answer with a status or headers of its own; `body` is a dict by the output shape."""

    body: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


class JsonParts:  # no dataclass: msgspec would write that by itself
    """A large output member that the operation has written as JSON by itself, in parts that are sent as they are."""

    def __init__(self, parts: list[bytes]) -> None:
        self.parts = parts


class RequestBody(Protocol):
    """A streaming input member, such as the Body of S3's PutObject.

    `length` is that of the decoded content where the client told it. `checksums` holds what the client claims, by
    header name (`x-amz-checksum-crc32`), in base64; what a trailer claims stands there after the last chunk.
    """

    length: int | None
    checksums: dict[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """The content, aws-chunked framing undone; raises ServiceError at its end if a checksum doesn't fit."""


@dataclass(slots=True)
class FileSlice:
    """A streaming output member that is part of a file.

    An open `file` is read at `start` without moving its position, and closed after the last byte.
    """

    path: Path
    start: int
    length: int
    file: BinaryIO | None = None
