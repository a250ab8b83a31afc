"""What CreateProcessingJob's model cannot say: what fits together, what must exist, what Clary doesn't do yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary import images
from clary.services.sagemaker import images as algorithm_images
from clary.services.sagemaker import s3_locations
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.limits import check_environment, check_instances
from clary.services.sagemaker.not_done import NotDone, refuse

if TYPE_CHECKING:
    from clary.wire import Call

ROOT = "/opt/ml/"
FOLDER = "/opt/ml/processing/"
NAME_MAX = 255

_KMS = "encryption with a KMS key"
_CHOICE = "a list of instance types to choose from"

NOT_DONE = (
    NotDone("ProcessingInputs.DatasetDefinition.AthenaDatasetDefinition", "a data set from Athena"),
    NotDone("ProcessingInputs.DatasetDefinition.RedshiftDatasetDefinition", "a data set from Redshift"),
    NotDone("ProcessingOutputConfig.Outputs.FeatureStoreOutput", "an output to a feature group"),
    NotDone("ProcessingOutputConfig.KmsKeyId", _KMS),
    NotDone("ProcessingResources.ClusterConfig.VolumeKmsKeyId", _KMS),
    NotDone("ProcessingResources.ClusterConfig.InstancePreferences", _CHOICE),
    NotDone("ProcessingResources.ClusterConfig.SelectedInstanceType", _CHOICE),
    NotDone("ProcessingResources.ClusterConfig.SelectedInstanceCount", _CHOICE),
    NotDone("NetworkConfig.VpcConfig", "processing in a VPC"),
)


def check(call: Call, request: dict[str, Any]) -> None:
    """Raise ValidationException for a job that could not run as it was asked for."""
    refuse(request, NOT_DONE)
    cluster = request["ProcessingResources"]["ClusterConfig"]
    if "InstanceType" not in cluster:
        raise ValidationException("ProcessingResources.ClusterConfig.InstanceType is required.")
    check_instances(cluster.get("InstanceCount", 1), "processing job")
    check_environment(request.get("Environment", {}), "Environment")
    _check_image(call, request["AppSpecification"])
    _check_inputs(request.get("ProcessingInputs", []))
    _check_outputs(call, request.get("ProcessingOutputConfig", {}).get("Outputs", []))


def has_environment(call: Call, uri: str) -> bool:
    """Whether an image brings a Python of its own, or whatever it runs; a built-in algorithm's is this server's."""
    if algorithm_images.resolve(uri, "AppSpecification.ImageUri").algorithm not in ("", algorithm_images.SCRIPTABLE):
        return False
    try:
        images.resolve(call.rooms.settings, uri)
    except images.UnknownImageError:
        return False
    return True


def local_path(path: str, member: str) -> str:
    """A LocalPath relative to /opt/ml; ValidationException, naming `member`, for one that lies elsewhere."""
    parts = [part for part in path.removeprefix(FOLDER).split("/") if part]
    fit = all(part not in (".", "..") and "\0" not in part and len(part.encode()) <= NAME_MAX for part in parts)
    if not path.startswith(FOLDER) or not parts or not fit:
        raise ValidationException(f"{member}: {path!r} must be an absolute path below {FOLDER}")
    return "/".join([FOLDER.removeprefix(ROOT).rstrip("/"), *parts])


def _check_image(call: Call, specification: dict[str, Any]) -> None:
    uri, member = specification["ImageUri"], "AppSpecification.ImageUri"
    if algorithm_images.is_own(algorithm_images.resolve(uri, member)):
        algorithm_images.require(call.rooms.settings, uri, member)
    elif not specification.get("ContainerEntrypoint"):
        raise ValidationException(
            f"AppSpecification: the image {uri} processes nothing by itself: give ContainerEntrypoint, such as "
            '["python3", "/opt/ml/processing/input/code/script.py"], and the script as a ProcessingInput.'
        )


def _check_inputs(inputs: list[dict[str, Any]]) -> None:
    _refuse_twice([given["InputName"] for given in inputs], "ProcessingInputs", "InputName")
    for place, given in enumerate(inputs):
        member = f"ProcessingInputs[{place}]"
        if ("S3Input" in given) == ("DatasetDefinition" in given):
            raise ValidationException(f"{member} must have exactly one of S3Input and DatasetDefinition.")
        if "DatasetDefinition" in given:
            raise ValidationException(
                f"{member}.DatasetDefinition must have exactly one of AthenaDatasetDefinition and "
                "RedshiftDatasetDefinition; neither is supported by Clary yet. Use an S3Input."
            )
        s3_locations.parse(given["S3Input"]["S3Uri"], f"{member}.S3Input.S3Uri")
        if not given.get("AppManaged"):
            _check_s3_input(given["S3Input"], f"{member}.S3Input")
    own = [given["S3Input"]["LocalPath"] for given in inputs if not given.get("AppManaged")]
    _refuse_twice(own, "ProcessingInputs", "LocalPath")


def _check_s3_input(source: dict[str, Any], member: str) -> None:
    missing = [name for name in ("LocalPath", "S3InputMode") if not source.get(name)]
    if missing:
        raise ValidationException(f"{member} is managed by SageMaker and lacks {' and '.join(missing)}.")
    local_path(source["LocalPath"], f"{member}.LocalPath")
    if source.get("S3CompressionType") == "Gzip" and source["S3InputMode"] != "Pipe":
        raise ValidationException(f"{member}: S3CompressionType Gzip is for S3InputMode Pipe only.")


def _check_outputs(call: Call, outputs: list[dict[str, Any]]) -> None:
    _refuse_twice([output["OutputName"] for output in outputs], "ProcessingOutputConfig.Outputs", "OutputName")
    for place, output in enumerate(outputs):
        member = f"ProcessingOutputConfig.Outputs[{place}].S3Output"
        if "S3Output" not in output:
            raise ValidationException(f"{member} is required.")
        location = s3_locations.parse(output["S3Output"]["S3Uri"], f"{member}.S3Uri")
        if output.get("AppManaged"):
            continue
        local_path(output["S3Output"].get("LocalPath", ""), f"{member}.LocalPath")
        if not s3_locations.bucket_exists(call.rooms, location.bucket):
            raise ValidationException(f"{member}.S3Uri: the bucket {location.bucket!r} does not exist.")


def _refuse_twice(names: list[str], member: str, name: str) -> None:
    if twice := [each for each in names if names.count(each) > 1]:
        raise ValidationException(f"{member}: the {name} {twice[0]!r} is given more than once.")
