"""From the input configuration to batches: which content type, which files or pipes, one iteration an epoch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from clary.algorithms.base import Algorithm, Channel, Run, Stopped
from clary.algorithms.opt_ml import OptMl
from clary.errors import ClientError
from clary.formats import Batch, Source, parse_media_type, read_batches

PIPE_BUFFER = 1 << 20


def check_channels(algorithm: Algorithm, config: Mapping[str, Mapping[str, Any]], hosts: int = 1) -> None:
    """Raise ClientError unless the algorithm takes these channels (inputdataconfig.json) on so many hosts."""
    if algorithm.max_instances is not None and hosts > algorithm.max_instances:
        raise ClientError(
            f"{algorithm.title} trains on {algorithm.max_instances} instance(s) at most, not on {hosts}: "
            f"set InstanceCount to {algorithm.max_instances}"
        )
    for channel in algorithm.channels:
        if channel.required and channel.name not in config:
            raise ClientError(f"Missing required channel: {channel.name}")
    for name, given in config.items():
        known = algorithm.channel(name)
        if known is None:
            names = ", ".join(channel.name for channel in algorithm.channels)
            raise ClientError(f"Extraneous channel found: {name}. {algorithm.title} takes: {names}")
        _check_channel(algorithm, known, given)


def content_type_of(algorithm: Algorithm, given: Mapping[str, Any]) -> str:
    """A channel's content type, or the algorithm's own where it names none."""
    text: str = given.get("ContentType") or algorithm.default_content_type
    return text


def _check_channel(algorithm: Algorithm, channel: Channel, given: Mapping[str, Any]) -> None:
    text = content_type_of(algorithm, given)
    media, parameters = parse_media_type(text)
    mode = given.get("TrainingInputMode", "File")
    piped = mode == "Pipe" and channel.piped_types is not None
    accepted = (channel.piped_types or ()) if piped else channel.content_types
    if media not in accepted:
        where = " in Pipe mode" if piped else ""
        raise ClientError(f"{text} is not an accepted ContentType{where}: {', '.join(accepted)}.")
    if mode not in algorithm.input_modes:
        modes = ", ".join(algorithm.input_modes)
        raise ClientError(f"Channel '{channel.name}': TrainingInputMode {mode} is not in [{modes}]")
    size = parameters.get("label_size")
    if channel.label_size is not None and size not in (None, str(channel.label_size)):
        raise ClientError(
            f"{text} is not an accepted csv ContentType. Optional parameter label_size must be equal to "
            f"{channel.label_size}"
        )
    distribution = given.get("S3DistributionType") or channel.distributions[0]
    if distribution not in channel.distributions:
        raise ClientError(
            f"Channel '{channel.name}': S3DistributionType {distribution} is not in "
            f"[{', '.join(channel.distributions)}]"
        )


@dataclass(slots=True)
class ChannelBatches:
    """The batches of one channel; each iteration is an epoch, over the files again or over the next FIFO."""

    path: Path
    """The channel's folder; in Pipe mode the FIFOs are beside it, `<path>_<epoch>`."""
    content_type: str
    piped: bool
    reading: Mapping[str, Any]
    run: Run
    _epoch: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Batch]:
        sources = [self._next_pipe()] if self.piped else files_of(self.path)
        for batch in read_batches(sources, self.content_type, **self.reading):
            if self.run.stopping:
                raise Stopped
            yield batch

    def _next_pipe(self) -> Source:
        path = self.path.with_name(f"{self.path.name}_{self._epoch}")
        self._epoch += 1
        return Source(path.name, partial(_open, path, PIPE_BUFFER))


def _open(path: Path, buffering: int = -1) -> BinaryIO:
    return path.open("rb", buffering)


def files_of(folder: Path) -> list[Source]:
    """Every file of a channel, folders within it too, in order of name; hidden ones and `_SUCCESS` marks left out."""
    files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder.parent) for path in files]
    return [
        Source(str(name), partial(_open, path))
        for path, name in zip(files, names, strict=True)
        if not any(part.startswith((".", "_")) for part in name.parts)
    ]


def open_channels(
    algorithm: Algorithm, tree: OptMl, config: Mapping[str, Mapping[str, Any]], reading: Mapping[str, Any], run: Run
) -> dict[str, ChannelBatches]:
    """Batches by channel name; `reading` holds the estimator's arguments for `read_batches`, by channel."""
    return {
        name: ChannelBatches(
            tree.data / name,
            content_type_of(algorithm, given),
            given.get("TrainingInputMode") == "Pipe",
            reading[name],
            run,
        )
        for name, given in config.items()
    }
