"""`python -m clary.algorithms NAME serve`: the container's HTTP server, GET /ping and POST /invocations.

One process, one event loop: httptools parses, a prediction on a small body runs right there, since handing it to a
thread would cost more than it takes. Larger bodies go to a thread, so that /ping and others are answered meanwhile.
With SAGEMAKER_MULTI_MODEL=true it starts without a model and is told which to load (`serve_models`).
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import httptools

from clary import algorithms
from clary.algorithms import log_lines
from clary.algorithms.inference import Answer, Refusal
from clary.algorithms.opt_ml import OptMl
from clary.errors import AlgorithmError

if TYPE_CHECKING:
    from clary.algorithms.inference import Responder

INLINE_BYTES = 64 * 1024
"""Bodies up to this size are answered on the event loop."""

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
PONG = Answer(200, b"")


def main(name: str) -> int:
    """Serve the model in /opt/ml/model until SIGTERM; the exit status, 1 where there is no usable model."""
    log_lines.configure(algorithms.load(name).log_form)
    log = log_lines.log_of("serve")
    if os.environ.get("SAGEMAKER_MULTI_MODEL") == "true":
        server = _model_server(name)
    else:
        try:
            server = Server(load_responder(name, OptMl.from_environment().model))
        except AlgorithmError as error:
            log.error("Unable to load model: %s", error)
            return 1
        log.info("Model loaded successfully for worker : %d", os.getpid())
    gc.collect()
    gc.freeze()
    _run(server)
    return 0


def load_responder(name: str, folder: Path) -> Responder:
    """What answers with the model in a folder; raises AlgorithmError where it is not usable."""
    algorithm = algorithms.load(name)
    model = algorithms.estimator(name).load(folder)
    module, _, class_name = algorithm.responder.partition(":")
    responder: Responder = getattr(import_module(module), class_name)(algorithm, model, os.environ)
    return responder


def _model_server(name: str) -> Listener:
    from clary.algorithms.serve_models import ModelServer

    algorithms.estimator(name)  # imported before the first model asks for it
    return ModelServer(lambda folder: load_responder(name, folder), os.environ)


class Listener:
    """Answers requests of all connections; what they are answered with, its subclasses know."""

    def __init__(self, max_body: int) -> None:
        self.max_body = max_body
        self.threads = ThreadPoolExecutor(1, "predict")
        self.log = log_lines.log_of("serve")

    async def run(self, socket: str, port: int) -> None:
        """Listen on a Unix socket, or on a TCP port where there is none, until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        for ending in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(ending, ended.set)
        if socket:
            Path(socket).unlink(missing_ok=True)
            server = await loop.create_unix_server(lambda: Connection(self), socket)
        else:
            # The container contract: SageMaker reaches the container from outside.
            server = await loop.create_server(lambda: Connection(self), "0.0.0.0", port)  # noqa: S104
        await ended.wait()
        server.close()
        self.threads.shutdown()

    def answer(self, request: Request) -> Answer:
        """The answer to any request."""
        raise NotImplementedError

    def is_quick(self, request: Request) -> bool:
        """Whether the answer is made on the event loop."""
        return len(request.body) <= INLINE_BYTES

    def predict(self, responder: Responder, request: Request) -> Answer:
        """A responder's answer to an invocation, or why there is none."""
        if request.size > self.max_body:
            return Answer(413, f"The request body has more than {self.max_body} bytes".encode())
        try:
            return responder.answer(request.body, request.content_type, request.accept)
        except Refusal as refusal:
            self.log.error("%d: %s", refusal.answer.status, refusal)
            return refusal.answer
        except Exception as error:
            self.log.exception("Internal error")
            return Answer(500, f"Internal error (caused by {type(error).__name__})".encode())


class Server(Listener):
    """Answers with one model."""

    def __init__(self, responder: Responder) -> None:
        super().__init__(responder.max_body)
        self.responder = responder

    def answer(self, request: Request) -> Answer:
        """The answer to any request."""
        match request.method, request.path:
            case b"POST", b"/invocations":
                return self.predict(self.responder, request)
            case b"GET", b"/ping":
                return PONG
            case b"GET", b"/execution-parameters":
                return Answer(200, json.dumps(self.responder.execution_parameters()).encode(), "application/json")
            case _, b"/invocations" | b"/ping" | b"/execution-parameters":
                return Answer(405, b"Method Not Allowed")
        return Answer(404, b"Not Found")


class Request(NamedTuple):
    """One parsed HTTP request."""

    method: bytes
    path: bytes
    content_type: str
    accept: str
    body: bytes
    size: int
    """Bytes of the body as sent; `body` is cut off beyond the limit."""
    keep_alive: bool


class Connection(asyncio.Protocol):
    """One connection: parses requests, answers them in order."""

    def __init__(self, server: Listener) -> None:
        self.server = server
        self.parser = httptools.HttpRequestParser(self)
        self.waiting: deque[Request] = deque()
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a client is there."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came in."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._write(Answer(400, b"Bad Request"), keep_alive=False)

    def on_message_begin(self) -> None:
        """httptools: a request starts."""
        self.url = b""
        self.content_type = self.accept = ""
        self.parts: list[bytes] = []
        self.size = 0

    def on_url(self, url: bytes) -> None:
        """httptools: a piece of the URL."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header."""
        match name.lower():
            case b"content-type":
                self.content_type = value.decode("latin-1")
            case b"accept":
                self.accept = value.decode("latin-1")
            case b"expect":
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        """httptools: a piece of the body; beyond the limit nothing is kept."""
        self.size += len(part)
        if self.size <= self.server.max_body:
            self.parts.append(part)

    def on_message_complete(self) -> None:
        """httptools: a request is whole."""
        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        path = self.url.partition(b"?")[0]
        method, keep_alive = self.parser.get_method(), self.parser.should_keep_alive()
        request = Request(method, path, self.content_type, self.accept, body, self.size, keep_alive)
        if self.busy:
            self.waiting.append(request)
        else:
            self._serve(request)

    def _serve(self, request: Request) -> None:
        if self.server.is_quick(request):
            self._write(self.server.answer(request), request.keep_alive)
            return
        self.busy = True
        self.transport.pause_reading()
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self.server.threads, self.server.answer, request)
        done.add_done_callback(lambda future: self._finish(future.result(), request.keep_alive))

    def _finish(self, answer: Answer, keep_alive: bool) -> None:
        self.busy = False
        self._write(answer, keep_alive)
        while self.waiting and not self.busy:
            self._serve(self.waiting.popleft())
        if not self.busy and not self.transport.is_closing():
            self.transport.resume_reading()

    def _write(self, answer: Answer, keep_alive: bool) -> None:
        status, body, content_type = answer
        ending = b"\r\n" if keep_alive else b"Connection: close\r\n\r\n"
        head = b""
        if status != HTTPStatus.NO_CONTENT:
            head = f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n".encode("latin-1")
        self.transport.write(STATUS_LINES[status] + head + ending + body)
        if not keep_alive:
            self.transport.close()


def _run(server: Listener) -> None:
    socket, port = os.environ.get("CLARY_SOCKET", ""), int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)
    try:
        from uvloop import new_event_loop
    except ImportError:  # uvloop has no wheel for every platform
        new_event_loop = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(server.run(socket, port))
