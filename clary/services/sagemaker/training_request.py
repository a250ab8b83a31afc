"""What CreateTrainingJob's model cannot say: what the algorithm takes, what must exist, what Clary doesn't do yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary import algorithms
from clary.errors import ClientError
from clary.services.sagemaker import channel_request, s3_locations, script_request, spot_request
from clary.services.sagemaker.errors import ValidationException, not_yet
from clary.services.sagemaker.instance_types import has_accelerator, has_gpu
from clary.services.sagemaker.limits import check_environment, check_instances
from clary.services.sagemaker.not_done import NotDone, refuse

if TYPE_CHECKING:
    from clary.algorithms.base import Algorithm
    from clary.services.sagemaker.images import Image
    from clary.wire import Call

DEFAULT_MAX_RUNTIME = 86_400
MAX_RUNTIME = 28 * 86_400

_KMS = "encryption with a KMS key"

NOT_DONE = (
    NotDone(
        "AlgorithmSpecification.TrainingImageConfig.TrainingRepositoryAccessMode",
        "an image registry in a VPC",
        ("Platform",),
    ),
    NotDone("AlgorithmSpecification.TrainingImageConfig.TrainingRepositoryAuthConfig", "a private image registry"),
    NotDone("OutputDataConfig.KmsKeyId", _KMS),
    NotDone("ResourceConfig.VolumeKmsKeyId", _KMS),
    NotDone("ResourceConfig.KeepAlivePeriodInSeconds", "a warm pool"),
    NotDone("ResourceConfig.InstanceGroups", "a heterogeneous cluster"),
    NotDone("ResourceConfig.TrainingPlanArn", "a training plan"),
    NotDone("ResourceConfig.InstancePlacementConfig", "placement on UltraServers"),
    NotDone("ResourceConfig.InstancePreferences", "a list of instance types to choose from"),
    NotDone("ResourceConfig.SelectedInstanceType", "a list of instance types to choose from"),
    NotDone("ResourceConfig.SelectedInstanceCount", "a list of instance types to choose from"),
    NotDone("VpcConfig", "training in a VPC"),
    NotDone("DebugHookConfig.CollectionConfigurations", "the debugger"),
    NotDone("DebugHookConfig.HookParameters", "the debugger"),
    NotDone("DebugRuleConfigurations", "the debugger"),
    NotDone("TensorBoardOutputConfig", "TensorBoard output"),
    NotDone("ProfilerConfig.ProfilingParameters", "the profiler"),
    NotDone("ProfilerConfig.ProfilingIntervalInMilliseconds", "the profiler"),
    NotDone("ProfilerRuleConfigurations", "the profiler"),
    NotDone("RemoteDebugConfig", "remote debugging"),
    NotDone("InfraCheckConfig", "a check of the infrastructure"),
    NotDone("SessionChainingConfig", "tag chaining"),
    NotDone("ServerlessJobConfig", "a serverless job"),
    NotDone("MlflowConfig", "MLflow"),
    NotDone("ModelPackageConfig", "a model package"),
)


def check(call: Call, request: dict[str, Any], image: Image) -> None:
    """Raise ValidationException for a job that could not run as it was asked for."""
    refuse(request, NOT_DONE)
    algorithm = algorithms.load(image.algorithm) if image.algorithm else None
    _check_resources(request, image, algorithm)
    _check_stopping(request)
    spot_request.check(call, request, algorithm, DEFAULT_MAX_RUNTIME)
    check_environment(request.get("Environment", {}), "Environment")
    if algorithm is None:
        script_request.check(call, request)
    else:
        _check_metrics(request)
        _check_hyperparameters(request.get("HyperParameters", {}), algorithm)
    channel_request.check(call, request, algorithm)
    _check_output(call, request["OutputDataConfig"])


def _check_metrics(request: dict[str, Any]) -> None:
    if request["AlgorithmSpecification"].get("MetricDefinitions"):
        raise ValidationException(
            "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry the request "
            "without specifying metric definitions."
        )


def _check_resources(request: dict[str, Any], image: Image, algorithm: Algorithm | None) -> None:
    resources = request.get("ResourceConfig", {})
    instance_type, count = resources.get("InstanceType"), resources.get("InstanceCount", 0)
    if not instance_type:
        raise ValidationException("ResourceConfig.InstanceType is required.")
    if count < 1:
        raise ValidationException(f"ResourceConfig.InstanceCount must be at least 1, not {count}.")
    check_instances(count, "training job")
    if algorithm is None:
        return
    only_cpu = algorithm.gpu == "no" or image.cpu_only
    if only_cpu and has_accelerator(instance_type):
        version = f" {image.version}" if image.cpu_only else ""
        raise ValidationException(
            f"ResourceConfig.InstanceType: {algorithm.title}{version} trains on CPU instances only; {instance_type} "
            "has an accelerator."
        )
    if algorithm.gpu == "only" and not has_gpu(instance_type):
        raise ValidationException(
            f"ResourceConfig.InstanceType: {algorithm.title} trains on GPU instances only; {instance_type} has none."
        )


def _check_stopping(request: dict[str, Any]) -> None:
    stopping = request.get("StoppingCondition", {})
    seconds = stopping.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME)
    if seconds > MAX_RUNTIME:
        raise ValidationException(
            f"StoppingCondition.MaxRuntimeInSeconds must be at most {MAX_RUNTIME} (28 days), not {seconds}."
        )
    # AWS gives it no effect on CPU instances, so there it asks for nothing.
    if "MaxPendingTimeInSeconds" in stopping and has_accelerator(request["ResourceConfig"]["InstanceType"]):
        raise not_yet("StoppingCondition.MaxPendingTimeInSeconds", "a limit to the time spent pending")


def _check_hyperparameters(given: dict[str, str], algorithm: Algorithm) -> None:
    try:
        algorithm.hyperparameters.parse(given)
    except ClientError as error:
        raise ValidationException(str(error)) from None


def _check_output(call: Call, output: dict[str, Any]) -> None:
    member = "OutputDataConfig.S3OutputPath"
    location = s3_locations.parse(output["S3OutputPath"], member)
    if not s3_locations.bucket_exists(call.rooms, location.bucket):
        raise ValidationException(f"{member}: the bucket {location.bucket!r} does not exist.")
