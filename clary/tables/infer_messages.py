"""What the server and the process that looks at files say to each other: messages, each after its length."""

import socket
import struct

import msgspec

from clary.tables.classify_file import Classifier
from clary.tables.infer_schema import Schema

SOCKET = "files.sock"
_LENGTH = struct.Struct(">I")


class Setup(msgspec.Struct, tag=True):
    """Server, once: the custom classifiers."""

    classifiers: list[Classifier]


class Look(msgspec.Struct, tag=True):
    """Server: look at a file."""

    name: str
    size: int


class Read(msgspec.Struct, tag=True):
    """Process: give me bytes of it."""

    start: int
    length: int


class Bytes(msgspec.Struct, tag=True):
    """Server: there they are."""

    content: bytes


class Found(msgspec.Struct, tag=True):
    """Process: what the file is; or, in `problem`, why that can't be told."""

    schema: Schema
    problem: str = ""


Message = Setup | Look | Read | Bytes | Found
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def send(connection: socket.socket, message: Message) -> None:
    """Send one message."""
    body = msgspec.msgpack.encode(message)
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive(connection: socket.socket, most: int) -> Message:
    """The next message, of at most so many bytes; EOFError where there is none, ValueError where it is none."""
    (length,) = _LENGTH.unpack(_take(connection, _LENGTH.size))
    if length > most:
        raise ValueError(f"a message of {length} bytes")
    return _decoder.decode(_take(connection, length))


def _take(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = connection.recv(min(count - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
