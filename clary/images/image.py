"""What every kind of image offers to those who run programs in it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from clary.errors import ClientError
from clary.images.contained import Container
from clary.sandbox import Mount

Log = Callable[[str], None]
"""Takes a line for the job's own log."""
Check = Callable[[], None]
"""Called while something takes long; raises when whoever waits is to stop."""


class BuildError(ClientError):
    """What the image needs can't be had on this machine; becomes FailureReason."""


class UnknownImageError(BuildError):
    """No image that runs here, or none any more; the message names it and says what would work."""


class Start(NamedTuple):
    """What a `Program` needs so that it runs in the image: its command, and more variables and mounts."""

    command: list[str]
    environment: Mapping[str, str] = {}
    """Goes before the variables that the request gives."""
    mounts: Sequence[Mount] = ()
    root: str = ""
    """A folder that is seen in place of the system."""
    working_folder: str = ""
    port: int = 0
    """Where it serves, in a network of its own; 0 where it listens on the socket that CLARY_SOCKET names."""
    container: Container | None = None
    """What runs in Podman or Docker instead; the rest is empty then."""


class Image(Protocol):
    """An image; `root` is what `prepare` returned. An entry point and arguments are the request's own, or empty."""

    @property
    def name(self) -> str:
        """How Clary calls it, e.g. scikit-learn:1.2-1."""

    def prepare(self, log: Log, check: Check) -> Path:
        """Have it ready, building it where need be (once, whoever else wants it); BuildError where that fails."""

    def train(self, root: Path, entrypoint: Sequence[str] = (), arguments: Sequence[str] = ()) -> Start:
        """What a training job runs: the image's own `train`, or the given entry point."""

    def serve(self, root: Path) -> Start:
        """What an endpoint's worker or a transform's container runs: a server of /ping and /invocations."""

    def process(self, root: Path, entrypoint: Sequence[str] = (), arguments: Sequence[str] = ()) -> Start:
        """What a processing job runs: the given entry point, or python where there is none."""
