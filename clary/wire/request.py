"""A request as it came in: its head parsed, its body still on the wire."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from clary.errors import ServiceError
from clary.wire.body import Incoming

if TYPE_CHECKING:
    from clary.wire.route import Route

Scope = dict[str, Any]


class InvalidURI(ServiceError):
    """The path or the query is not UTF-8 once it is decoded."""

    code = "InvalidURI"
    status = 400

    def __init__(self) -> None:
        super().__init__("Couldn't parse the specified URI.")


@dataclass(slots=True)
class Request:
    """What routing and decoding look at."""

    method: str
    raw_path: bytes
    query_string: bytes
    query: dict[str, list[str]]
    headers: dict[str, str]  # lower-case names; repeated ones joined by commas
    raw_headers: list[tuple[bytes, bytes]]
    source_ip: str
    base_url: str
    incoming: Incoming
    content: bytes = b""  # the whole body, once it was read
    content_sha256: str | None = None
    id: str = ""
    route: "Route | None" = None

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def parameter(self, name: str) -> str:
        """The first value of a query parameter, or the empty string."""
        values = self.query.get(name)
        return values[0] if values else ""


def parse_request(scope: Scope, receive: Any, limit: int) -> Request:
    """The request in an ASGI scope; raises ServiceError for a URI that can't be read."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    client, server = scope.get("client"), scope.get("server")
    host = headers.get("host") or (f"{server[0]}:{server[1]}" if server else "localhost")
    return Request(
        method=scope["method"],
        raw_path=scope["raw_path"],
        query_string=scope["query_string"],
        query=parse_query(scope["query_string"]) if scope["query_string"] else {},
        headers=headers,
        raw_headers=scope["headers"],
        source_ip=client[0] if client else "",
        base_url=f"{scope['scheme']}://{host}",
        incoming=Incoming(receive, headers, limit),
    )


def parse_query(text: bytes) -> dict[str, list[str]]:
    """The parameters of a query string or form, blank ones kept."""
    query: dict[str, list[str]] = {}
    for pair in text.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            query.setdefault(decode_text(name.replace(b"+", b" ")), []).append(decode_text(value.replace(b"+", b" ")))
    return query


def decode_text(raw: bytes) -> str:
    """Percent-encoding undone."""
    try:
        return (unquote_to_bytes(raw) if b"%" in raw else raw).decode()
    except UnicodeDecodeError:
        raise InvalidURI from None
