"""A request as it came in: its head parsed, its body still on the wire."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from clary.errors import ServiceError
from clary.wire.body import Incoming

if TYPE_CHECKING:
    from clary.wire.route import Route

Scope = dict[str, Any]
MOST_HEADER_BYTES = 32 * 1024
FORM = "application/x-www-form-urlencoded"
SIGNATURE_PARAMETERS = frozenset(
    f"x-amz-{name}" for name in ("algorithm", "credential", "date", "expires", "signedheaders", "signature")
)


class HeadersTooLarge(ServiceError):
    """More header bytes than any client needs."""

    code = "RequestHeaderSectionTooLarge"
    status = 400

    def __init__(self) -> None:
        super().__init__(f"Your request header section exceeds the maximum allowed size of {MOST_HEADER_BYTES} bytes")


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
    signed_for: str  # the service in the credential scope of a Version 4 signature; empty where there is none
    content: bytes = b""  # the whole body, once it was read
    content_sha256: str | None = None
    id: str = ""
    route: "Route | None" = None

    @property
    def is_s3(self) -> bool:
        """Whether it is S3's, whose bodies must not be read before they are routed; unsigned requests are."""
        if self.signed_for:
            return self.signed_for == "s3"
        return "x-amz-target" not in self.headers and self.media_type != FORM

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
    size = 0
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
        size += len(name) + len(value)
    if size > MOST_HEADER_BYTES:
        raise HeadersTooLarge
    client, server = scope.get("client"), scope.get("server")
    host = headers.get("host") or (f"{server[0]}:{server[1]}" if server else "localhost")
    query = parse_query(scope["query_string"]) if scope["query_string"] else {}
    if "X-Amz-Signature" in query or "Signature" in query:
        _adopt_parameters(headers, query)
    return Request(
        method=scope["method"],
        raw_path=scope["raw_path"],
        query_string=scope["query_string"],
        query=query,
        headers=headers,
        raw_headers=scope["headers"],
        source_ip=client[0] if client else "",
        base_url=f"{scope['scheme']}://{host}",
        incoming=Incoming(receive, headers, limit),
        signed_for=_signed_for(headers, query),
    )


def _adopt_parameters(headers: dict[str, str], query: dict[str, list[str]]) -> None:
    """A presigned URL may carry S3's own headers as parameters: `x-amz-meta-color=red`."""
    for name, values in query.items():
        header = name.lower()
        if header.startswith("x-amz-") and header not in SIGNATURE_PARAMETERS:
            headers[header] = values[0]  # what was signed wins over a header that was not


def _signed_for(headers: dict[str, str], query: dict[str, list[str]]) -> str:
    authorization = headers.get("authorization", "")
    if authorization.startswith("AWS4-"):
        credential = authorization.partition("Credential=")[2].partition(",")[0].strip()
    else:
        credential = query.get("X-Amz-Credential", [""])[0]
    parts = credential.rsplit("/", 4)
    return parts[3] if len(parts) == 5 else ""


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
