"""The /opt/ml tree of a host, as the containers of SageMaker find it."""

import json
import sys
from pathlib import Path
from typing import Any

from clary.jobs.spec import ChannelSpec, JobSpec
from clary.sandbox import Mount

NETWORK_INTERFACE = "lo"
WRITABLE = ("model", "output", "output/data", "checkpoints", "code")


def make_tree(ml: Path, spec: JobSpec, host: str) -> None:
    """Make the folders and write the configuration for one host."""
    if spec.kind == "processing":
        _make_processing_tree(ml, spec, host)
    else:
        _make_training_tree(ml, spec, host)


def mounts_of(ml: Path, spec: JobSpec) -> list[Mount]:
    """How a host's program sees the tree. What shares its files with the store is read-only."""
    below = ["config"] if spec.kind == "processing" else ["input"]
    if spec.image and spec.kind == "training":  # a script may write into its input, but for the channels
        below = [
            f"input/data/{channel.name}" for channel in spec.channels if channel.mode != "Pipe" and not channel.path
        ]
    seen = [Mount(f"{ml}/{folder}", f"/opt/ml/{folder}") for folder in below]
    return [Mount(f"{ml}", "/opt/ml", writable=True), *seen, *spec.mounts]


def place_of(ml: Path, channel: ChannelSpec) -> Path:
    """The folder of a channel's files; in Pipe mode the FIFOs stand beside it, with _0, _1 ... behind its name."""
    return ml / (channel.path or f"input/data/{channel.name}")


def _make_processing_tree(ml: Path, spec: JobSpec, host: str) -> None:
    config = ml / "config"
    inputs = [channel.path for channel in spec.channels if channel.mode == "File"]
    pipes = [str(Path(channel.path).parent) for channel in spec.channels if channel.mode == "Pipe"]
    for folder in ("config", "output", "processing", *inputs, *pipes, *(output.path for output in spec.outputs)):
        (ml / folder).mkdir(parents=True, exist_ok=True)
    (config / "processingjobconfig.json").write_text(json.dumps(spec.configuration))
    (config / "resourceconfig.json").write_text(json.dumps({"current_host": host, "hosts": sorted(spec.hosts)}))


def _make_training_tree(ml: Path, spec: JobSpec, host: str) -> None:
    config = ml / "input" / "config"
    config.mkdir(parents=True)
    channels = [channel for channel in spec.channels if channel.path in ("", f"input/data/{channel.name}")]
    (ml / "input" / "data").mkdir()
    for folder in WRITABLE:
        (ml / folder).mkdir()
    for name, content in (
        ("hyperparameters", spec.hyperparameters),
        ("inputdataconfig", {channel.name: describe_channel(channel) for channel in channels}),
        ("resourceconfig", describe_resources(spec, host)),
    ):
        (config / f"{name}.json").write_text(json.dumps(content))


def describe_channel(channel: ChannelSpec) -> dict[str, str]:
    """A channel's entry in inputdataconfig.json; FastFile says File there, as on AWS."""
    entry = {
        "TrainingInputMode": "Pipe" if channel.mode == "Pipe" else "File",
        "S3DistributionType": channel.distribution,
        "RecordWrapperType": channel.record_wrapper,
    }
    return {"ContentType": channel.content_type, **entry} if channel.content_type else entry


def describe_resources(spec: JobSpec, host: str) -> dict[str, Any]:
    """resourceconfig.json: who I am and who the others are."""
    hosts = sorted(spec.hosts)
    group = {"instance_group_name": "homogeneousCluster", "instance_type": spec.instance_type, "hosts": hosts}
    return {
        "current_host": host,
        "current_instance_type": spec.instance_type,
        "current_group_name": "homogeneousCluster",
        "hosts": hosts,
        "instance_groups": [group],
        "network_interface_name": NETWORK_INTERFACE,
    }


def describe_environment(spec: JobSpec, credentials: dict[str, str]) -> dict[str, str]:
    """The whole environment of a host; without credentials where the network is cut."""
    return {
        "PATH": f"{sys.prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/tmp",  # noqa: S108 - the sandbox's own
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **spec.environment,
        **({} if spec.network_isolation else credentials),
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        f"{spec.kind.upper()}_JOB_NAME": spec.name,
        f"{spec.kind.upper()}_JOB_ARN": spec.id,
    }
