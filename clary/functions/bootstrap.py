"""Runs inside a function's sandbox, alone: takes events from a socket, calls the handler, sends back what it returns.

Each message is a head of two lengths, a JSON object, and bytes. Nothing of Clary is imported here.
"""

import decimal
import importlib
import json
import logging
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

HEAD = struct.Struct(">II")
"""What goes before a message: how long its description is, and its content."""
_MOST_BYTES = 6 * 1024 * 1024 + 100
_THREAD_STACK = 1 << 20  # ten threads of boto3 are to fit into the smallest function's memory
_DATE = "%Y-%m-%dT%H:%M:%SZ"
_OF_RECORDS = {*vars(logging.makeLogRecord({})), "aws_request_id", "asctime"}
_INDENT = "\N{NO-BREAK SPACE}"


class Fault(Exception):
    """The runtime's own failure, with the type that AWS gives it."""

    def __init__(self, kind: str, message: str, trace: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.kind, self.trace = kind, list(trace)


class Namespace(types.SimpleNamespace):
    """A part of the context whose missing members are None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)
        return


class Context:
    """What a handler is given beside the event."""

    def __init__(self, head: dict[str, Any]) -> None:
        environment = os.environ
        self.aws_request_id = head["id"]
        self.invoked_function_arn = head["arn"]
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.tenant_id = None
        self.identity = Namespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = _client_context(head["client_context"])
        self._deadline = time.time() + head["seconds"]

    def get_remaining_time_in_millis(self) -> int:
        """How long until the handler is stopped."""
        return max(0, int((self._deadline - time.time()) * 1000))

    def log(self, message: object) -> None:
        """Print without a line's end."""
        sys.stdout.write(str(message))


class JsonFormatter(logging.Formatter):
    """A record as JSON, with what `extra` has added to it."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        problem = record.exc_info
        kind, error, trace = problem if problem else (None, None, None)
        told = {
            "timestamp": time.strftime(_DATE, time.gmtime(record.created)),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(trace) if problem else None,
            "errorType": kind.__name__ if kind else None,
            "errorMessage": str(error) if problem else None,
            "requestId": LogHandler.request_id,
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if problem else None,
        }
        extra = {name: value for name, value in vars(record).items() if name not in _OF_RECORDS and name not in told}
        return json.dumps({name: value for name, value in (told | extra).items() if value is not None}, default=str)


class LogHandler(logging.Handler):
    """Prints records; the lines of one stay one event."""

    request_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        record.aws_request_id = LogHandler.request_id
        _print_event(self.format(record))


def main(path: str, task_root: str, layers: str, memory: str) -> None:
    """Serve until the socket closes."""
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))  # for good: it can't be raised again
    sys.path[:] = [
        task_root,
        *sorted(map(str, Path(layers).glob("python/lib/python3.*/site-packages"))),  # whichever the function asks for
        f"{layers}/python",
        *sys.path[1:],  # without this file's folder
    ]
    os.chdir(task_root)
    threading.stack_size(_THREAD_STACK)
    for name in ("stdout", "stderr"):
        getattr(sys, name).reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    _set_up_logging()
    try:
        handler = find_handler(os.environ["_HANDLER"])
    except MemoryError:
        _be_killed()
    except Exception as problem:  # noqa: BLE001 - the user's code
        error = describe(problem, "")
        _log_error(error)
        _send(connection, "failed", json.dumps(error).encode())
        sys.exit(1)
    _send(connection, "ready", b"")
    own = os.getpid()
    while message := _receive(connection):
        answer = _perform(handler, *message)
        if os.getpid() != own:  # a fork that the handler has made and that has returned from it, too
            os._exit(0)
        _send(connection, *answer)


def find_handler(text: str) -> Callable[[Any, Context], Any]:
    """The function that `module.name` names."""
    module_name, dot, name = text.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{text}': not enough values to unpack")
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as problem:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {problem}") from None
    except SyntaxError as problem:
        trace = [f'  File "{problem.filename}" Line {problem.lineno}\n    {problem.text}']
        message = f"Syntax error in module '{module_name}': {problem}"
        raise Fault("Runtime.UserCodeSyntaxError", message, trace) from None
    if not hasattr(module, name):
        raise Fault("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'")
    found: Callable[[Any, Context], Any] = getattr(module, name)
    return found


def describe(problem: Exception, request_id: str) -> dict[str, Any]:
    """An error as AWS's runtime tells it."""
    if isinstance(problem, Fault):
        kind, trace = problem.kind, problem.trace
    else:
        frames = traceback.extract_tb(problem.__traceback__)
        own = [number for number, frame in enumerate(frames) if frame.filename == __file__]
        kind, trace = type(problem).__name__, traceback.format_list(frames[own[-1] + 1 if own else 0 :])
    return {"errorMessage": str(problem), "errorType": kind, "requestId": request_id, "stackTrace": trace}


def _perform(handler: Callable[[Any, Context], Any], head: dict[str, Any], payload: bytes) -> tuple[str, bytes]:
    """Kind and bytes of what comes of an event."""
    LogHandler.request_id = head["id"]
    try:
        try:
            event = json.loads(payload)
        except (ValueError, RecursionError) as problem:
            raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {problem}") from None
        answer = _encode(handler(event, Context(head)))
        kind = "answer"
    except MemoryError:
        _be_killed()
    except Exception as problem:  # noqa: BLE001 - the user's code
        error = describe(problem, head["id"])
        _log_error(error)
        answer, kind = json.dumps(error).encode(), "error"
    if len(answer) > _MOST_BYTES:
        message = f"Response payload size exceeded maximum allowed payload size ({_MOST_BYTES} bytes)."
        error = {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}
        answer, kind = json.dumps(error).encode(), "error"
    return kind, answer


def _encode(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    plain = os.environ.get("AWS_EXECUTION_ENV", "").rpartition(".")[2] in ("8", "9", "10", "11")
    try:
        return json.dumps(value, ensure_ascii=plain, default=_encode_decimal).encode("utf-8", "surrogatepass")
    except Exception as problem:  # noqa: BLE001 - methods of the user's objects
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {problem}") from None


def _encode_decimal(value: Any) -> float:
    if isinstance(value, decimal.Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _client_context(text: str) -> Namespace | None:
    if not text:
        return None
    found = Namespace(**json.loads(text))
    found.client = Namespace(**found.client) if found.client is not None else None
    return found


def _set_up_logging() -> None:
    logging.Formatter.converter = time.gmtime
    handler = LogHandler()
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "")
    if level:
        logging.getLogger().setLevel({"TRACE": "DEBUG"}.get(level, level))
    if _writes_json():
        handler.setFormatter(JsonFormatter())
        logging.getLogger().addHandler(handler)
        return
    form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    handler.setFormatter(logging.Formatter(form, "%Y-%m-%dT%H:%M:%S"))
    logging.getLogger().addHandler(handler)


def _writes_json() -> bool:
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"


def _log_error(error: dict[str, Any]) -> None:
    if _writes_json():
        now = time.strftime(_DATE, time.gmtime())
        _print_event(json.dumps({"timestamp": now, "log_level": "ERROR", **error}))
        return
    lines = [f"[ERROR] {error['errorType']}: {error['errorMessage']}", "Traceback (most recent call last):"]
    for entry in error["stackTrace"]:
        for line in entry.splitlines():
            bare = line.lstrip(" ")
            lines.append(_INDENT * (len(line) - len(bare)) + bare)
    _print_event("\n".join(lines))


def _print_event(text: str) -> None:
    """One event of the log, whatever lines it has: the server makes line ends of these again."""
    sys.stdout.write(text.replace("\n", "\r") + "\n")
    sys.stdout.flush()


def _be_killed() -> NoReturn:
    """End as AWS ends what has used up its memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit


def _send(connection: socket.socket, kind: str, content: bytes) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    head = json.dumps({"kind": kind, "peak_kib": _peak_kib()}).encode()
    connection.sendall(HEAD.pack(len(head), len(content)) + head + content)


def _peak_kib() -> int:
    """The most memory that was in use; not getrusage's, which begins with the process that started this one."""
    try:
        with open("/proc/self/status", "rb") as file:  # noqa: PTH123 - hot
            return int(file.read().partition(b"VmHWM:")[2].split(maxsplit=1)[0])
    except OSError:  # macOS
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _receive(connection: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """The next message, None at the end."""
    head = _read(connection, HEAD.size)
    if not head:
        return None
    lengths = HEAD.unpack(head)
    return json.loads(_read(connection, lengths[0])), _read(connection, lengths[1])


def _read(connection: socket.socket, length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        piece = connection.recv(min(length - len(content), 1 << 20))
        if not piece:
            return b""
        content += piece
    return bytes(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
