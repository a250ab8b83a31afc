"""Serve: load the model by the script's functions, then answer /ping and /invocations."""

import importlib
import json
import os
import signal
import socketserver
import sys
import tempfile
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType

from . import source
from .errors import ClientError
from .handlers import handler_of
from .settings import OPT_ML
from .transformer import Answer, Transformer

DEFAULT_PROGRAM = "inference.py"


def main(framework: str) -> int:
    """The exit status, when SIGTERM has ended it: 1 where the model could not be loaded."""
    try:
        model = OPT_ML / "model"
        transformer = Transformer(handler_of(framework), bring_script(model), str(model))
    except ClientError as problem:
        print(problem, file=sys.stderr)
        return 1
    server = listen(transformer)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"The model is loaded and served by process {os.getpid()}", flush=True)
    server.serve_forever()
    return 0


def bring_script(model: Path) -> ModuleType | None:
    """Import the script that SAGEMAKER_PROGRAM names, from the model's code folder or SAGEMAKER_SUBMIT_DIRECTORY."""
    program = os.environ.get("SAGEMAKER_PROGRAM", "")
    location = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    code = model / "code"
    if location and Path(location) != code:
        code = Path(tempfile.gettempdir(), "code")
        source.bring(location, OPT_ML / source.STAGED, code)
    program = program or DEFAULT_PROGRAM
    if code.is_dir():
        source.install(code, program)
        importlib.invalidate_caches()
    sys.path.insert(0, str(code))
    name = program.removesuffix(".py").replace("/", ".")
    if (code / program).exists() or (code / name.replace(".", "/")).is_dir():
        return importlib.import_module(name)
    if os.environ.get("SAGEMAKER_PROGRAM"):
        raise ClientError(f"No script {program} in {code}: SAGEMAKER_PROGRAM names it")
    return None


class _OnSocket(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


class _OnPort(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True


def listen(transformer: Transformer) -> socketserver.BaseServer:
    """A server on the socket that the host looks at, or on SageMaker's port."""

    class Bound(_Handler):
        model = transformer

    path = os.environ.get("CLARY_SOCKET", "")
    if path:
        Path(path).unlink(missing_ok=True)
        return _OnSocket(path, Bound)
    # The container contract: SageMaker reaches the container from outside.
    return _OnPort(("0.0.0.0", int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)), Bound)  # noqa: S104


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: Transformer

    def do_GET(self) -> None:
        """Health, and how a batch transform should ask."""
        if self.path == "/ping":
            self._reply(Answer(HTTPStatus.OK, b"\n", "application/json"))
        elif self.path == "/execution-parameters":
            parameters = json.dumps(self.model.execution_parameters()).encode()
            self._reply(Answer(HTTPStatus.OK, parameters, "application/json"))
        else:
            self._reply(Answer(HTTPStatus.NOT_FOUND, b"Not Found"))

    def do_POST(self) -> None:
        """A prediction."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.partition("?")[0] != "/invocations":
            return self._reply(Answer(HTTPStatus.NOT_FOUND, b"Not Found"))
        kind, accept = self.headers.get("Content-Type", ""), self.headers.get("Accept", "")
        return self._reply(self.model.answer(body, kind, accept))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server calls it
        """Keep the endpoint's log for what the script prints."""

    def _reply(self, answer: Answer) -> None:
        head = f"HTTP/1.1 {int(answer.status)} {HTTPStatus(answer.status).phrase}\r\n"
        head += f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
        self.wfile.write(head.encode("latin-1") + answer.body)
