"""Containers of many models, and models whose containers are invoked directly: what CreateModel's model cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import images, s3_locations
from clary.services.sagemaker.errors import ValidationException, not_yet

if TYPE_CHECKING:
    from clary.wire import Call

ALGORITHMS = ("knn", "linear-learner", "randomcutforest", "xgboost")
"""Those whose images AWS made for many models."""


def is_multi_model(container: dict[str, Any]) -> bool:
    """Whether a container serves many models."""
    return bool(container.get("Mode") == "MultiModel")


def check_container(call: Call, container: dict[str, Any], member: str) -> None:
    """Raise ValidationException, naming `member`, for a container that can't serve many models as it is asked to."""
    if not is_multi_model(container):
        if container.get("MultiModelConfig"):
            raise ValidationException(f"{member}.MultiModelConfig is for a container whose Mode is MultiModel.")
        return
    image = container["Image"]
    if images.resolve(image, f"{member}.Image").algorithm not in ALGORITHMS:
        raise ValidationException(
            f"Your Ecr Image {image} does not contain required com.amazonaws.sagemaker.capabilities.multi-models=true "
            f"Docker label(s). Of the built-in algorithms {', '.join(ALGORITHMS)} have it."
        )
    for other in ("ModelDataSource", "ModelPackageName"):
        if container.get(other):
            raise not_yet(f"{member}.{other}", "model data of a multi-model container other than by ModelDataUrl")
    url = container.get("ModelDataUrl", "")
    if not url:
        raise ValidationException(
            f"{member}.ModelDataUrl is required of a multi-model container: the prefix that its models lie below."
        )
    location = s3_locations.parse(url, f"{member}.ModelDataUrl")
    if not s3_locations.bucket_exists(call.rooms, location.bucket):
        raise ValidationException(f"{member}.ModelDataUrl: the bucket {location.bucket!r} does not exist.")


def check_model(request: dict[str, Any], containers: list[dict[str, Any]]) -> None:
    """Raise ValidationException for containers that don't go together."""
    if sum(map(is_multi_model, containers)) > 1:
        raise ValidationException("Containers: at most one container of a model may have the Mode MultiModel.")
    if not is_direct(request):
        return
    if request.get("PrimaryContainer"):
        raise ValidationException("InferenceExecutionConfig.Mode Direct is for a model with Containers.")
    for place, container in enumerate(containers):
        if not container.get("ContainerHostname"):
            raise ValidationException(
                f"Containers[{place}].ContainerHostname is required where InferenceExecutionConfig.Mode is Direct."
            )


def is_direct(model: dict[str, Any]) -> bool:
    """Whether a request names the container it is for, instead of going through all."""
    return bool(model.get("InferenceExecutionConfig", {}).get("Mode") == "Direct")


def check_transform(model: dict[str, Any], containers: list[dict[str, Any]]) -> None:
    """Raise ValidationException for a model that a batch transform can't use."""
    if any(map(is_multi_model, containers)):
        raise ValidationException(f"Model {model['ModelName']} is a multi-model: it is for endpoints only.")
    if is_direct(model):
        raise ValidationException(
            f"The containers of model {model['ModelName']} are invoked directly: it is for endpoints only."
        )


def check_variant(variant: dict[str, Any], model: dict[str, Any]) -> None:
    """Raise ValidationException for a production variant that asks for what its model can't have."""
    containers = model.get("Containers") or [model["PrimaryContainer"]]
    if variant.get("AcceleratorType") and any(map(is_multi_model, containers)):
        raise ValidationException(
            f"ProductionVariants: the variant {variant['VariantName']!r} can't have an AcceleratorType: Elastic "
            "Inference is not for multi-model containers."
        )
