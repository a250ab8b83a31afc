"""The container's HTTP server: its pages, limits, order of answers, and its end."""

import asyncio
import json
import os
import signal
import threading

import pytest

from clary.algorithms import serve
from clary.algorithms.inference import Answer, Refusal


class Echo:
    """Answers with the body; says which thread it ran on."""

    max_body = 200_000

    def __init__(self):
        self.threads = []
        self.release = threading.Event()
        self.release.set()

    def answer(self, body, content_type, accept):
        self.threads.append(threading.current_thread() is threading.main_thread())
        assert self.release.wait(10)
        if body == b"refuse":
            raise Refusal(415, "no such thing")
        if body == b"break":
            raise KeyError("secret of ours")
        return Answer(200, body, content_type or "text/plain")

    def execution_parameters(self):
        return {"MaxPayloadInMB": 6}


class Client:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, method, path, body=b"", headers=""):
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self.writer.write(head.encode() + body)

    async def receive(self):
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)).decode()
        headers = dict(line.lower().split(": ") for line in head.split("\r\n")[1:] if line)
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(head.split()[1]), headers, body

    async def ask(self, *request, **more):
        self.send(*request, **more)
        return await self.receive()


def talk(tmp_path, conversation, responder=None):
    """Run a server and a conversation with it; the server ends by SIGTERM."""
    responder = responder or Echo()

    async def run():
        socket = str(tmp_path / "socket")
        running = asyncio.create_task(serve.Server(responder).run(socket, 0))
        for _ in range(500):
            if os.path.exists(socket):  # noqa: PTH110
                break
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            return await conversation(Client(reader, writer))
        finally:
            writer.close()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(running, 10)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        (("GET", "/ping"), 200, b""),
        (("GET", "/ping?x=1"), 200, b""),
        (("GET", "/execution-parameters"), 200, json.dumps({"MaxPayloadInMB": 6}).encode()),
        (("POST", "/invocations", b"hello"), 200, b"hello"),
        (("POST", "/invocations", b"refuse"), 415, b"no such thing"),
        (("POST", "/invocations", b"break"), 500, b"Internal error (caused by KeyError)"),
        (("POST", "/invocations", bytes(200_001)), 413, b"The request body has more than 200000 bytes"),
        (("GET", "/invocations"), 405, b"Method Not Allowed"),
        (("POST", "/ping"), 405, b"Method Not Allowed"),
        (("GET", "/models"), 404, b"Not Found"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_page_and_each_mistake(tmp_path, request_, status, body):
    found, _, answer = talk(tmp_path, lambda client: client.ask(*request_))
    assert (found, answer) == (status, body)


def test_a_connection_serves_many_requests(tmp_path):
    async def conversation(client):
        return [(await client.ask("POST", "/invocations", str(number).encode()))[2] for number in range(5)]

    assert talk(tmp_path, conversation) == [b"0", b"1", b"2", b"3", b"4"]


def test_requests_sent_together_are_answered_in_order(tmp_path):
    responder = Echo()
    bodies = [b"a" * (100_000 if number % 2 else 10) + str(number).encode() for number in range(6)]

    async def conversation(client):
        for body in bodies:
            client.send("POST", "/invocations", body)
        return [(await client.receive())[2] for _ in bodies]

    assert talk(tmp_path, conversation, responder) == bodies
    assert sorted(responder.threads) == [False] * 3 + [True] * 3  # the large ones ran on a thread


def test_a_ping_is_answered_while_a_large_request_is_worked_on(tmp_path):
    responder = Echo()
    responder.release.clear()

    async def conversation(client):
        client.send("POST", "/invocations", bytes(100_000))
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))
        status, _, _ = await Client(reader, writer).ask("GET", "/ping")
        writer.close()
        responder.release.set()
        return status, len((await client.receive())[2])

    assert talk(tmp_path, conversation, responder) == (200, 100_000)


def test_the_client_may_ask_for_the_connections_end(tmp_path):
    async def conversation(client):
        _, headers, _ = await client.ask("GET", "/ping", headers="Connection: close\r\n")
        return headers["connection"], await client.reader.read()

    assert talk(tmp_path, conversation) == ("close", b"")


def test_a_body_in_chunks_is_one_body(tmp_path):
    async def conversation(client):
        client.writer.write(
            b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        return (await client.receive())[2]

    assert talk(tmp_path, conversation) == b"abcde"


def test_what_is_not_http_is_refused(tmp_path):
    async def conversation(client):
        client.writer.write(b"not http at all\r\n\r\n")
        status, _, _ = await client.receive()
        return status, await client.reader.read()

    assert talk(tmp_path, conversation) == (400, b"")


def test_a_model_that_cannot_be_loaded_ends_the_server(job, capsys):
    job.write("model/xgboost-model", b"\x80\x04 a pickle")
    assert serve.main("xgboost") == 1
    assert "Unable to load model: xgboost-model is a Python pickle" in capsys.readouterr().out
