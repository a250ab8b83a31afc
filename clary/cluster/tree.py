"""A folder as a stream of bytes and back."""

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO


def pack(folder: Path, target: IO[bytes], *, without: Sequence[str] = ()) -> None:
    """Write all that lies in the folder, but for some names directly below it."""
    with tarfile.open(fileobj=target, mode="w|") as archive:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name not in without:
                archive.add(entry.path, entry.name)


def unpack(source: IO[bytes], folder: Path) -> None:
    """Read it back into a folder; nothing leaves that folder, and no file there keeps old bytes."""
    folder.mkdir(exist_ok=True)
    with tarfile.open(fileobj=source, mode="r|") as archive:
        archive.extractall(folder, filter="data")
