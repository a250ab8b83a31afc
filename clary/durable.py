"""Files and folders that survive a crash."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there with all its bytes, on disk, or not at all."""
    draft = _draft_of(path)
    write_synced(draft, data)
    draft.rename(path)
    sync_path(path.parent)


def write_quickly(path: Path, data: bytes) -> None:
    """Write a file that a crash of the process leaves whole; a crash of the machine may lose it."""
    draft = _draft_of(path)
    draft.write_bytes(data)
    draft.rename(path)


def write_synced(path: Path, data: bytes) -> None:
    """Write a file whose bytes are on disk; a crash may leave a part of it, or lose its name."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def make_folder(folder: Path) -> None:
    """Make a folder that stays, and those above it."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_path(folder.parent)


def sync_path(path: Path) -> None:
    """Make the bytes of a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _draft_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")
