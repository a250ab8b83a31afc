"""The rules of InputDataConfig: channels, formats, modes and distributions the algorithm takes, and data to read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import s3_locations
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.not_done import NotDone, refuse

if TYPE_CHECKING:
    from clary.algorithms.base import Algorithm, Channel
    from clary.wire import Call

NOT_DONE = (
    NotDone("DataSource.FileSystemDataSource", "a file system as a data source"),
    NotDone("DataSource.DatasetSource", "a data set of a hub"),
    NotDone("DataSource.S3DataSource.InstanceGroupNames", "a heterogeneous cluster"),
    NotDone("DataSource.S3DataSource.ModelAccessConfig", "a model with a licence to accept"),
    NotDone("DataSource.S3DataSource.HubAccessConfig", "a private hub"),
)


def check_channels(call: Call, request: dict[str, Any], algorithm: Algorithm) -> None:
    """Raise ValidationException for a channel that the algorithm couldn't read."""
    channels = request.get("InputDataConfig", [])
    names = [channel["ChannelName"] for channel in channels]
    _check_names(names, algorithm)
    default_mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    for place, channel in enumerate(channels):
        member = f"InputDataConfig[{place}]"
        refuse({member: channel}, [row._replace(path=f"{member}.{row.path}") for row in NOT_DONE])
        mode = channel.get("InputMode", default_mode)
        known = algorithm.channel(channel["ChannelName"])
        if known:
            _check_format(channel, mode, known, algorithm)
        _check_mode(channel, mode, algorithm)
        _check_source(call, channel, mode, member, request["RoleArn"])


def _check_names(names: list[str], algorithm: Algorithm) -> None:
    known = [channel.name for channel in algorithm.channels]
    for name in names:
        if names.count(name) > 1:
            raise ValidationException(f"InputDataConfig: the channel {name!r} is given more than once.")
        if name not in known:
            raise ValidationException(
                f"InputDataConfig: {algorithm.title} has no channel {name!r}; it has {_listed(known)}."
            )
    for channel in algorithm.channels:
        if channel.required and channel.name not in names:
            raise ValidationException(f"InputDataConfig: {algorithm.title} needs the channel {channel.name!r}.")


def _check_mode(channel: dict[str, Any], mode: str, algorithm: Algorithm) -> None:
    name = channel["ChannelName"]
    if mode not in algorithm.input_modes:
        raise ValidationException(
            f"{algorithm.title} reads its data in {_listed(algorithm.input_modes)} mode; the channel {name!r} is in "
            f"{mode} mode."
        )
    for member in ("CompressionType", "RecordWrapperType"):
        if mode != "Pipe" and channel.get(member, "None") != "None":
            raise ValidationException(
                f"{member} {channel[member]} is for Pipe mode only; the channel {name!r} is in {mode} mode. Leave it "
                "out or set it to None."
            )


def _check_format(channel: dict[str, Any], mode: str, known: Channel, algorithm: Algorithm) -> None:
    accepted = known.content_types
    if mode == "Pipe" and known.piped_types is not None:
        accepted = known.piped_types
    content_type = channel.get("ContentType", "")
    essence = content_type.split(";", 1)[0].strip().lower()
    if essence and essence not in accepted:
        raise ValidationException(
            f"{algorithm.title} does not read content type {content_type!r} from the channel {known.name!r} in {mode} "
            f"mode; it reads {_listed(accepted)}."
        )
    distribution = channel["DataSource"].get("S3DataSource", {}).get("S3DataDistributionType", "FullyReplicated")
    if distribution not in known.distributions:
        raise ValidationException(
            f"{algorithm.title} takes the channel {known.name!r} as {_listed(known.distributions)} only, not as "
            f"{distribution}."
        )


def _check_source(call: Call, channel: dict[str, Any], mode: str, member: str, role: str) -> None:
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise ValidationException(f"{member}.DataSource must have an S3DataSource.")
    if source["S3DataType"] == "Converse":
        raise ValidationException(f"{member}: S3DataType Converse is not supported by Clary yet.")
    if source["S3DataType"] == "AugmentedManifestFile" and mode != "Pipe":
        raise ValidationException(f"{member}: S3DataType AugmentedManifestFile is for Pipe mode only, not {mode} mode.")
    if bool(source.get("AttributeNames")) != (source["S3DataType"] == "AugmentedManifestFile"):
        raise ValidationException(
            f"{member}: AttributeNames goes with S3DataType AugmentedManifestFile, and only with it."
        )
    location = s3_locations.parse(source["S3Uri"], f"{member}.DataSource.S3DataSource.S3Uri")
    if not s3_locations.has_objects(call.rooms, location):
        raise ValidationException(
            f'No S3 objects found under S3 URL "{source["S3Uri"]}" given in input data source. Please ensure that the '
            f"bucket exists in the selected region ({call.region}), that objects exist under that S3 prefix, and that "
            f'the role "{role}" has "s3:ListBucket" permissions on bucket "{location.bucket}".'
        )


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
