"""What a delivery stream does with its records, in plain values: no defaults are left to be thought of."""

from typing import Any

import msgspec

from clary.delivery.scope import Scope

MIB = 1024 * 1024


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where objects go, what they are called, and how they are compressed."""

    bucket: str
    prefix: str = ""
    error_prefix: str = ""
    compression: str = "UNCOMPRESSED"
    extension: str = ""
    zone: str = "UTC"


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """The function that records pass."""

    arn: str
    retries: int = 3
    size: int = MIB
    seconds: int = 60


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """How one record holds several: JSON objects one after another, or texts with a delimiter between them."""

    kind: str
    delimiter: bytes = b""


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """JSON to columns: whose schema, how JSON is read, what is written."""

    database: str
    table: str
    table_version: str = "LATEST"
    catalog: str = ""
    region: str = ""
    hive: bool = False
    timestamp_formats: tuple[str, ...] = ()
    case_insensitive: bool = True
    dots_to_underscores: bool = False
    keys: dict[str, str] = {}
    """The JSON key of a column, where it is not its name."""
    output: str = "parquet"
    options: dict[str, Any] = {}


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP endpoint that takes records."""

    url: str
    name: str = ""
    access_key: str = ""
    attributes: dict[str, str] = {}
    gzip: bool = False
    seconds: int = 300
    """How long one request is tried again."""
    all_data: bool = False
    """Whether all records go to the objects' place too, and not only those that failed."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery stream as it is configured now."""

    id: str
    name: str
    arn: str
    scope: Scope
    version: int
    size: int = 5 * MIB
    """Bytes of records that make a batch full."""
    seconds: int = 300
    place: Place
    backup: Place | None = None
    source: str = ""
    """The ARN of the stream that records are read from; empty where they are put."""
    split: Split | None = None
    function: Function | None = None
    query: str = ""
    delimiter: bytes = b""
    partitioned: bool = False
    conversion: Conversion | None = None
    endpoint: Endpoint | None = None
    log: tuple[str, str] | None = None
    """The group and stream of the log that problems are told in."""

    @property
    def patience(self) -> int:
        """Seconds that a record may wait for others."""
        return max(self.seconds, self.function.seconds if self.function else 0)
