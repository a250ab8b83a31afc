"""The training job definitions of a tuning job: objective, ranges, and the request that one of its trials makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clary import algorithms
from clary.algorithms.hyperparameters import Continuous, Hyperparameter, Hyperparameters, Integer
from clary.services.sagemaker import images
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.training_state import metric_definitions
from clary.tuning import Space, allowed

if TYPE_CHECKING:
    from clary.services.sagemaker.images import Image

OBJECTIVE = "_tuning_objective_metric"
"""The hyperparameter that tells an algorithm which metric is watched."""

_KINDS = {allowed.INTEGER: Integer, allowed.CONTINUOUS: Continuous, allowed.CATEGORICAL: Hyperparameter}
_ANY = ("any value",)

_PASSED_ON = (
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)


def all_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The definitions of a CreateHyperParameterTuningJob request or of a record's body, one or several."""
    one = body.get("TrainingJobDefinition")
    return [one] if one else body.get("TrainingJobDefinitions", [])


def objective_of(body: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, Any]:
    """Type and MetricName of what a definition's trials are judged by; empty where nothing says."""
    common = body["HyperParameterTuningJobConfig"].get("HyperParameterTuningJobObjective")
    return definition.get("TuningObjective") or common or {}


def ranges_of(body: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, Any]:
    """The ParameterRanges of a definition."""
    common = body["HyperParameterTuningJobConfig"].get("ParameterRanges")
    return definition.get("HyperParameterRanges") or common or {}


def image_of(definition: Mapping[str, Any]) -> Image:
    """The image of a definition's trials; its hyperparameters say whether a script runs in it."""
    return images.resolve_specification(
        definition["AlgorithmSpecification"], definition.get("StaticHyperParameters", {})
    )


def space_of(body: Mapping[str, Any], definition: Mapping[str, Any]) -> Space:
    """What is searched for a definition; ValidationException where its ranges can't be."""
    return allowed.to_space(ranges_of(body, definition), table_of(body, definition))


def table_of(body: Mapping[str, Any], definition: Mapping[str, Any]) -> Hyperparameters:
    """The hyperparameters that an algorithm declares; of a script, those that have a range."""
    image = image_of(definition)
    if image.algorithm:
        return algorithms.load(image.algorithm).hyperparameters
    ranges = ranges_of(body, definition)
    rows = ((entry["Name"], kind) for member, kind in _KINDS.items() for entry in ranges.get(member, []))
    return Hyperparameters(*(kind(name, "", tunable=_ANY) for name, kind in rows))


def training_request(
    body: Mapping[str, Any], definition: Mapping[str, Any], name: str, tuned: Mapping[str, str]
) -> dict[str, Any]:
    """The CreateTrainingJob request of a trial."""
    metric = objective_of(body, definition)["MetricName"]
    request = {member: definition[member] for member in _PASSED_ON if member in definition}
    request |= {
        "TrainingJobName": name,
        "AlgorithmSpecification": specification_of(definition),
        "HyperParameters": {**definition.get("StaticHyperParameters", {}), **tuned, OBJECTIVE: metric},
        "ResourceConfig": definition["ResourceConfig"],
    }
    if request.get("CheckpointConfig"):  # trials must not go on from each other's
        config = request["CheckpointConfig"]
        request["CheckpointConfig"] = {**config, "S3Uri": f"{config['S3Uri'].rstrip('/')}/{name}"}
    if "HyperParameterTuningJobArn" in body:
        request["TuningJobArn"] = body["HyperParameterTuningJobArn"]
    if body.get("Tags"):
        request["Tags"] = body["Tags"]
    return request


def specification_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The AlgorithmSpecification, without metrics that are the algorithm's own: a description repeats them."""
    specification = dict(definition["AlgorithmSpecification"])
    if specification.get("MetricDefinitions") == metric_definitions(image_of(definition)):
        del specification["MetricDefinitions"]
    return specification


def resources_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The ResourceConfig of a definition's trials. The first of several instance configurations is always to be had."""
    flexible = definition.get("HyperParameterTuningResourceConfig")
    if bool(flexible) == bool(definition.get("ResourceConfig")):
        raise ValidationException(
            "A training job definition must have exactly one of ResourceConfig and HyperParameterTuningResourceConfig; "
            f"this one has {'both' if flexible else 'neither'}."
        )
    if not flexible:
        return dict(definition["ResourceConfig"])
    resources = {member: value for member, value in flexible.items() if member in ("InstanceType", "InstanceCount")}
    resources |= {member: flexible[member] for member in ("VolumeSizeInGB", "VolumeKmsKeyId") if member in flexible}
    choices = flexible.get("InstanceConfigs")
    if choices and resources.keys() - {"VolumeKmsKeyId"}:
        raise ValidationException(
            "HyperParameterTuningResourceConfig has InstanceConfigs and "
            f"{', '.join(sorted(resources.keys() - {'VolumeKmsKeyId'}))}; give the one or the other."
        )
    return {**resources, **choices[0]} if choices else resources
