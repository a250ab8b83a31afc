"""A container that runs in an image, as a container with a command: its environment is made ready."""

from pathlib import Path

import msgspec

from clary import images
from clary.config import Settings
from clary.hosting.spec import ContainerSpec
from clary.images.image import Check, Log

SUBMIT_DIRECTORY = "SAGEMAKER_SUBMIT_DIRECTORY"
SOURCE = "source"
"""The folder beside the model's that takes source code from S3."""


def dress(settings: Settings, container: ContainerSpec, log: Log, check: Check) -> ContainerSpec:
    """The container with all that its image makes of it; BuildError where its environment can't be built."""
    if not container.image:
        return container
    image = images.resolve(settings, container.image)
    start = image.serve(image.prepare(log, check))
    return msgspec.structs.replace(
        container,
        command=start.command,
        environment={**start.environment, **container.environment},
        mounts=list(start.mounts),
        root=start.root,
        working_folder=start.working_folder,
        port=start.port,
        container=start.container,
        allow_unsandboxed=settings.allow_unsandboxed,
    )


def source_uri(container: ContainerSpec) -> str:
    """Where a script's source code lies in S3; empty where it isn't there."""
    location = container.environment.get(SUBMIT_DIRECTORY, "")
    return location if container.image and location.startswith("s3://") else ""


def source_place(folder: Path, uri: str) -> Path:
    """Where it is put below the folder that is seen as /opt/ml."""
    place = folder / SOURCE
    place.mkdir(exist_ok=True)
    return place / (uri.rpartition("/")[2] or SOURCE)
