"""The /opt/ml tree of a host, as the containers of SageMaker find it."""

import json
import sys
from pathlib import Path
from typing import Any

from clary.jobs.spec import ChannelSpec, JobSpec

NETWORK_INTERFACE = "lo"
WRITABLE = ("model", "output", "output/data", "checkpoints", "code")


def make_tree(ml: Path, spec: JobSpec, host: str) -> None:
    """Make the folders and write input/config for one host."""
    config = ml / "input" / "config"
    config.mkdir(parents=True)
    (ml / "input" / "data").mkdir()
    for folder in WRITABLE:
        (ml / folder).mkdir()
    for name, content in (
        ("hyperparameters", spec.hyperparameters),
        ("inputdataconfig", {channel.name: describe_channel(channel) for channel in spec.channels}),
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
        "TRAINING_JOB_NAME": spec.name,
        "TRAINING_JOB_ARN": spec.id,
    }
