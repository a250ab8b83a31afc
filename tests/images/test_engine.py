"""The client of the Docker API against a fake engine: its answers have the shapes of Podman 4.3's.

What real containers do is in test_engine_jobs.py.
"""

import threading
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer

import pytest

from clary.images import engine as engines
from clary.images import engine_image
from clary.images.engine import Engine, EngineError
from clary.images.engine_relay import Relay
from clary.images.image import BuildError

MISSING = b'{"cause":"no such image","message":"no such image: localhost/other:1: image not known","response":404}'
ANSWERS = {
    "/_ping": (200, b"OK"),
    "/version": (200, b'{"Components":[{"Name":"Podman Engine","Version":"4.3.1"},{"Name":"OCI Runtime (runc)"}]}'),
    "/info": (200, b'{"OperatingSystem":"debian","SecurityOptions":["name=seccomp,profile=default","name=rootless"]}'),
    "/images/localhost/here%3A1/json": (200, b'{"Id":"sha256:5c51945893db"}'),
    "/images/localhost/other%3A1/json": (404, MISSING),
    "/images/create": (200, b'{"status":"Trying to pull"}\n{"error":"pinging container registry: refused"}\n'),
    "/containers/one/logs": (200, b"\1\0\0\0\0\0\0\3hi\n\2\0\0\0\0\0\0\4err\n"),
    "/containers/one/wait": (200, b'{"StatusCode":3,"Error":null}'),
    "/containers/one/start": (204, b""),
}


class Fake(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0].removeprefix("/v1.41")
        status, body = ANSWERS.get(path, (500, b"not JSON"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        pass

    def address_string(self):
        return ""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    path = str(tmp_path / "engine.sock")
    with ThreadingUnixStreamServer(path, Fake) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield Engine(path)
        server.shutdown()
        thread.join()


def test_the_engine_that_docker_host_names_is_found(engine, monkeypatch, tmp_path):
    assert engines.find().path == engine.path
    for other in ("tcp://127.0.0.1:2375", f"unix://{tmp_path}", "unix:///nowhere"):
        monkeypatch.setenv("DOCKER_HOST", other)
        assert engines.find() is None


def test_what_kind_of_engine_it_is(engine):
    assert engine.is_podman()
    assert engine.is_rootless()
    assert engine.hides_addresses()


def test_a_log_is_its_pieces_of_both_streams(engine):
    engine.start("one")
    assert list(engine.log("one")) == [b"hi\n", b"err\n"]
    assert engine.wait("one") == 3


def test_an_engine_that_refuses_or_is_gone_is_worded(engine):
    with pytest.raises(EngineError, match="not JSON"):
        engine.inspect("other")
    with pytest.raises(EngineError, match="doesn't answer"):
        Engine("/nowhere").inspect("one")


def test_an_image_is_pulled_where_it_is_not_there(engine):
    told = []
    engine_image.find("localhost/here:1").prepare(told.append, lambda: None)
    assert told == []
    with pytest.raises(BuildError, match="other:1 can't be pulled: pinging container registry: refused"):
        engine_image.find("localhost/other:1").prepare(told.append, lambda: None)
    assert told == ["Pulling the image localhost/other:1."]


def test_what_a_followed_log_lacks_is_printed_from_the_whole_one(capfd):
    relay = Relay.__new__(Relay)
    assert relay._print([b"one\n", b"two\n"]) == 8
    assert relay._print([b"one\ntw", b"o\nthree\n"], after=8) == 14
    assert capfd.readouterr().out == "one\ntwo\nthree\n"
