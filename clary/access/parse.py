"""A signature's parts, from the header or the query, and its ways of writing time."""

import calendar
import re
import time
from datetime import UTC, datetime
from functools import lru_cache

from clary.access import errors, signatures
from clary.access.signatures import SignatureV4, SignedRequest
from clary.errors import ServiceError

LONGEST_URL_SECONDS = 604800

_FIELD = re.compile(r"(\w+)=([^,\s]*)")
_TIME = re.compile(r"\d{8}T\d{6}Z")


def parse_header(request: SignedRequest, authorization: str) -> SignatureV4:
    """The signature in an Authorization header."""
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != signatures.ALGORITHM:
        message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        raise ServiceError(message, code="InvalidRequest", status=400)
    parts = dict(_FIELD.findall(rest))
    service = (parts.get("Credential", "").split("/") + [""] * 4)[3]
    for name in ("Credential", "Signature", "SignedHeaders"):
        if not parts.get(name):
            message = f"Authorization header requires '{name}' parameter. Authorization={authorization}"
            raise errors.incomplete_signature(service, message)
    signed = request.header(b"x-amz-date") or _from_http_date(request.header(b"date"))
    headers = tuple(parts["SignedHeaders"].split(";"))
    if not _TIME.fullmatch(signed):
        message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        raise errors.incomplete_signature(service, f"{message} Authorization={authorization}")
    if "host" not in headers:
        raise errors.incomplete_signature(service, "'Host' must be a signed header in the AWS Signature Version 4.")
    access_key, date, region, service = credential_scope(parts["Credential"], service)
    if date != signed[:8]:
        message = (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{date}' != '{signed[:8]}', from '{signed}'."
        )
        raise errors.incomplete_signature(service, message)
    return SignatureV4(access_key, date, region, service, headers, parts["Signature"], signed, None)


def parse_query(query: dict[str, str]) -> SignatureV4:
    """The signature in a presigned URL."""
    if query.get("X-Amz-Algorithm") != signatures.ALGORITHM:
        raise errors.query_error('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
    for name in ("Credential", "Signature", "Date", "SignedHeaders", "Expires"):
        if not query.get(f"X-Amz-{name}"):
            raise errors.query_error(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
            )
    expires = query["X-Amz-Expires"]
    if not expires.isdigit():
        raise errors.query_error("X-Amz-Expires should be a number")
    if int(expires) > LONGEST_URL_SECONDS:
        raise errors.query_error(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            "604800 seconds"
        )
    signed = query["X-Amz-Date"]
    if not _TIME.fullmatch(signed):
        raise errors.query_error("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    access_key, date, region, service = credential_scope(query["X-Amz-Credential"], "s3")
    headers = tuple(query["X-Amz-SignedHeaders"].split(";"))
    return SignatureV4(access_key, date, region, service, headers, query["X-Amz-Signature"], signed, int(expires))


def credential_scope(credential: str, service: str) -> tuple[str, str, str, str]:
    """The access key, date, region and service of a credential."""
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request":
        form = "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request"
        message = f'the Credential is mal-formed; expecting "{form}", not {credential!r}.'
        raise errors.incomplete_signature(service, message)
    return parts[0], parts[1], parts[2], parts[3]


@lru_cache(maxsize=64)
def seconds_of(text: str) -> float:
    """Seconds since the epoch of a signing time; long ago for one that is none."""
    try:
        return float(calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ")))
    except ValueError:
        return 0.0


def signing_time(seconds: float) -> str:
    """`20130524T000000Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


def iso_time(seconds: float) -> str:
    """`2013-05-24T00:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _from_http_date(text: str) -> str:
    try:
        return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").strftime("%Y%m%dT%H%M%SZ")
    except ValueError:
        return text
