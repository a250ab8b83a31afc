"""What SageMaker's resources have in common: names, ARNs, records, and the sentences about missing and taken ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.errors import ServiceError, ValidationException
from clary.names import make_arn, parse_arn
from clary.services.sagemaker.errors import ResourceNotFound
from clary.store.records import Key, Record, RecordExists

if TYPE_CHECKING:
    from clary.wire import Call, Rooms


class Kind(NamedTuple):
    """A kind of resource."""

    resource: str
    """The resource type in its ARNs."""
    title: str
    """What AWS's messages call it."""
    name: str
    """The member that holds its name."""
    arn: str
    """The member that holds its ARN."""


TRAINING_JOB = Kind("training-job", "training job", "TrainingJobName", "TrainingJobArn")
MODEL = Kind("model", "model", "ModelName", "ModelArn")
ENDPOINT_CONFIG = Kind("endpoint-config", "endpoint configuration", "EndpointConfigName", "EndpointConfigArn")
ENDPOINT = Kind("endpoint", "endpoint", "EndpointName", "EndpointArn")
TUNING_JOB = Kind(
    "hyper-parameter-tuning-job", "tuning job", "HyperParameterTuningJobName", "HyperParameterTuningJobArn"
)
PROCESSING_JOB = Kind("processing-job", "processing job", "ProcessingJobName", "ProcessingJobArn")
TRANSFORM_JOB = Kind("transform-job", "transform job", "TransformJobName", "TransformJobArn")
MODEL_PACKAGE = Kind("model-package", "model package", "ModelPackageName", "ModelPackageArn")
MODEL_PACKAGE_GROUP = Kind(
    "model-package-group", "model package group", "ModelPackageGroupName", "ModelPackageGroupArn"
)
EXPERIMENT = Kind("experiment", "experiment", "ExperimentName", "ExperimentArn")
TRIAL = Kind("experiment-trial", "trial", "TrialName", "TrialArn")
TRIAL_COMPONENT = Kind("experiment-trial-component", "trial component", "TrialComponentName", "TrialComponentArn")
ARTIFACT = Kind("artifact", "artifact", "ArtifactName", "ArtifactArn")
ASSOCIATION = Kind("association", "association", "", "")
PIPELINE = Kind("pipeline", "pipeline", "PipelineName", "PipelineArn")
INFERENCE_EXPERIMENT = Kind("inference-experiment", "inference experiment", "Name", "Arn")

KINDS = {
    kind.resource: kind
    for kind in (
        TRAINING_JOB,
        MODEL,
        ENDPOINT_CONFIG,
        ENDPOINT,
        TUNING_JOB,
        PROCESSING_JOB,
        TRANSFORM_JOB,
        MODEL_PACKAGE,
        MODEL_PACKAGE_GROUP,
        PIPELINE,
        INFERENCE_EXPERIMENT,
        EXPERIMENT,
        TRIAL,
        TRIAL_COMPONENT,
        ARTIFACT,
    )
}


def record_kind(kind: Kind) -> str:
    """The kind of its records."""
    return f"sagemaker/{kind.resource}"


def key_of(call: Call, kind: Kind, name: str) -> Key:
    """The key of a resource's record, by its name or, where a request may have one in its place, its ARN.

    SageMaker's names are unique without regard to case, so keys are lower case.
    """
    if not name.startswith("arn:"):
        return Key(record_kind(kind), call.account, call.region, name.lower())
    key = key_of_arn(name)
    if key is None or key[:3] != (record_kind(kind), call.account, call.region):
        raise ValidationException(f"{name} is not the ARN of a {kind.title} of this account and region.")
    return key


def arn_of(key: Key) -> str:
    """The ARN of a resource; its name is in lower case, as AWS writes it."""
    return make_arn("sagemaker", key.region, key.account, f"{key.kind.removeprefix('sagemaker/')}/{key.name}")


def key_of_arn(arn: str) -> Key | None:
    """The key of the resource an ARN names; None where the ARN is none of a kind that Clary has."""
    parts = parse_arn(arn)
    if parts is None or parts.service != "sagemaker":
        return None
    resource, _, name = parts.resource.partition("/")
    if resource not in KINDS or not name:
        return None
    return Key(record_kind(KINDS[resource]), parts.account, parts.region, name.lower())


def kind_of(key: Key) -> Kind:
    """The kind of resource a key is of."""
    return KINDS[key.kind.removeprefix("sagemaker/")]


def not_found(key: Key) -> ServiceError:
    """AWS's error for a resource that doesn't exist."""
    kind = kind_of(key)
    if kind is TUNING_JOB:
        return ResourceNotFound(f"Amazon SageMaker can't find a tuning job with the name {key.name}.")
    if kind is PIPELINE:
        return ResourceNotFound(f"Pipeline '{arn_of(key)}' does not exist.")
    if kind in (EXPERIMENT, TRIAL, TRIAL_COMPONENT, ARTIFACT):
        return ResourceNotFound(f"{kind.name.removesuffix('Name')} '{arn_of(key)}' does not exist.")
    if kind in (PROCESSING_JOB, TRANSFORM_JOB):
        return ValidationException(f"Could not find requested job with name: {key.name}")
    if kind in (MODEL_PACKAGE, MODEL_PACKAGE_GROUP):
        return ValidationException(f"{kind.name.removesuffix('Name')} {arn_of(key)} does not exist.")
    if kind is TRAINING_JOB:
        return ValidationException("Requested resource not found.")
    return ValidationException(f'Could not find {kind.title} "{arn_of(key)}".')


def create(call: Call, kind: Kind, body: dict[str, Any], *, status: str = "") -> Record:
    """Store a new resource; its body gets its ARN."""
    key = key_of(call, kind, body[kind.name])
    try:
        return call.rooms.records.create(key, {**body, kind.arn: arn_of(key)}, status=status)
    except RecordExists:
        raise ValidationException(f'Cannot create already existing {kind.title} "{arn_of(key)}".') from None


def find(call: Call, kind: Kind, name: str) -> Record:
    """The record of a resource, or AWS's error."""
    key = key_of(call, kind, name)
    record = call.rooms.records.get(key)
    if record is None:
        raise not_found(key)
    return record


def change(rooms: Rooms, key: Key, function: Callable[[Record], None]) -> Record:
    """Alter a record and wake whoever waits for it; AWS's error when it is gone."""
    record = rooms.records.change(key, function)
    if record is None:
        raise not_found(key)
    rooms.changes.notify(key)
    return record


def delete(call: Call, kind: Kind, name: str) -> Record:
    """Remove a resource's record, or AWS's error when there is none."""
    key = key_of(call, kind, name)
    record = call.rooms.records.delete(key)
    if record is None:
        raise not_found(key)
    call.rooms.changes.notify(key)
    return record


def caller(call: Call) -> dict[str, Any]:
    """Who calls, as a UserContext."""
    return {"IamIdentity": {"Arn": call.identity.arn, "PrincipalId": call.identity.user_id}}
