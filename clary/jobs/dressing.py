"""A job that runs in an image, as a job with a command: its environment is made ready, its source code is a channel."""

import json

import msgspec

from clary import images
from clary.config import Settings
from clary.images.image import Check
from clary.jobs.spec import ChannelSpec, JobSpec

SUBMIT_DIRECTORY = "sagemaker_submit_directory"
_SOURCE = ChannelSpec(name="source", uri="", path="input/source")
_WRITTEN = ("code", "sm_drivers")
"""Channels that hold programs: SDK v3's make their scripts executable and write beside them."""


def dress(settings: Settings, spec: JobSpec, check: Check) -> JobSpec:
    """The job with all that its image makes of it; BuildError where its environment can't be built."""
    if not spec.image:
        return spec
    image = images.resolve(settings, spec.image)
    notes = list(spec.notes)
    root = image.prepare(notes.append, check)
    run = image.train if spec.kind == "training" else image.process
    start = run(root, spec.command, spec.arguments)
    if start.container and settings.compute:
        raise images.BuildError(
            f"The image {spec.image} runs in {start.container.engine} here, not on {settings.compute}"
        )
    return msgspec.structs.replace(
        spec,
        command=start.command,
        arguments=[],
        root=start.root,
        working_folder=start.working_folder,
        container=start.container,
        environment={**start.environment, **spec.environment},
        mounts=list(start.mounts),
        channels=[*map(_own, spec.channels), *_source_of(spec)],
        notes=notes,
    )


def source_uri(hyperparameters: dict[str, str]) -> str:
    """Where a script's source code lies in S3; empty where it isn't there. SDK v2 encodes the value as JSON."""
    value = hyperparameters.get(SUBMIT_DIRECTORY, "")
    try:
        decoded = json.loads(value)
    except ValueError:
        decoded = value
    return decoded if isinstance(decoded, str) and decoded.startswith("s3://") else ""


def _own(channel: ChannelSpec) -> ChannelSpec:
    """A copy of its own for a channel that is written to."""
    if channel.path or channel.name not in _WRITTEN or channel.mode == "Pipe":
        return channel
    return msgspec.structs.replace(channel, path=f"input/data/{channel.name}")


def _source_of(spec: JobSpec) -> list[ChannelSpec]:
    uri = source_uri(spec.hyperparameters)
    return [msgspec.structs.replace(_SOURCE, uri=uri)] if uri else []
