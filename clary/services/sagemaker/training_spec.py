"""What the job room needs to know of a training job."""

from __future__ import annotations

from typing import Any

from clary.jobs import ChannelSpec, JobSpec, MetricSpec
from clary.services.sagemaker import s3_locations, spot_request
from clary.store.records import Record


def to_spec(record: Record) -> JobSpec:
    """A training job's record as a job."""
    body = record.body
    resources, output, specification = body["ResourceConfig"], body["OutputDataConfig"], body["AlgorithmSpecification"]
    default_mode = body["AlgorithmSpecification"]["TrainingInputMode"]
    return JobSpec(
        id=body["TrainingJobArn"],
        account=record.key.account,
        region=record.key.region,
        name=body["TrainingJobName"],
        algorithm=body["Algorithm"],
        image="" if body["Algorithm"] else specification["TrainingImage"],
        command=specification.get("ContainerEntrypoint", []),
        arguments=specification.get("ContainerArguments", []),
        hyperparameters=body["HyperParameters"],
        environment=body.get("Environment", {}),
        channels=[_to_channel(channel, default_mode) for channel in body.get("InputDataConfig", [])],
        output_uri=s3_locations.parse(output["S3OutputPath"], "OutputDataConfig.S3OutputPath").uri,
        compression=output["CompressionType"],
        instance_type=resources["InstanceType"],
        instance_count=resources["InstanceCount"],
        volume_gib=resources.get("VolumeSizeInGB", 0),
        max_seconds=body["StoppingCondition"]["MaxRuntimeInSeconds"],
        checkpoints=spot_request.to_spec(body["CheckpointConfig"]) if body.get("CheckpointConfig") else None,
        spot=body["EnableManagedSpotTraining"],
        max_wait_seconds=body["StoppingCondition"].get("MaxWaitTimeInSeconds", 0),
        network_isolation=body["EnableNetworkIsolation"],
        encrypt_between=body["EnableInterContainerTrafficEncryption"],
        metrics=[MetricSpec(row["Name"], row["Regex"]) for row in body["AlgorithmSpecification"]["MetricDefinitions"]],
        metric_dimensions={"TrainingJobName": body["TrainingJobName"]},
        max_attempts=1 + body.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0),
        role=body["RoleArn"],
        notes=body["Warnings"],
    )


def _to_channel(channel: dict[str, Any], default_mode: str) -> ChannelSpec:
    source = channel["DataSource"]["S3DataSource"]
    return ChannelSpec(
        name=channel["ChannelName"],
        uri=s3_locations.parse(source["S3Uri"], "S3Uri").uri,
        source=source["S3DataType"],
        distribution=source["S3DataDistributionType"],
        mode=channel.get("InputMode", default_mode),
        content_type=channel.get("ContentType", ""),
        compression=channel["CompressionType"],
        record_wrapper=channel["RecordWrapperType"],
        shuffle_seed=channel.get("ShuffleConfig", {}).get("Seed"),
        attributes=source.get("AttributeNames", []),
    )
