"""Images that `clary image add` has made known: a command of this machine, or a root file system as a folder.

They stand in `images.json` in the data folder, so that the command line reaches them with a server running and without;
the server reads it for each request. A reset of the data folder leaves them.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from clary.config import Settings
from clary.durable import write_whole
from clary.errors import SettingsError
from clary.images import managed, recipes
from clary.images.image import Check, Log, Start
from clary.images.own_folders import folders_of
from clary.sandbox import Mount
from clary.store.lock import LOCK_FILE

REGISTER = "images.json"
PORT = 8080
"""Where a container serves."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,254}")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class RegisteredImage(msgspec.Struct, frozen=True, kw_only=True):
    """A command that keeps to the container contract, and what it sees."""

    name: str
    command: list[str] = []
    """Its entry point; empty where `train` and `serve` are programs of the root file system."""
    root: str = ""
    """A folder that is seen in place of the system; empty for the system itself."""
    folders: list[str] = []
    """Seen where they lie, read-only."""
    environment: dict[str, str] = {}
    working_folder: str = ""

    def prepare(self, log: Log, check: Check) -> Path:  # noqa: ARG002 - there is nothing to build
        """Nothing to do."""
        return Path(self.root)

    # `root` is what `prepare` returned, and known here.

    def train(self, root: Path, entrypoint: Sequence[str] = (), arguments: Sequence[str] = ()) -> Start:  # noqa: ARG002
        """`COMMAND train`, or what the request gives in place of either."""
        return self._start(entrypoint, arguments or ([] if entrypoint else ["train"]))

    def serve(self, root: Path) -> Start:  # noqa: ARG002
        """`COMMAND serve`, in a network of its own, where it answers on port 8080."""
        return self._start((), ["serve"])._replace(port=PORT)

    def process(self, root: Path, entrypoint: Sequence[str] = (), arguments: Sequence[str] = ()) -> Start:  # noqa: ARG002
        """`COMMAND`, or what the request gives in its place."""
        return self._start(entrypoint, arguments)

    def _start(self, entrypoint: Sequence[str], arguments: Sequence[str]) -> Start:
        return Start(
            [*(entrypoint or self.command), *arguments],
            {**({"PATH": _PATH} if self.root else {}), **self.environment},
            [Mount(folder, folder) for folder in self.folders],
            root=self.root,
            working_folder=self.working_folder,
        )


def names_for(uri: str) -> Sequence[str]:
    """The names that answer for a URI, the most exact first: it as it is, repository:tag, the repository."""
    path = uri.partition("@")[0]
    host, slash, rest = path.partition("/")
    if slash and (host == "localhost" or "." in host or ":" in host):
        path = rest
    return uri, path, path.rpartition(":")[0] or path


def find(settings: Settings, uri: str) -> RegisteredImage | None:
    """The registered image that a URI names."""
    register = read(settings)
    return next((register[name] for name in names_for(uri) if name in register), None)


def read(settings: Settings) -> dict[str, RegisteredImage]:
    """All registered images by their names."""
    try:
        data = (settings.data_dir / REGISTER).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {image.name: image for image in msgspec.json.decode(data, type=list[RegisteredImage])}


def add(settings: Settings, image: RegisteredImage) -> None:
    """Make an image known, in place of one of the same name; SettingsError for one that could not run."""
    if not _NAME.fullmatch(image.name):
        raise SettingsError(f"{image.name!r} is no name for an image: letters, digits and . _ / : - make one")
    if not (image.root or image.command):
        raise SettingsError("give a command after --, or a root file system with --root")
    if names_for(image.name)[-1] in {*managed.REPOSITORIES, *recipes.FRAMEWORKS}:
        raise SettingsError(f"{image.name!r} names the image of a framework: choose another name")
    if not image.root and shutil.which(image.command[0]) is None:
        raise SettingsError(f"{image.command[0]!r} is no program of this machine")
    if image.root and not Path(image.root).is_dir():
        raise SettingsError(f"--root {image.root} is not a folder")
    folders = folders_of(settings, image.command if not image.root else [], image.folders)
    with _changing(settings) as register:
        register[image.name] = msgspec.structs.replace(image, folders=folders)


def remove(settings: Settings, name: str) -> None:
    """Forget an image; SettingsError where there is none of that name. Its files stay."""
    with _changing(settings) as register:
        if register.pop(name, None) is None:
            raise SettingsError(f"no image {name!r} is registered; clary image list shows those that are")


@contextmanager
def _changing(settings: Settings) -> Iterator[dict[str, RegisteredImage]]:
    """The register, to be changed in place; durable when the block ends, and as it was when the block raises."""
    folder = settings.data_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        (folder / LOCK_FILE).touch(0o600)  # by which a server knows its data folder
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        register = read(settings)
        yield register
        write_whole(folder / REGISTER, msgspec.json.format(msgspec.json.encode(list(register.values())), indent=1))
    finally:
        os.close(handle)
