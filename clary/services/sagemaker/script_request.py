"""What a training job that runs a script may ask for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import images, s3_locations
from clary.services.sagemaker.errors import ValidationException, not_yet

if TYPE_CHECKING:
    from clary.wire import Call

SUBMIT_DIRECTORY = "sagemaker_submit_directory"
_DISTRIBUTIONS = {
    "sagemaker_mpi_enabled": "MPI",
    "sagemaker_parameter_server_enabled": "parameter servers",
    "sagemaker_distributed_dataparallel_enabled": "SageMaker's library for data parallelism",
    "sagemaker_pytorch_ddp_enabled": "SageMaker's launcher of PyTorch's DDP; torch_distributed is the one that works",
    "sagemaker_pytorch_xla_multi_worker_enabled": "PyTorch XLA",
    "mp_parameters": "SageMaker's library for model parallelism",
}


def check(call: Call, request: dict[str, Any]) -> None:
    """Raise ValidationException for what a script can't be given."""
    specification = request["AlgorithmSpecification"]
    image = images.resolve_script(specification["TrainingImage"], "AlgorithmSpecification.TrainingImage")
    images.require(call.rooms.settings, image.uri, "AlgorithmSpecification.TrainingImage")
    if images.is_own(image):
        return
    if specification.get("ContainerArguments") and not specification.get("ContainerEntrypoint"):
        raise not_yet("AlgorithmSpecification.ContainerArguments", "arguments of the image's own entry point")
    hyperparameters = request.get("HyperParameters", {})
    for name, what in _DISTRIBUTIONS.items():
        if decoded(hyperparameters.get(name, "")):
            raise not_yet(f"HyperParameters.{name}", what)
    source = decoded(hyperparameters.get(SUBMIT_DIRECTORY, ""))
    if isinstance(source, str) and source.startswith("s3://"):
        member = f"HyperParameters.{SUBMIT_DIRECTORY}"
        if not s3_locations.object_exists(call.rooms, s3_locations.parse(source, member)):
            raise ValidationException(f"{member}: there is no object {source}.")


def decoded(value: str) -> Any:
    """A hyperparameter's value: SDK v2 encodes it as JSON."""
    try:
        return json.loads(value)
    except ValueError:
        return value
