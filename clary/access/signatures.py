"""What a signature covers: Signature Version 4 in header and query, Version 2 in the query, signed chunks.

Pure functions over a request as it came off the wire. Sources: AWS's "Signature Version 4 signing process"
and "Authenticating requests (AWS Signature Version 2)" in the S3 API reference.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"

# The query parameters that name a sub-resource or override a response header belong to what Version 2 signs.
V2_RESOURCE_PARAMETERS = frozenset(
    "accelerate acl analytics cors defaultObjectAcl delete inventory lifecycle location logging metrics notification "
    "object-lock partNumber policy replication requestPayment response-cache-control response-content-disposition "
    "response-content-encoding response-content-language response-content-type response-expires restore select "
    "select-type storageClass tagging torrent uploadId uploads versionId versioning versions website".split()
)


@dataclass(slots=True)
class SignedRequest:
    """A request as it came off the wire; `body_sha256` is None while the body still streams."""

    method: str
    raw_path: bytes
    query_string: bytes
    headers: list[tuple[bytes, bytes]]
    body_sha256: str | None

    def header(self, name: bytes) -> str:
        """The first value of a header, by lower-case name, or the empty string."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    def query(self) -> list[tuple[str, str]]:
        """The decoded query parameters in their order; a plus sign stays one."""
        pairs = (pair.partition("=") for pair in self.query_string.decode("latin-1").split("&") if pair)
        return [(unquote(name), unquote(value)) for name, _, value in pairs]


class Scope(NamedTuple):
    """The service and region that a signature was made for; empty where the signature names none."""

    service: str
    region: str


class SignatureV4(NamedTuple):
    """The parts of a Version 4 signature, from a header or from a query."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    time: str
    expires: int | None

    @property
    def credential_scope(self) -> str:
        """`20130524/us-east-1/s3/aws4_request`."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def canonical_request(request: SignedRequest, signature: SignatureV4, payload: str, path: str) -> str:
    """The text whose hash is signed."""
    skip = "X-Amz-Signature" if signature.expires is not None else ""
    return "\n".join(
        (
            request.method,
            path,
            _canonical_query(request.query(), skip),
            *(f"{name}:{_header_value(request.headers, name)}" for name in signature.signed_headers),
            "",
            ";".join(signature.signed_headers),
            payload,
        )
    )


def canonical_paths(request: SignedRequest, service: str) -> Iterable[str]:
    """The paths a client may have signed: as sent for S3, encoded once more elsewhere; then re-encoded by the book."""
    raw = request.raw_path.decode("latin-1") or "/"
    as_sent = raw if service == "s3" else quote(raw, safe="/~")
    yield as_sent
    by_the_book = quote(unquote(raw), safe="/~")
    if service != "s3":
        by_the_book = quote(by_the_book, safe="/~")
    if by_the_book != as_sent:
        yield by_the_book


def sign_v4(secret: str, signature: SignatureV4, canonical: str) -> str:
    """The signature of a canonical request."""
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    text = f"{ALGORITHM}\n{signature.time}\n{signature.credential_scope}\n{digest}"
    key = signing_key(secret, signature.date, signature.region, signature.service)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign_form_v4(secret: str, date: str, region: str, service: str, policy: str) -> str:
    """The Version 4 signature of a form's policy, as the form has it."""
    return hmac.new(signing_key(secret, date, region, service), policy.encode(), hashlib.sha256).hexdigest()


def sign_form_v2(secret: str, policy: str) -> str:
    """The Version 2 signature of a form's policy, as the form has it."""
    return base64.b64encode(hmac.digest(secret.encode(), policy.encode(), "sha1")).decode()


def sign_v2(secret: str, request: SignedRequest, path: str) -> str:
    """The Version 2 signature of a presigned S3 request, for the path of the resource with its bucket."""
    query = request.query()
    values = {name.lower(): value for name, value in query}
    amazon = {name: value for name, value in values.items() if name.startswith("x-amz-")}
    for key, value in request.headers:
        if key.startswith(b"x-amz-"):
            amazon.setdefault(key.decode("latin-1"), value.decode("latin-1").strip())
    resource = "&".join(
        f"{name}={value}" if value else name for name, value in sorted(query) if name in V2_RESOURCE_PARAMETERS
    )
    lines = [
        request.method,
        values.get("content-md5", request.header(b"content-md5")),
        request.header(b"content-type"),  # botocore repeats it in the query, but the header is what counts
        values.get("expires", ""),
        *(f"{name}:{amazon[name]}" for name in sorted(amazon)),
        f"{path}?{resource}" if resource else path,
    ]
    return base64.b64encode(hmac.digest(secret.encode(), "\n".join(lines).encode(), "sha1")).decode()


class ChunkSigner:
    """The chain of signatures over an aws-chunked body: each covers its chunk and the one before."""

    def __init__(self, secret: str, signature: SignatureV4) -> None:
        self.seed = signature.signature
        self._key = signing_key(secret, signature.date, signature.region, signature.service)
        self._head = f"{signature.time}\n{signature.credential_scope}"

    def __call__(self, previous: str, chunk: bytes) -> str:
        """The signature of a chunk."""
        digest = hashlib.sha256(chunk).hexdigest()
        return self._sign(f"{ALGORITHM}-PAYLOAD\n{self._head}\n{previous}\n{EMPTY_SHA256}\n{digest}")

    def trailer(self, previous: str, lines: bytes) -> str:
        """The signature of the trailer, given as `name:value\\n` lines."""
        digest = hashlib.sha256(lines).hexdigest()
        return self._sign(f"{ALGORITHM}-TRAILER\n{self._head}\n{previous}\n{digest}")

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def _canonical_query(query: list[tuple[str, str]], skip: str) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query if name != skip)
    return "&".join(f"{name}={value}" for name, value in pairs)


def _header_value(headers: list[tuple[bytes, bytes]], name: str) -> str:
    wanted = name.encode("latin-1")
    values = [" ".join(value.decode("utf-8", "surrogateescape").split()) for key, value in headers if key == wanted]
    return ",".join(values)
