"""What the requests of pipelines must hold beyond the model: a definition that can be done, parameters that fit."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clary import pipelines
from clary.services.s3 import inside as s3
from clary.services.s3.errors import NoSuchBucket, NoSuchKey
from clary.services.sagemaker import pipeline_operations
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.not_done import NotDone, refuse
from clary.services.sagemaker.pipeline_jobs import JOBS, TRIALS
from clary.services.sagemaker.pipeline_state import parsed

if TYPE_CHECKING:
    from clary.pipelines import Definition, Reference, Step
    from clary.wire import Rooms

NOT_DONE = (
    NotDone("PipelineVersionAliases", "aliases of pipeline versions"),
    NotDone("PipelineVersionAlias", "aliases of pipeline versions"),
    NotDone("PipelineVersionAliasOperations", "aliases of pipeline versions"),
    NotDone("MlflowExperimentName", "an MLflow experiment"),
    NotDone("PipelineDefinitionS3Location.VersionId", "a version of an object"),
)

MOST_BYTES = 1_048_576


def definition_text(rooms: Rooms, request: dict[str, Any]) -> str:
    """The definition that a request gives, inline or in S3, checked."""
    refuse(request, NOT_DONE)
    inline: str = request.get("PipelineDefinition", "")
    place = request.get("PipelineDefinitionS3Location")
    if inline and place:
        raise ValidationException("Both Pipeline Definition and Pipeline Definition S3 Location shouldn't be present")
    if place:
        inline = _read(rooms, place["Bucket"], place["ObjectKey"])
    if not inline:
        raise ValidationException("Either Pipeline Definition or Pipeline Definition S3 location should be provided")
    check(inline)
    return inline


def _read(rooms: Rooms, bucket: str, key: str) -> str:
    try:
        return read_object(rooms, bucket, key)
    except (NoSuchBucket, NoSuchKey, ValueError) as error:
        raise ValidationException(f"PipelineDefinitionS3Location: s3://{bucket}/{key} can't be read: {error}") from None


def read_object(rooms: Rooms, bucket: str, key: str) -> str:
    """The text of an object; raises NoSuchBucket, NoSuchKey, and ValueError where it is too long or no text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object"
        s3.fetch_object(rooms, bucket, key, path)
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES} bytes")
        return path.read_text(encoding="utf-8")


def check(text: str) -> None:
    """Raise ValidationException for a definition that doesn't hold together, or asks for what can't be done."""
    try:
        definition = parsed(text)
    except pipelines.DefinitionError as error:
        raise ValidationException(f"Unable to parse pipeline definition. {error}") from None
    for step in definition.steps.values():
        _check_step(definition, step)


def _check_step(definition: Definition, step: Step) -> None:
    if step.type == "Fail":
        _check_members(step, {"ErrorMessage"})
    elif step.type != "Condition":
        _check_job(step)
    for reference in step.references:
        if reference.root == "Steps" and not reference.property_file:
            _check_property(definition, step, reference)


def _check_job(step: Step) -> None:
    job = JOBS.get(step.type)
    if job is None or not pipeline_operations.exists(job.create):
        known = [name for name, other in JOBS.items() if pipeline_operations.exists(other.create)]
        raise ValidationException(
            f"Step {step.name!r}: Clary does not support steps of Type {step.type} yet; it has "
            f"{', '.join([*known, 'Condition', 'Fail'])}."
        )
    _check_members(step, pipeline_operations.members(job.create)[0])
    if step.cached_for and not job.cached:
        raise ValidationException(f"Step {step.name!r}: a step of Type {step.type} can't be cached.")


def _check_members(step: Step, known: set[str]) -> None:
    if unknown := step.arguments.keys() - known:
        raise ValidationException(
            f"Unable to parse pipeline definition. Step {step.name!r} has an unknown argument {min(unknown)!r}."
        )


def _check_property(definition: Definition, step: Step, reference: Reference) -> None:
    other = definition.steps[reference.name]
    if not reference.path or reference.path[0] not in _properties(other):
        path = ".".join(map(str, reference.path))
        raise ValidationException(
            f"Unable to parse pipeline definition. Step {step.name!r}: Unknown property reference "
            f"'Steps.{reference.name}.{path}'."
        )


def _properties(step: Step) -> set[str]:
    """The first members of what later steps may refer to."""
    if step.type == "Condition":
        return {"Outcome"}
    described = pipeline_operations.members(JOBS[step.type].describe)[1]
    return described | (pipeline_operations.members(TRIALS)[1] if step.type == "Tuning" else set())


def parameter_values(definition: Definition, given: list[dict[str, str]]) -> dict[str, Any]:
    """The values of all parameters; ValidationException for one that is unknown, missing or unfit."""
    texts = {row["Name"]: row["Value"] for row in given}
    if unknown := texts.keys() - definition.parameters.keys():
        raise ValidationException(f"Unknown pipeline parameters: {', '.join(sorted(unknown))}.")
    values = {}
    for name, parameter in definition.parameters.items():
        if name not in texts and parameter.default is None:
            raise ValidationException(f"Pipeline parameter {name} has no default value: the start must give it one.")
        try:
            values[name] = parameter.read(texts[name]) if name in texts else parameter.default
        except ValueError as error:
            raise ValidationException(f"Pipeline parameter {name} of Type {parameter.type}: {error}.") from None
    return values
