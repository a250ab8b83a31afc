"""An image that Podman or Docker runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clary.images import engine
from clary.images.contained import Container
from clary.images.engine import Engine, EngineError
from clary.images.image import BuildError, Check, Log, Start

PORT = 8080
"""Where a container serves."""


@dataclass(frozen=True)
class EngineImage:
    """An image by the name that the engine knows it by, or can pull it by."""

    engine: Engine
    name: str

    def prepare(self, log: Log, check: Check) -> Path:
        """Pull it where the engine hasn't got it."""
        try:
            if not self.engine.has_image(self.name):
                log(f"Pulling the image {self.name}.")
                for _ in self.engine.pull(self.name):
                    check()
        except EngineError as problem:
            raise BuildError(
                f"The image {self.name} can't be pulled: {problem}. Where its registry wants a login, pull it ahead "
                "with podman pull or docker pull"
            ) from None
        return Path()

    # The engine keeps the image, so there is no `root`.

    def train(self, root: Path, entrypoint: Sequence[str] = (), arguments: Sequence[str] = ()) -> Start:  # noqa: ARG002
        """The image with `train`, or what the request gives."""
        return self._start(entrypoint, arguments or ([] if entrypoint else ["train"]))

    def serve(self, root: Path) -> Start:  # noqa: ARG002
        """The image with `serve`."""
        return self._start((), ["serve"], PORT)

    def process(self, root: Path, entrypoint: Sequence[str] = (), arguments: Sequence[str] = ()) -> Start:  # noqa: ARG002
        """The image as it is, or what the request gives."""
        return self._start(entrypoint, arguments)

    def _start(self, entrypoint: Sequence[str], arguments: Sequence[str], port: int = 0) -> Start:
        container = Container(
            engine=self.engine.path,
            image=self.name,
            entrypoint=list(entrypoint),
            arguments=list(arguments),
            port=port,
        )
        return Start([], container=container)


def find(uri: str) -> EngineImage | None:
    """The image of a URI where an engine answers; whether there is such an image, `prepare` finds out."""
    found = engine.find() if uri else None
    return EngineImage(found, uri) if found else None
