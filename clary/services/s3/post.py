"""Uploads by a form of a web page: a POST to a bucket, which AWS's model has no operation for.

Its fields are what PutObject has in headers. Source: "POST Object" in S3's API reference.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from clary.access.errors import missing_field
from clary.errors import ServiceError
from clary.services.s3.errors import EntityTooLarge
from clary.services.s3.object import store
from clary.services.s3.post_policy import Sizes, check_policy
from clary.services.s3.receive import MAX_BYTES
from clary.wire import Call, Reply
from clary.wire.claims import Claims
from clary.wire.form import Form
from clary.wire.protocols.xml_input import local_name, parse_xml
from clary.wire.protocols.xml_output import DECLARATION, escape
from clary.wire.request import decode_text
from clary.wire.route import bucket_in_host

if TYPE_CHECKING:
    from clary.wire import Registry, Rooms
    from clary.wire.request import Request
    from clary.wire.response import Response

# Fields that are not headers of PutObject, and headers that would tell of a body of another form.
_NO_HEADERS = {"key", "acl", "tagging", "x-amz-trailer", "content-length", "transfer-encoding"}
_DONE = {"200": 200, "201": 201}


class EntityTooSmall(ServiceError):
    """The file has fewer bytes than the policy wants."""

    code = "EntityTooSmall"
    status = 400

    def __init__(self, size: int, least: int) -> None:
        message = "Your proposed upload is smaller than the minimum allowed size"
        super().__init__(message, fields={"ProposedSize": str(size), "MinSizeAllowed": str(least)})


class _File:
    """The file of a form, as operations take a body: held against the sizes that it may have and what is claimed."""

    def __init__(self, form: Form, sizes: Sizes, claimed: dict[str, str]) -> None:
        self.length: int | None = None
        self._form, self._sizes = form, sizes
        self._claims = Claims(claimed, trailing=False)
        self.checksums = self._claims.checksums

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        size = 0
        async for part in self._form.file():
            size += len(part)
            if size > self._sizes.most:
                raise EntityTooLarge(size, self._sizes.most)
            await self._claims.update(part)
            yield part
        if size < self._sizes.least:
            raise EntityTooSmall(size, self._sizes.least)
        await self._claims.verify({})


async def post_object(registry: Registry, rooms: Rooms, request: Request) -> Response:
    """Store the file of a form."""
    bucket = bucket_in_host(request.headers.get("host", "")) or decode_text(request.raw_path).strip("/")
    form = Form(request.incoming, request.headers["content-type"])
    fields = _by_lower_name(await form.fields(), form.file_name)
    if "key" not in fields:
        raise missing_field("key")
    identity, region = rooms.access.authenticate_form(fields)
    sizes = check_policy(fields["policy"], {**fields, "bucket": bucket}, rooms.clock.now(), MAX_BYTES)
    headers = {name: value for name, value in fields.items() if name not in _NO_HEADERS}
    headers |= {"x-amz-acl": fields["acl"]} if "acl" in fields else {}
    codec = registry.services["s3"].operations["PutObject"].codec("rest-xml")
    as_put = replace(request, method="PUT", query={}, query_string=b"", headers=headers)
    values = codec.read(as_put, {"Bucket": bucket, "Key": fields["key"]})
    if "tagging" in fields:
        values["Tagging"] = _tags(fields["tagging"])
    call = Call(
        rooms=rooms,
        service="s3",
        operation="PutObject",
        account=identity.account,
        region=region or rooms.settings.region,
        identity=identity,
        request_id=request.id,
        headers=headers,
        source_ip=request.source_ip,
        base_url=request.base_url,
    )
    stored = await store(call, values, _File(form, sizes, headers), "ObjectCreated:Post")
    return _answer(codec.encode(Reply(stored, status=204), request.id), request, values, fields, stored["ETag"])


def _answer(
    response: Response, request: Request, values: dict[str, Any], fields: dict[str, str], etag: str
) -> Response:
    """What the form asks to be answered with: nothing, a document, or another page."""
    bucket, key = values["Bucket"], values["Key"]
    folder = "" if bucket_in_host(request.headers.get("host", "")) else f"/{bucket}"
    location = f"{request.base_url}{folder}/{quote(key, safe='/~')}"
    response.headers["location"] = location
    redirect = fields.get("success_action_redirect") or fields.get("redirect", "")
    parts = urlsplit(redirect)
    if parts.scheme in ("http", "https") and parts.netloc:
        told = urlencode({"bucket": bucket, "key": key, "etag": etag}, quote_via=quote)
        response.status = 303
        response.headers["location"] = parts._replace(query="&".join(filter(None, (parts.query, told)))).geturl()
        return response
    response.status = _DONE.get(fields.get("success_action_status", ""), 204)
    if response.status == 201:
        response.headers["content-type"] = "application/xml"
        members = {"Location": location, "Bucket": bucket, "Key": key, "ETag": etag}
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in members.items())
        response.body = f"{DECLARATION}<PostResponse>{inner}</PostResponse>".encode()
    return response


def _by_lower_name(fields: list[tuple[str, str]], file_name: str | None) -> dict[str, str]:
    """The first field of each name; the name of the file takes its place in the key."""
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name.lower(), value)
    if "key" in found and file_name is not None:
        found["key"] = found["key"].replace("${filename}", file_name)
    return found


def _tags(text: str) -> str:
    """The tags in a field, an XML document, as PutObject has them in its header."""
    pairs = []
    for tag_set in parse_xml(text.encode()):
        for tag in tag_set if local_name(tag_set) == "TagSet" else ():
            parts = {local_name(part): part.text or "" for part in tag}
            if "Key" in parts:
                pairs.append((parts["Key"], parts.get("Value", "")))
    return urlencode(pairs)
