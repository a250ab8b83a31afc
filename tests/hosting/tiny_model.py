"""A worker for tests: keeps to the container contract, and misbehaves when the body asks for it."""

import os
import signal
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path


def model() -> Path:
    return Path(os.environ.get("CLARY_OPT_ML", "/opt/ml")) / "model"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        verb, _, rest = body.decode().partition(" ")
        match verb:
            case "crash":
                os._exit(3)
            case "sleep":
                time.sleep(float(rest))
                self.answer(200, b"slept")
            case "refuse":
                self.answer(int(rest), b"not with me")
            case "take":
                taken = bytearray(int(rest) << 20)
                self.answer(200, f"took {len(taken) >> 20}".encode())
            case "hang-up":
                self.close_connection = True
            case "headers":
                self.answer(200, str(sorted(self.headers.items())).encode())
            case "pid":
                self.answer(200, str(os.getpid()).encode() + b" " + Path("/proc/self/stat").read_bytes())
            case "big":
                self.answer(200, bytes(int(rest)))
            case "stream":
                self.stream(rest.split(","))
            case "environment":
                self.answer(200, os.environ.get(rest, "").encode())
            case "look":
                self.answer(200, str(sorted(path.name for path in Path(rest).iterdir())).encode())
            case "write":
                (model() / "x").touch()
            case _:
                path = model() / "name"
                name = path.read_text() if path.exists() else ""
                print("asked", body.decode(), flush=True)
                self.answer(200, f"{name}({body.decode()})".encode())

    def stream(self, parts):
        """Parts in chunks; `wait` lets 0.3 s go by, `break` ends the connection."""
        self.send_response(200)
        self.send_header("Content-Type", "text/x-parts")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in [*parts, ""]:
            if part == "wait":
                time.sleep(0.3)
                continue
            if part == "break":
                self.close_connection = True
                return
            self.wfile.write(f"{len(part):x}\r\n{part}\r\n".encode())

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", "text/x-tiny")
        self.send_header("Content-Length", str(len(body)))
        attributes = self.headers.get("X-Amzn-SageMaker-Custom-Attributes")
        if attributes:
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", attributes + " seen")
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "server"

    def log_message(self, *arguments):
        pass


def main(arguments: list[str]) -> int:
    kind, verb = arguments
    assert verb == "serve"
    print("starting", kind, flush=True)
    if kind == "broken":
        print("no usable model", file=sys.stderr)
        return 1
    if kind == "silent":
        signal.pause()
    if kind == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Server(os.environ["CLARY_SOCKET"], Handler).serve_forever()
    return 0


def run_plain(argument: dict) -> int:
    """A worker on a machine whose kernel refuses namespaces."""
    from clary.hosting import worker_process
    from clary.sandbox import process

    worker_process.namespaces_available = process.namespaces_available = lambda: False
    return worker_process.main(argument)
