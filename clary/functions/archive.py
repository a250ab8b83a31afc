"""Archives of code: kept for good under their SHA-256, unpacked when they are first needed."""

import base64
import hashlib
import os
import shutil
import stat
import threading
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from clary.durable import make_folder, sync_path, write_synced

UNZIPPED_BYTES = 262_144_000
_CHUNK = 1 << 20


class BadArchive(Exception):
    """The archive can't be unpacked; the message says why."""


class Archives:
    """Archives by the hexadecimal digits of their SHA-256; safe from any thread."""

    def __init__(self, folder: Path) -> None:
        self._kept = folder / "code"
        self._unpacked = folder / "unpacked"
        shutil.rmtree(self._unpacked, ignore_errors=True)  # a crash may have left half of one
        self._lock = threading.Lock()
        self.keeping = threading.Lock()
        """Held from the storing of an archive until a record tells of it, and while the others are removed."""

    def store(self, content: bytes) -> str:
        """Check an archive by unpacking it, keep it, durable on return; raises BadArchive. Hold `keeping`."""
        name = hashlib.sha256(content).hexdigest()
        target = self._kept / f"{name}.zip"
        if not target.is_file():
            make_folder(self._kept)
            fresh = target.with_suffix(".new")
            write_synced(fresh, content)
            try:
                self._unpack([fresh], name)
            except BadArchive:
                fresh.unlink()
                raise
            fresh.rename(target)
            sync_path(self._kept)
        return name

    def read(self, name: str) -> bytes:
        """The archive itself."""
        return (self._kept / f"{name}.zip").read_bytes()

    def size(self, name: str) -> int:
        """How many bytes the archive has."""
        return (self._kept / f"{name}.zip").stat().st_size

    def unzipped_size(self, names: Iterable[str]) -> int:
        """How many bytes the archives have when they are unpacked."""
        size = 0
        for name in names:
            with zipfile.ZipFile(self._kept / f"{name}.zip") as opened:
                size += sum(entry.file_size for entry in opened.infolist())
        return size

    def unpacked(self, names: Sequence[str]) -> Path:
        """The folder of all that the archives hold, later ones over earlier ones."""
        joined = names[0] if len(names) == 1 else hashlib.sha256("".join(names).encode()).hexdigest()
        with self._lock:
            folder = self._unpacked / joined
            return folder if folder.is_dir() else self._unpack([self._kept / f"{name}.zip" for name in names], joined)

    def keep_only(self, find: Callable[[], Collection[str]]) -> None:
        """Remove all archives but those that are found while none is added."""
        with self.keeping:
            names = find()
            for path in self._kept.iterdir() if self._kept.is_dir() else ():
                if path.stem not in names:
                    path.unlink(missing_ok=True)
                    shutil.rmtree(self._unpacked / path.stem, ignore_errors=True)

    def _unpack(self, archives: Sequence[Path], name: str) -> Path:
        self._unpacked.mkdir(parents=True, exist_ok=True)
        fresh, target = self._unpacked / f"{name}.new", self._unpacked / name
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        try:
            left = UNZIPPED_BYTES
            for archive in archives:
                left = unpack(archive, fresh, left)
        except BadArchive:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        for parent, _, _ in os.walk(fresh):
            Path(parent).chmod(0o755)  # whatever the umask: the sandbox's user is another one
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
        return target


def sha256_of(name: str) -> str:
    """The SHA-256 as AWS writes it."""
    return base64.b64encode(bytes.fromhex(name)).decode()


def unpack(archive: Path, folder: Path, most: int) -> int:
    """Unpack what never leaves the folder; returns how many bytes of `most` are left."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            most -= sum(entry.file_size for entry in entries)  # reading one gives no more than it says
            if most < 0:
                raise BadArchive(f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes")
            for entry in entries:
                _write(opened, entry, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as problem:
        raise BadArchive(f"it is not a readable zip file: {problem}") from None
    except OSError as problem:
        raise BadArchive(f"its files can't be written: {problem.strerror}") from None
    return most


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = _place(entry.filename, folder)
    mode = entry.external_attr >> 16
    if entry.is_dir():
        _make_folder(target, folder)
        return
    _make_folder(target.parent, folder)
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)
    if stat.S_ISLNK(mode):
        target.symlink_to(opened.read(entry).decode())
        return
    with opened.open(entry) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
    target.chmod(0o755 if mode & 0o111 else 0o644)


def _make_folder(path: Path, folder: Path) -> None:
    """Make a folder below another one, in place of what an earlier entry has put there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        for part in (path, *path.parents[: len(path.relative_to(folder).parts) - 1]):
            if part.is_symlink() or part.is_file():
                part.unlink()
        path.mkdir(parents=True, exist_ok=True)


def _place(name: str, folder: Path) -> Path:
    """Where an entry goes: neither its name nor a link on its way leads out of the folder."""
    target = folder / name
    if name.startswith("/") or ".." in Path(name).parts or "\0" in name:
        raise BadArchive(f"the entry {name!r} would leave its folder")
    try:
        inside = target.parent.resolve().is_relative_to(folder.resolve())
    except (RuntimeError, OSError):
        raise BadArchive(f"the entry {name!r} is behind links that lead nowhere") from None
    if not inside:
        raise BadArchive(f"the entry {name!r} would leave its folder by a link")
    return target
