"""Folders for sockets, whose paths may have 107 characters: short ones, that a link in the data folder leads to."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path


def fresh_folders(folder: Path) -> Path:
    """Empty a room's folder; returns a new one for its sockets. What a killed server left of both is removed."""
    link = folder / "sockets"
    with suppress(OSError):
        shutil.rmtree(link.readlink(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sockets = Path(tempfile.mkdtemp(prefix="clary-"))
    link.symlink_to(sockets)
    return sockets
