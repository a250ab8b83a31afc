"""The rules of InputDataConfig: channels, formats, modes and distributions the algorithm takes, and data to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.errors import ClientError
from clary.services.sagemaker import s3_locations
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.not_done import NotDone, refuse

if TYPE_CHECKING:
    from clary.algorithms.base import Algorithm
    from clary.wire import Call

NOT_DONE = (
    NotDone("DataSource.FileSystemDataSource", "a file system as a data source"),
    NotDone("DataSource.DatasetSource", "a data set of a hub"),
    NotDone("DataSource.S3DataSource.InstanceGroupNames", "a heterogeneous cluster"),
    NotDone("DataSource.S3DataSource.ModelAccessConfig", "a model with a licence to accept"),
    NotDone("DataSource.S3DataSource.HubAccessConfig", "a private hub"),
)


def check(call: Call, request: dict[str, Any], algorithm: Algorithm | None) -> None:
    """Raise ValidationException for a channel that the algorithm couldn't read; a script (None) may read any."""
    from clary.algorithms.channels import check_channels  # imports numpy, which the server's start does without

    channels = request.get("InputDataConfig", [])
    names = [channel["ChannelName"] for channel in channels]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValidationException(f"InputDataConfig: the channel {twice[0]!r} is given more than once.")
    default_mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    configuration = {}
    for place, channel in enumerate(channels):
        member = f"InputDataConfig[{place}]"
        refuse({member: channel}, [row._replace(path=f"{member}.{row.path}") for row in NOT_DONE])
        configuration[channel["ChannelName"]] = as_in_container(channel, channel.get("InputMode", default_mode))
    try:
        if algorithm is not None:
            check_channels(algorithm, configuration, request["ResourceConfig"]["InstanceCount"])
    except ClientError as error:
        raise ValidationException(str(error)) from None
    for place, channel in enumerate(channels):
        mode = channel.get("InputMode", default_mode)
        _check_mode(channel, mode)
        _check_source(call, channel, mode, f"InputDataConfig[{place}]", request["RoleArn"])


def as_in_container(channel: dict[str, Any], mode: str) -> dict[str, Any]:
    """A channel as /opt/ml/input/config/inputdataconfig.json has it."""
    source = channel["DataSource"].get("S3DataSource", {})
    distribution = source.get("S3DataDistributionType", "FullyReplicated")
    seen = {"TrainingInputMode": mode, "S3DistributionType": distribution}
    return {**seen, "ContentType": channel["ContentType"]} if channel.get("ContentType") else seen


def _check_mode(channel: dict[str, Any], mode: str) -> None:
    name = channel["ChannelName"]
    for member in ("CompressionType", "RecordWrapperType"):
        if mode != "Pipe" and channel.get(member, "None") != "None":
            raise ValidationException(
                f"{member} {channel[member]} is for Pipe mode only; the channel {name!r} is in {mode} mode. Leave it "
                "out or set it to None."
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
