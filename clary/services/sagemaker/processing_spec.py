"""What the job room needs to know of a processing job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.jobs import ChannelSpec, JobSpec
from clary.jobs.spec import OutputSpec
from clary.services.sagemaker import s3_locations
from clary.services.sagemaker.processing_request import local_path

if TYPE_CHECKING:
    from clary.store.records import Record

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"


def to_spec(record: Record) -> JobSpec:
    """A processing job's record as a job."""
    body = record.body
    application, cluster = body["AppSpecification"], body["ProcessingResources"]["ClusterConfig"]
    outputs = body.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return JobSpec(
        id=body["ProcessingJobArn"],
        account=record.key.account,
        region=record.key.region,
        name=body["ProcessingJobName"],
        kind="processing",
        image=application["ImageUri"] if body["HasEnvironment"] else "",
        command=application.get("ContainerEntrypoint", []),
        arguments=application.get("ContainerArguments", []),
        environment=body.get("Environment", {}),
        channels=[_to_channel(given) for given in body["ProcessingInputs"] if not given["AppManaged"]],
        outputs=[_to_output(output["S3Output"]) for output in outputs if not output["AppManaged"]],
        configuration=configuration(body),
        instance_type=cluster["InstanceType"],
        instance_count=cluster["InstanceCount"],
        volume_gib=cluster["VolumeSizeInGB"],
        max_seconds=body["StoppingCondition"]["MaxRuntimeInSeconds"],
        network_isolation=body.get("NetworkConfig", {}).get("EnableNetworkIsolation", False),
        encrypt_between=body.get("NetworkConfig", {}).get("EnableInterContainerTrafficEncryption", False),
        log_group=LOG_GROUP,
        role=body["RoleArn"],
    )


def configuration(body: dict[str, Any]) -> dict[str, Any]:
    """What /opt/ml/config/processingjobconfig.json says: the job as it was asked for, with null for what wasn't."""
    inputs = [
        {**given, "S3Input": {**given["S3Input"], "S3DownloadMode": "StartOfJob"}} for given in body["ProcessingInputs"]
    ]
    cluster = body["ProcessingResources"]["ClusterConfig"]
    return {
        "ProcessingJobArn": body["ProcessingJobArn"],
        "ProcessingJobName": body["ProcessingJobName"],
        "AppSpecification": {"ContainerEntrypoint": None, "ContainerArguments": None, **body["AppSpecification"]},
        "Environment": body.get("Environment", {}),
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [], "KmsKeyId": None, **body.get("ProcessingOutputConfig", {})},
        "ProcessingResources": {"ClusterConfig": {"VolumeKmsKeyId": None, **cluster}},
        "NetworkConfig": body.get("NetworkConfig"),
        "RoleArn": body["RoleArn"],
        "StoppingCondition": body["StoppingCondition"],
    }


def _to_channel(given: dict[str, Any]) -> ChannelSpec:
    source = given["S3Input"]
    return ChannelSpec(
        name=given["InputName"],
        uri=s3_locations.parse(source["S3Uri"], "S3Uri").uri,
        source=source["S3DataType"],
        distribution=source["S3DataDistributionType"],
        mode=source["S3InputMode"],
        compression=source["S3CompressionType"],
        path=local_path(source["LocalPath"], "LocalPath"),
    )


def _to_output(output: dict[str, Any]) -> OutputSpec:
    return OutputSpec(
        path=local_path(output["LocalPath"], "LocalPath"),
        uri=s3_locations.parse(output["S3Uri"], "S3Uri").uri,
        continuous=output["S3UploadMode"] == "Continuous",
    )
