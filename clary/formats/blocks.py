"""Reading files and pipes in blocks: a pipe gives what it has, a block is full or the last."""

from collections.abc import Iterator
from typing import BinaryIO

from clary.errors import ClientError

LONGEST_LINE = 64 << 20


def read_block(stream: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes, fewer only at the end of the stream: a pipe's short reads are put together."""
    first = stream.read(size)
    if len(first) == size or not first:
        return first
    parts, missing = [first], size - len(first)
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def read_lines(stream: BinaryIO, name: str, size: int) -> Iterator[bytes]:
    """Blocks of about `size` bytes that end with a line's end; the last line may lack it.

    Memory stays bounded: a line of more than 64 MiB is refused, so that a binary file under a text type can't fill it.
    """
    rest = b""
    while block := read_block(stream, size):
        cut = block.rfind(b"\n") + 1
        if cut:
            yield rest + block[:cut]
            rest = block[cut:]
        else:
            rest += block
            if len(rest) > LONGEST_LINE:
                raise ClientError(f"{name}: a line is longer than {LONGEST_LINE >> 20} MiB; is this a text file?")
    if rest:
        yield rest
