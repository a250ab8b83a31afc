"""What each type of pipeline step starts: its operations, the names of its jobs, what its cache looks at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.store.records import Key

if TYPE_CHECKING:
    from clary.clock import Clock


class Job(NamedTuple):
    """What a type of step starts."""

    resource: str
    """The resource type in its ARN."""
    operation: str
    """What follows Create, Describe and Stop in the names of its operations."""
    name: str
    """The member that names it in requests."""
    arn: str
    """The member of the Create response that holds its ARN."""
    metadata: str
    """The member of a step's Metadata that tells of it."""
    cached: tuple[str, ...] = ()
    """The members of its request that decide whether an earlier result is as good; none: it is never cached."""
    lasts: bool = True
    """Whether it goes on after it was created."""

    @property
    def create(self) -> str:
        """The operation that starts it."""
        return f"Create{self.operation}"

    @property
    def describe(self) -> str:
        """The operation that describes it."""
        return f"Describe{self.operation}"


JOBS = {
    "Training": Job(
        "training-job",
        "TrainingJob",
        "TrainingJobName",
        "TrainingJobArn",
        "TrainingJob",
        (
            "AlgorithmSpecification",
            "CheckpointConfig",
            "DebugHookConfig",
            "DebugRuleConfigurations",
            "Environment",
            "HyperParameters",
            "InputDataConfig",
        ),
    ),
    "Processing": Job(
        "processing-job",
        "ProcessingJob",
        "ProcessingJobName",
        "ProcessingJobArn",
        "ProcessingJob",
        ("AppSpecification", "Environment", "ProcessingInputs"),
    ),
    "Transform": Job(
        "transform-job",
        "TransformJob",
        "TransformJobName",
        "TransformJobArn",
        "TransformJob",
        ("DataProcessing", "Environment", "ModelName", "TransformInput"),
    ),
    "Tuning": Job(
        "hyper-parameter-tuning-job",
        "HyperParameterTuningJob",
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobArn",
        "TuningJob",
        ("HyperParameterTuningJobConfig", "TrainingJobDefinition", "TrainingJobDefinitions"),
    ),
    "Model": Job("model", "Model", "ModelName", "ModelArn", "Model", lasts=False),
    "RegisterModel": Job(
        "model-package", "ModelPackage", "ModelPackageName", "ModelPackageArn", "RegisterModel", lasts=False
    ),
}

TRIALS = "ListTrainingJobsForHyperParameterTuningJob"
"""The operation whose answer the properties of a tuning step have too: its trials, the best first."""
MOST_TRIALS = 50

_TUNING_CACHED = ("AlgorithmSpecification", "HyperParameterRanges", "InputDataConfig", "StaticHyperParameters")

SUFFIX = 10  # digits that keep the names of tries apart
_UNFIT = re.compile(r"[^A-Za-z0-9-]")


def new_name(clock: Clock, job: Job, execution: str, step: str, prefix: str) -> str:
    """A name for a job of a step, as AWS makes it; the prefix is one that the step's arguments ask for."""
    suffix, fit = clock.hex(SUFFIX), _UNFIT.sub("-", step)
    room = (32 if job.metadata == "TuningJob" else 63) - len(f"-{execution}-{suffix}")
    if prefix:
        return f"{prefix[:room]}-{execution}-{suffix}"
    if job.metadata == "TuningJob":
        return f"{execution}-{fit[:room]}-{suffix}"
    return f"pipelines-{execution}-{fit[: room - len('pipelines-')]}-{suffix}"


def key_of_job(job: Job, execution: Key, name: str) -> Key:
    """The key of a job's record."""
    return Key(f"sagemaker/{job.resource}", execution.account, execution.region, name.lower())


def trials_request(described: dict[str, Any]) -> dict[str, Any]:
    """The request for the trials of a tuning job, the best first."""
    config, definitions = described["HyperParameterTuningJobConfig"], described.get("TrainingJobDefinitions", [{}])
    objective = config.get("HyperParameterTuningJobObjective") or definitions[0].get("TuningObjective", {})
    return {
        "HyperParameterTuningJobName": described["HyperParameterTuningJobName"],
        "SortBy": "FinalObjectiveMetricValue",
        "SortOrder": "Descending" if objective.get("Type") == "Maximize" else "Ascending",
        "MaxResults": MOST_TRIALS,
    }


def cached_part(job: Job, arguments: dict[str, Any]) -> dict[str, Any]:
    """What of a request decides whether an earlier result is as good."""
    part = {member: arguments[member] for member in job.cached if member in arguments}
    definition = part.get("TrainingJobDefinition")
    if isinstance(definition, dict):
        kept = (*_TUNING_CACHED, "TuningObjective")
        part["TrainingJobDefinition"] = {member: definition[member] for member in kept if member in definition}
    return part
