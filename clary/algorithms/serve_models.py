"""A multi-model container: models come and go by POST /models and DELETE /models/NAME, and answer beside each other.

SageMaker's contract of such containers: it tells which model to load and from which folder. A model that does not fit
into memory is refused with 507, and SageMaker unloads others and asks again. How much there is to use stands in
CLARY_MODEL_MEMORY_BYTES; without it the process takes what it gets.
"""

from __future__ import annotations

import ctypes
import gc
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from clary.algorithms.inference import Answer, max_body
from clary.algorithms.opt_ml import OptMl
from clary.algorithms.serve import PONG, Listener
from clary.errors import AlgorithmError

if TYPE_CHECKING:
    from clary.algorithms.inference import Responder
    from clary.algorithms.serve import Request

LIMIT = "CLARY_MODEL_MEMORY_BYTES"
JSON = "application/json"
_MAPPED = "/opt/ml"

Load = Callable[[Path], "Responder"]


class Loaded(NamedTuple):
    """A model in memory."""

    url: str
    size: int
    responder: Responder


class ModelServer(Listener):
    """Answers with the models it was told to load."""

    def __init__(self, load: Load, environment: Mapping[str, str]) -> None:
        super().__init__(max_body(environment))
        self._load = load
        self._limit = int(environment.get(LIMIT) or 0)
        self._models: dict[str, Loaded] = {}

    def is_quick(self, request: Request) -> bool:
        """Small predictions are; loading and unloading hold up nobody's."""
        return super().is_quick(request) and (request.method == b"GET" or request.path.endswith(b"/invoke"))

    def answer(self, request: Request) -> Answer:
        """The answer to any request."""
        parts = request.path.decode("latin-1").strip("/").split("/", 2)
        match request.method, parts:
            case b"GET", ["ping"]:
                return PONG
            case b"GET", ["models"]:
                return _json({"models": [_describe(name, model) for name, model in list(self._models.items())]})
            case b"POST", ["models"]:
                return self._take(request.body)
            case _, ["models", name, *rest]:
                return self._answer_of(unquote(name), request, "".join(rest))
        return Answer(404, b"Not Found")

    def _answer_of(self, name: str, request: Request, rest: str) -> Answer:
        """What is asked of one model."""
        model = self._models.get(name)
        if model is None:
            return Answer(404, f"Model {name} is not loaded".encode())
        match request.method, rest:
            case b"POST", "invoke":
                return self.predict(model.responder, request)
            case b"GET", "":
                return _json(_describe(name, model))
            case b"DELETE", "":
                del self._models[name], model
                give_back_memory()
                self.log.info("Model %s unloaded, %d loaded", name, len(self._models))
                return Answer(200, b"")
        return Answer(405, b"Method Not Allowed")

    def _take(self, body: bytes) -> Answer:
        """Load a model."""
        try:
            wanted = json.loads(body)
            name, url = str(wanted["model_name"]), str(wanted["url"])
        except (ValueError, KeyError, TypeError):
            return Answer(400, b"The body must be a JSON object with model_name and url")
        if name in self._models:
            return Answer(409, f"Model {name} is loaded already".encode())
        folder = _folder(url)
        size = _size(folder)
        if not self._has_room(size):
            return _no_room(name)
        try:
            loaded = Loaded(url, size, self._load(folder))
        except AlgorithmError as error:
            self.log.error("Unable to load model %s: %s", name, error)
            return Answer(500, f"Unable to load model: {error}".encode())
        except MemoryError:
            give_back_memory()
            return _no_room(name)
        if not self._has_room(0):
            del loaded
            give_back_memory()
            return _no_room(name)
        self._models[name] = loaded
        self.log.info("Model %s loaded, %d loaded", name, len(self._models))
        return _json(_describe(name, loaded))

    def _has_room(self, size: int) -> bool:
        used = memory_in_use() or sum(model.size for model in list(self._models.values()))
        return not self._limit or used + size <= self._limit


def memory_in_use() -> int:
    """Bytes of this process's own memory; 0 where the system doesn't tell."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def give_back_memory() -> None:
    """Return to the system what is free: the allocator would keep it for later."""
    gc.collect()
    with suppress(AttributeError):  # macOS, musl
        ctypes.CDLL(None).malloc_trim(0)


def _folder(url: str) -> Path:
    """Where the folder of a URL lies for this process."""
    inside = Path(url)
    return OptMl.from_environment().root / inside.relative_to(_MAPPED) if inside.is_relative_to(_MAPPED) else inside


def _size(folder: Path) -> int:
    """What a model takes in memory at least: the bytes of its files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _describe(name: str, model: Loaded) -> dict[str, str]:
    return {"modelName": name, "modelUrl": model.url}


def _json(value: dict[str, Any]) -> Answer:
    return Answer(200, json.dumps(value).encode(), JSON)


def _no_room(name: str) -> Answer:
    return Answer(507, f"Not enough memory to load model {name}".encode())
