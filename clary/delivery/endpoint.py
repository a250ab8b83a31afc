"""Requests to an HTTP endpoint, as AWS's "HTTP endpoint delivery request and response specifications" have them."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from clary.clock import Clock
from clary.delivery.compression import open_compressed
from clary.delivery.host import Host
from clary.delivery.plan import Endpoint, Plan
from clary.delivery.records import Failed, Record
from clary.errors import ServiceError

FAILED = "http-endpoint-failed"
MOST_RECORDS = 10_000
"""In one request."""

_MOST_ANSWER = 1024 * 1024
_SHOWN = 500
_TOO_LARGE = 413


class Undelivered(ServiceError):
    """The endpoint did not take a request; `final` where it never will."""

    def __init__(self, code: str, message: str, *, final: bool = False) -> None:
        super().__init__(message, code=f"HttpEndpoint.{code}")
        self.final = final


class RequestFile:
    """The body of a request, written record by record."""

    def __init__(self, path: Path, endpoint: Endpoint, identity: str, clock: Clock) -> None:
        self._file = open_compressed(path, "GZIP" if endpoint.gzip else "UNCOMPRESSED", path.name)
        head = {"requestId": identity, "timestamp": int(clock.now() * 1000)}
        self._file.write(msgspec.json.encode(head)[:-1] + b',"records":[')
        self._empty = True

    def take(self, records: Sequence[Record]) -> list[Failed]:
        """Add them."""
        rows = b",".join(b'{"data":"' + base64.b64encode(record.data) + b'"}' for record in records)
        self._file.write(rows if self._empty else b"," + rows)
        self._empty = False
        return []

    def drain(self) -> list[Failed]:
        """Nothing is held back."""
        return []

    def close(self) -> None:
        """End the body."""
        self._file.write(b"]}")
        self._file.close()


def post_request(host: Host, plan: Plan, identity: str, path: Path) -> None:
    """Send the request; Undelivered unless the endpoint says that it has taken it."""
    endpoint = plan.endpoint
    assert endpoint
    headers = {
        "Content-Type": "application/json",
        "X-Amz-Firehose-Protocol-Version": "1.0",
        "X-Amz-Firehose-Request-Id": identity,
        "X-Amz-Firehose-Source-Arn": plan.arn,
    }
    if endpoint.gzip:
        headers["Content-Encoding"] = "gzip"
    if endpoint.access_key:
        headers["X-Amz-Firehose-Access-Key"] = endpoint.access_key
    if endpoint.attributes:
        attributes = msgspec.json.encode({"commonAttributes": endpoint.attributes})
        headers["X-Amz-Firehose-Common-Attributes"] = attributes.decode("latin-1")
    try:
        answer = host.post(endpoint.url, headers, path.read_bytes())
    except TimeoutError as problem:
        raise Undelivered("RequestTimeout", f"The delivery timed out before a response came: {problem}") from None
    except ConnectionResetError as problem:
        raise Undelivered("ConnectionReset", f"Unable to maintain connection with the endpoint: {problem}") from None
    except OSError as problem:
        raise Undelivered("ConnectionFailed", f"Unable to connect to the destination endpoint: {problem}") from None
    if len(answer.body) > _MOST_ANSWER:
        raise Undelivered("ResponseTooLarge", "The response received from the endpoint is too large.")
    shown = answer.body[:_SHOWN].decode(errors="replace")
    if answer.status != 200:
        message = f"Received response with status code {answer.status}: {shown}"
        raise Undelivered("DestinationException", message, final=answer.status == _TOO_LARGE)
    try:
        told = msgspec.json.decode(answer.body)
        matches = told["requestId"] == identity and isinstance(told["timestamp"], int)
    except (ValueError, RecursionError, KeyError, TypeError):
        matches = False
    if not matches:
        message = f"The answer must be JSON with the request's requestId and a timestamp, not {shown}"
        raise Undelivered("InvalidResponseFromDestination", message)


def failed_records(path: Path, endpoint: Endpoint, problem: Undelivered, arrival: int) -> Iterator[Failed]:
    """The records of a request that the endpoint did not take."""
    body = path.read_bytes()
    for row in msgspec.json.decode(gzip.decompress(body) if endpoint.gzip else body)["records"]:
        yield Failed(Record(base64.b64decode(row["data"]), arrival), problem.code, problem.message)
