"""A server of the echoing operations, boto3 clients of it, and bare sockets to it."""

import socket
import threading
from types import SimpleNamespace

import boto3
import echo
import pytest
import uvicorn
from botocore.config import Config
from echo_app import make_app


@pytest.fixture(scope="session")
def port():
    """The port of a running server."""
    config = uvicorn.Config(make_app(max_request_mib=1), port=0, log_level="warning", loop="uvloop", http="httptools")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.fixture
def kept():
    """What the operations were asked last, and a place to tell them what to answer."""
    echo.KEPT.clear()
    return echo.KEPT


@pytest.fixture
def client(port):
    """Unmodified boto3 clients."""

    def make(service, secret="test", **config):
        return boto3.session.Session().client(
            service,
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 0}, **config),
        )

    return make


class Wire:
    """A bare connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")

    def send(self, *pieces):
        for piece in pieces:
            self.socket.sendall(piece if isinstance(piece, bytes) else piece.encode())

    def reply(self):
        """The next reply: status, headers by lower-case name, body."""
        line = self.file.readline().decode()
        if not line:
            return SimpleNamespace(status=0, headers={}, body=b"")
        headers = {}
        while header := self.file.readline().decode().strip():
            name, _, value = header.partition(": ")
            headers[name.lower()] = value
        status = int(line.split()[1])
        body = self.file.read(int(headers.get("content-length", 0))) if status >= 200 else b""
        return SimpleNamespace(status=status, headers=headers, body=body)

    def closed(self):
        """Whether the server has closed the connection; waits for it."""
        return self.file.read(1) == b""

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def wire(port):
    connection = Wire(port)
    yield connection
    connection.close()
