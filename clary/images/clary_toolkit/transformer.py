"""One request's way through the script's functions, and errors as AWS's containers answer them."""

import inspect
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from http import HTTPStatus
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

from . import coding
from .handlers import Handler

_FUNCTIONS = ("input_fn", "predict_fn", "output_fn")
_PAGE = (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<title>500 Internal Server Error</title>\n'
    "<h1>Internal Server Error</h1>\n<p>The server encountered an internal error and was unable to complete your "
    "request.  Either the server is overloaded or there is an error in the application.</p>\n"
)


class Answer(NamedTuple):
    """A reply to a request."""

    status: int
    body: bytes
    content_type: str = "text/html"


class Transformer:
    """A loaded model and the functions around it. One request at a time: models needn't be safe for threads."""

    def __init__(self, handler: Handler, module: ModuleType | None, model_dir: str) -> None:
        self._handler = handler
        self._turn = threading.Lock()
        self._default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", coding.JSON)
        properties = {"model_dir": model_dir, "gpu_id": None}
        self._context = SimpleNamespace(system_properties=properties, manifest={})
        given = {name: getattr(module, name) for name in ("model_fn", *_FUNCTIONS) if hasattr(module, name)}
        self._transform_fn: Callable[..., Any] | None = getattr(module, "transform_fn", None)
        if self._transform_fn and given.keys() & set(_FUNCTIONS):
            raise ValueError(
                "Cannot use transform_fn implementation in conjunction with input_fn, predict_fn, and/or output_fn "
                "implementation"
            )
        self._functions = {name: given.get(name, getattr(handler, name)) for name in ("model_fn", *_FUNCTIONS)}
        self._parameters: Callable[[], dict[str, Any]] | None = getattr(module, "execution_parameters_fn", None)
        self._model = self._call(self._functions["model_fn"], model_dir)

    def execution_parameters(self) -> dict[str, Any]:
        """How a batch transform should ask: the script's own word, or the containers' default."""
        if self._parameters is not None:
            return self._parameters()
        return {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        """The answer to a request, errors included."""
        content_type = content_type or coding.JSON
        accept = self._default_accept if accept in ("", "*/*") else accept
        try:
            with self._turn:
                return _as_answer(self._transform(body, content_type, accept), accept)
        except Exception as problem:  # noqa: BLE001 - a script's failure is one request's
            traceback.print_exc()
            sys.stderr.flush()
            return self._word(problem)

    def _transform(self, body: bytes, content_type: str, accept: str) -> Any:
        data = body.decode() if content_type in coding.TEXT else body
        if self._transform_fn:
            return self._call(self._transform_fn, self._model, data, content_type, accept)
        try:
            features = self._call(self._functions["input_fn"], data, content_type)
        except coding.UnsupportedFormatError as problem:
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE) from problem
        prediction = self._call(self._functions["predict_fn"], features, self._model)
        try:
            return self._call(self._functions["output_fn"], prediction, accept)
        except coding.UnsupportedFormatError as problem:
            raise _Refused(HTTPStatus.NOT_ACCEPTABLE) from problem

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the script, with the context where it takes one more argument."""
        wanted = len(inspect.signature(function).parameters)
        return function(*arguments, self._context) if wanted == len(arguments) + 1 else function(*arguments)

    def _word(self, problem: Exception) -> Answer:
        """An error as the framework's container answers it."""
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        trace = traceback.format_exc()
        if isinstance(problem, _Refused):
            status, problem = problem.status, problem.__cause__  # type: ignore[assignment]
        if not self._handler.speaks_html:
            status = getattr(problem, "status_code", HTTPStatus.INTERNAL_SERVER_ERROR)
            return Answer(status, f"{getattr(problem, 'message', problem)}\n{trace}".encode(), "text/plain")
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return Answer(status, _PAGE.encode())
        words = {"error": type(problem).__name__, "error-message": str(problem), "stack-trace": trace}
        return Answer(status, json.dumps(words).encode())


class _Refused(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


def _as_answer(result: Any, accept: str) -> Answer:
    """What output_fn or transform_fn returned: a body, or a body and its content type."""
    body, content_type = result if isinstance(result, tuple) else (result, accept)
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes | bytearray):
        raise TypeError(f"output_fn or transform_fn returned {type(body).__name__}; it must be str or bytes")
    return Answer(HTTPStatus.OK, bytes(body), content_type)
