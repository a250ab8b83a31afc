"""A multi-model container for tests: the real server, models that are names, and room for as many as MOST says."""

import os
import time
import weakref
from pathlib import Path

from clary.algorithms import serve, serve_models
from clary.algorithms.inference import Answer
from clary.errors import AlgorithmError

loaded: weakref.WeakSet = weakref.WeakSet()


class Model:
    def __init__(self, folder: Path) -> None:
        path = folder / "name"
        if not path.exists():
            raise AlgorithmError("there is no name in it")
        self.name = path.read_text()
        if self.name.startswith("slow"):
            time.sleep(0.5)
        loaded.add(self)
        print("loaded", self.name, flush=True)

    def __del__(self) -> None:
        print("gone", getattr(self, "name", "?"), flush=True)

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        verb, _, rest = body.decode().partition(" ")
        if verb == "crash":
            os._exit(3)
        if verb == "sleep":
            time.sleep(float(rest))
        return Answer(200, f"{self.name}({body.decode()})".encode())


def main(arguments: list[str]) -> int:
    assert arguments[1] == "serve" and os.environ["SAGEMAKER_MULTI_MODEL"] == "true"
    serve_models.memory_in_use = lambda: len(loaded)
    serve_models._size = lambda folder: 1
    most = os.environ.get("MOST", "100")
    server = serve_models.ModelServer(Model, {serve_models.LIMIT: most})
    server.is_quick = lambda request: request.path == b"/ping"
    if most == "0":
        server._limit = -1
    serve._run(server)
    return 0
