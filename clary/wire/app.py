"""The ASGI application: the way of a request through the house, step by step."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from clary.access import Identity, SignedRequest
from clary.access.errors import incomplete_signature
from clary.errors import ServiceError
from clary.wire.body import ClientGone, Receive, StreamedBody
from clary.wire.call import Call, Reply, Rooms
from clary.wire.identifiers import host_id
from clary.wire.protocols.errors import encode_error
from clary.wire.registry import Registry
from clary.wire.request import Request, Scope, parse_request
from clary.wire.response import Response
from clary.wire.route import Route, find_route, guess_service
from clary.wire.sending import Send, send_response

log = logging.getLogger("clary")

Page = Callable[[Scope, Receive, Send], Awaitable[None]]
REGION = re.compile(r"[a-z0-9-]{1,40}")
THREADS = 32
HASHED_ON_THE_LOOP = 256 * 1024
DOCUMENT_LIMIT = 8 * 1024 * 1024  # S3's XML bodies; the largest, a completion of 10,000 parts, stays below 4 MiB


class Browsers(NamedTuple):
    """What web pages do with S3's buckets beside AWS's API; the first two return headers."""

    preflight: Callable[[Rooms, Request], dict[str, str]]
    answer: Callable[[Rooms, Request], dict[str, str]]
    post_form: Callable[[Registry, Rooms, Request], Awaitable[Response]]


class ServerEnded(ServiceError):
    """The server ends before the request was done."""

    code = "ServiceUnavailable"
    status = 503

    def __init__(self) -> None:
        super().__init__("The server ended before the request was done: whether it took effect is not known.")


class WireApp:
    """Serves the operations of a registry; `pages` are further routes by method and path."""

    def __init__(
        self,
        rooms: Rooms,
        registry: Registry,
        pages: Mapping[tuple[str, str], Page] | None = None,
        browsers: Browsers | None = None,
    ) -> None:
        self.rooms = rooms
        self.registry = registry
        self.pages = dict(pages or {})
        self._browsers = browsers
        self._limit = rooms.settings.max_request_mib * 1024 * 1024
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="operation")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            page = self.pages.get((scope["method"], scope["path"]))
            await (page or self.exchange)(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)

    async def exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request and send what comes of it: the one place where exceptions become replies."""
        request = None
        try:
            request = parse_request(scope, receive, self._limit)
            request.id = self._request_id(request)
            if self._browsers and request.method == "OPTIONS":
                response = await self.preflight(request, self._browsers)
            elif self._browsers and is_form(request):
                response = await self._browsers.post_form(self.registry, self.rooms, request)
            else:
                response = await self.handle(request)
        except ClientGone:
            return
        except ServiceError as error:
            response = self.failure(request, error)
        except asyncio.CancelledError:  # the server ends: clients had better hear that than nothing they understand
            response = self.failure(request, ServerEnded())
        except Exception:
            response = self.failure(request, ServiceError("The request failed because of an error inside Clary."))
            log.exception("request %s: %s %s", request and request.id, scope["method"], scope["path"])
        if self._browsers and request and request.is_s3 and "origin" in request.headers:
            response.headers |= await self.to_other_origin(request, self._browsers)
        log.debug("%s %s: %d", scope["method"], scope["path"], response.status)
        await send_response(response, request, scope["method"], receive, send)

    async def handle(self, request: Request) -> Response:
        """The way of a request: limit, route, authenticate, decode and validate, call, encode."""
        if not request.is_s3:
            await self.read_body(request)
        route = request.route = find_route(self.registry, request)
        identity, region = self.authenticate(request, route)
        stream = await self.open_stream(request, route)
        values = route.codec.read(request, route.labels)
        if stream:
            route.codec.attach_stream(values, stream)
        result = await self.call(route, self._call(request, route, identity, region), values)
        reply = result if isinstance(result, Reply) else Reply(result or {})
        return route.codec.encode(reply, request.id)

    async def preflight(self, request: Request, browsers: Browsers) -> Response:
        """What a browser asks before a page of another origin uses a bucket; nothing else asks for OPTIONS."""
        headers = await asyncio.to_thread(browsers.preflight, self.rooms, request)
        return Response(200, {**headers, "x-amz-request-id": request.id, "x-amz-id-2": host_id(request.id)})

    async def to_other_origin(self, request: Request, browsers: Browsers) -> dict[str, str]:
        """The headers of an answer of S3's, an error too, to a page of another origin."""
        if request.method == "OPTIONS":  # has them already
            return {}
        try:
            return await asyncio.to_thread(browsers.answer, self.rooms, request)
        except ServiceError:  # the state can't be read: the answer itself says so, or came before
            return {}

    async def read_body(self, request: Request) -> None:
        """All of the body; its hash is that of the bytes sent, before gzip is undone."""
        request.content = await request.incoming.read()
        request.content_sha256 = await _sha256(request.content)
        if request.headers.get("content-encoding", "").lower() == "gzip":
            request.content = request.incoming.decompress(request.content)

    def authenticate(self, request: Request, route: Route) -> tuple[Identity, str]:
        """Who signed the request, and for which region; operations that AWS takes unsigned are anybody's."""
        settings, service = self.rooms.settings, route.operation.service.metadata.scope_name
        if route.operation.model.authtype == "none" and "authorization" not in request.headers:
            return Identity(settings.account, "", "", ""), settings.region
        identity, scope = self.rooms.access.authenticate(signed_request(request))
        if scope.service and scope.service != service:
            raise incomplete_signature(service, f"Credential should be scoped to correct service: '{service}'.")
        if not REGION.fullmatch(scope.region or settings.region):
            raise incomplete_signature(service, "Credential should be scoped to a valid region.")
        return identity, scope.region or settings.region

    async def open_stream(self, request: Request, route: Route) -> StreamedBody | None:
        """S3's bodies: handed on as they arrive where the operation streams, else read whole and verified."""
        if not request.is_s3:
            return None
        stream = StreamedBody(
            request.incoming,
            lambda: self.rooms.access.chunk_signer(signed_request(request)),
            hashed=not route.codec.tells_checksums,
        )
        if route.codec.stream_member:
            return stream
        request.content = await stream.read(DOCUMENT_LIMIT)
        return None

    async def call(self, route: Route, call: Call, values: dict[str, Any]) -> Any:
        """Do the operation: on the loop if it waits or streams by itself, else in a thread."""
        function = route.operation.function
        assert function is not None
        if route.operation.is_async:
            return await function(call, values)
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, call, values)

    def failure(self, request: Request | None, error: ServiceError) -> Response:
        """The reply for an error, in the protocol of the request as far as it is known."""
        request_id = request.id if request else self.rooms.clock.uuid()
        if request is None:
            return encode_error(error, "rest-xml", None, request_id)
        model, protocol = (
            (request.route.operation.service.model, request.route.codec.protocol)
            if request.route
            else guess_service(self.registry, request)
        )
        return encode_error(error, protocol, model, request_id, request.raw_path.decode("latin-1"))

    def close(self) -> None:
        """Let running operations end and take no more."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _call(self, request: Request, route: Route, identity: Identity, region: str) -> Call:
        return Call(
            rooms=self.rooms,
            service=route.operation.service.name,
            operation=route.operation.name,
            account=identity.account,
            region=region,
            identity=identity,
            request_id=request.id,
            headers=request.headers,
            source_ip=request.source_ip,
            base_url=request.base_url,
        )

    def _request_id(self, request: Request) -> str:
        return self.rooms.clock.hex(16).upper() if request.is_s3 else self.rooms.clock.uuid()


def is_form(request: Request) -> bool:
    """Whether it is an upload to a bucket by a form, which signs its fields."""
    return (
        request.method == "POST"
        and request.media_type == "multipart/form-data"
        and not request.signed_for
        and "authorization" not in request.headers
        and request.raw_path.strip(b"/").count(b"/") == 0
    )


def signed_request(request: Request) -> SignedRequest:
    """What a signature covers."""
    return SignedRequest(
        request.method, request.raw_path, request.query_string, request.raw_headers, request.content_sha256
    )


async def _sha256(content: bytes) -> str:
    if len(content) <= HASHED_ON_THE_LOOP:
        return hashlib.sha256(content).hexdigest()
    return await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
