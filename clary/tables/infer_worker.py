"""The process that looks at files, inside its sandbox: what a file of somebody's makes of a parser ends here."""

import io
import socket
import zlib
from typing import Any

from clary.errors import ClientError
from clary.tables.classify_file import Prepared, classify
from clary.tables.infer_messages import Bytes, Found, Look, Read, Setup, receive, send
from clary.tables.infer_schema import UNRECOGNISED, Schema

_MOST = 64 << 20
_BUFFER = 64 << 10  # most files come in one piece, and fastavro reads a byte at a time
_LIES = (ValueError, OSError, EOFError, LookupError, TypeError, ArithmeticError, MemoryError, RuntimeError, zlib.error)
"""How pyarrow and fastavro say that a file isn't what it claims to be; what else they raise ends the process."""


class RemoteFile(io.RawIOBase):
    """A file whose bytes the server hands over as they are read."""

    def __init__(self, connection: socket.socket, size: int) -> None:
        self._connection = connection
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Up to so many bytes, all there are for a negative number; a reader that wants too much at once is refused."""
        rest = max(self._size - self._at, 0)
        count = rest if size is None or size < 0 else min(size, rest)
        if count > _MOST:
            raise OSError(f"a read of {count} bytes: the file lies about its parts")
        if not count:
            return b""
        send(self._connection, Read(self._at, count))
        answer = receive(self._connection, _MOST + 1024)
        assert isinstance(answer, Bytes)
        self._at += len(answer.content)
        return answer.content

    def readinto(self, buffer: Any) -> int:
        """The same, into a buffer."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def main(arguments: list[str]) -> int:
    """Look at one file after the other until the server hangs up."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(arguments[0])
        setup = receive(connection, _MOST)
        assert isinstance(setup, Setup)
        classifiers = [classifier.prepare() for classifier in setup.classifiers]
        while True:
            try:
                task = receive(connection, _MOST)
            except EOFError:
                return 0
            assert isinstance(task, Look)
            send(connection, _look(connection, task, classifiers))


def _look(connection: socket.socket, task: Look, classifiers: list[Prepared]) -> Found:
    try:
        file = io.BufferedReader(RemoteFile(connection, task.size), _BUFFER)
        return Found(classify(file, task.name, task.size, classifiers))
    except ClientError as problem:
        return Found(Schema(UNRECOGNISED, []), str(problem))
    except _LIES as problem:
        return Found(Schema(UNRECOGNISED, []), f"{type(problem).__name__}: {problem}"[:500])
