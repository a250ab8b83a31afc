"""Requests from web pages of other origins: Put, Get and DeleteBucketCors, and what browsers are told by them.

A bucket keeps its rules in `settings["Cors"]` as they were put. Source: "Using cross-origin resource sharing" in S3's
user guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.services.s3.errors import InvalidArgument, InvalidRequest, MalformedXML
from clary.services.s3.ownership import keep_setting, require_bucket
from clary.wire import Call, operation
from clary.wire.request import Request, decode_text
from clary.wire.route import bucket_in_host

if TYPE_CHECKING:
    from clary.store.object_rows import Bucket
    from clary.wire import Rooms

Rule = dict[str, Any]

_SETTING = "Cors"
_METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
_MOST_RULES, _LONGEST_ID = 100, 255
_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
_NOT_ALLOWED = (
    "This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)


class NoCors(ServiceError):
    """The bucket has no rules."""

    code = "NoSuchCORSConfiguration"
    status = 404


class BadRequest(ServiceError):
    """A browser's question lacks what it is about."""

    code = "BadRequest"
    status = 400


class AccessForbidden(ServiceError):
    """Pages of that origin may not do that."""

    code = "AccessForbidden"
    status = 403

    def __init__(self, message: str, method: str, kind: str) -> None:
        super().__init__(f"CORSResponse: {message}", fields={"Method": method, "ResourceType": kind})


@operation
def get_bucket_cors(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The rules."""
    bucket = require_bucket(call, request)
    if _SETTING not in bucket.settings:
        raise NoCors("The CORS configuration does not exist", fields={"BucketName": bucket.name})
    return {"CORSRules": bucket.settings[_SETTING]}


@operation
def put_bucket_cors(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace the rules."""
    rules = request["CORSConfiguration"]["CORSRules"]
    if not 0 < len(rules) <= _MOST_RULES:
        raise MalformedXML
    for rule in rules:
        _check(rule)
    keep_setting(call, request, _SETTING, rules)
    return {}


@operation
def delete_bucket_cors(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget the rules."""
    keep_setting(call, request, _SETTING, None)
    return {}


def preflight(rooms: Rooms, request: Request) -> dict[str, str]:
    """The headers that allow what a browser asks before it does it; BadRequest, AccessForbidden."""
    asked = request.headers.get("access-control-request-method", "")
    if "origin" not in request.headers:
        raise BadRequest("Insufficient information. Origin request header needed.")
    bucket, key = _place(rooms, request)
    if bucket is None or _SETTING not in bucket.settings:
        why = "CORS is not enabled for this bucket." if bucket else "Bucket not found"
        raise AccessForbidden(why, asked or "OPTIONS", "BUCKET")
    if not asked:
        raise BadRequest("Invalid Access-Control-Request-Method: null")
    rule = _rule_for(bucket, request)
    if rule is None:
        raise AccessForbidden(_NOT_ALLOWED, asked, "OBJECT" if key else "BUCKET")
    return _headers(rule, request)


def answer_headers(rooms: Rooms, request: Request) -> dict[str, str]:
    """The headers by which a browser lets a page of another origin see an answer; none where no rule allows it."""
    bucket, _ = _place(rooms, request)
    rule = _rule_for(bucket, request) if bucket else None
    return _headers(rule, request) if rule else {}


def _place(rooms: Rooms, request: Request) -> tuple[Bucket | None, str]:
    """The bucket and the key of a request of which no operation is known."""
    path = decode_text(request.raw_path).removeprefix("/")
    name = bucket_in_host(request.headers.get("host", ""))
    key = path
    if not name:
        name, _, key = path.partition("/")
    return rooms.objects.buckets.get(name), key


def _rule_for(bucket: Bucket, request: Request) -> Rule | None:
    """The first rule that allows the request; a method that it asks for counts in place of its own, as at AWS."""
    origin = request.headers["origin"]
    method = request.headers.get("access-control-request-method") or request.method
    named = _named_headers(request)
    for rule in bucket.settings.get(_SETTING, ()):
        allowed = [header.lower() for header in rule.get("AllowedHeaders", ())]
        if (
            method in rule["AllowedMethods"]
            and any(_fits(pattern, origin) for pattern in rule["AllowedOrigins"])
            and all(any(_fits(pattern, header) for pattern in allowed) for header in named)
        ):
            found: Rule = rule
            return found
    return None


def _headers(rule: Rule, request: Request) -> dict[str, str]:
    anybody = "*" in rule["AllowedOrigins"]
    headers = {
        "access-control-allow-origin": "*" if anybody else request.headers["origin"],
        "access-control-allow-methods": ", ".join(rule["AllowedMethods"]),
        "vary": _VARY,
    }
    if not anybody:
        headers["access-control-allow-credentials"] = "true"
    if named := _named_headers(request):
        headers["access-control-allow-headers"] = ", ".join(named)
    if rule.get("ExposeHeaders"):
        headers["access-control-expose-headers"] = ", ".join(rule["ExposeHeaders"])
    if "MaxAgeSeconds" in rule:
        headers["access-control-max-age"] = str(rule["MaxAgeSeconds"])
    return headers


def _named_headers(request: Request) -> list[str]:
    text = request.headers.get("access-control-request-headers", "").lower()
    return [name.strip() for name in text.split(",") if name.strip()]


def _fits(pattern: str, text: str) -> bool:
    begin, star, end = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(begin) + len(end) and text.startswith(begin) and text.endswith(end)


def _check(rule: Rule) -> None:
    if len(rule.get("ID", "")) > _LONGEST_ID:
        raise InvalidArgument(f"ID length should not exceed allowed limit of {_LONGEST_ID}", "ID", rule["ID"])
    for method in rule["AllowedMethods"]:
        if method not in _METHODS:
            raise InvalidRequest(f"Found unsupported HTTP method in CORS config. Unsupported method is {method}")
    for name in ("AllowedOrigin", "AllowedHeader"):
        for text in rule.get(f"{name}s", ()):
            if text.count("*") > 1:
                raise InvalidRequest(f'{name} "{text}" can not have more than one wildcard.')
    for text in rule.get("ExposeHeaders", ()):
        if "*" in text:
            raise InvalidRequest(
                f'ExposeHeader "{text}" contains wildcard. We currently do not support wildcard for ExposeHeader.'
            )
