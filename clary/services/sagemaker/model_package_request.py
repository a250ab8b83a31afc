"""What CreateModelPackage's and UpdateModelPackage's models cannot say; and where a package's contents come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from clary.services.sagemaker import images, model, resources
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.limits import check_environment
from clary.services.sagemaker.model_package_deployment import DEPLOYED
from clary.services.sagemaker.not_done import NotDone, refuse
from clary.services.sagemaker.resources import MODEL, MODEL_PACKAGE

if TYPE_CHECKING:
    from clary.wire import Call

MOST_ADDITIONAL = 15

NOT_DONE = (
    NotDone("ValidationSpecification.ValidationProfiles", "a validation by transform jobs"),
    NotDone("CertifyForMarketplace", "a certificate for the marketplace"),
    NotDone("SecurityConfig.KmsKeyId", "encryption with a KMS key"),
    NotDone("ManagedStorageType", "managed storage"),
)

CONTAINER_NOT_DONE = (
    *model.CONTAINER_NOT_DONE,
    NotDone("AdditionalS3DataSource", "more than one source of model data"),
    NotDone("ImageDigest", "an image by its digest"),
    NotDone("ModelDataETag", "a check of the model data's ETag"),
    NotDone("ProductId", "a product of the marketplace"),
)

CLONED = (
    "InferenceSpecification",
    "AdditionalInferenceSpecifications",
    "ModelMetrics",
    "DriftCheckBaselines",
    "MetadataProperties",
    "CustomerMetadataProperties",
    "Domain",
    "Task",
    "SamplePayloadUrl",
    "ModelCard",
)
"""What a package that is made from another takes over from it."""


def completed(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The request with what its source adds to it; ValidationException where it can't be done."""
    refuse(request, NOT_DONE)
    versioned = _is_versioned(request)
    if "SourceAlgorithmSpecification" in request:
        request = {**request, "InferenceSpecification": _of_algorithm(call, request)}
    elif request.get("SourceUri", "").startswith("arn:"):
        request = {**_of_source(call, request["SourceUri"]), **request}
    check_contents(call, request)
    if not versioned and "InferenceSpecification" in request:
        _check_unversioned(request)
    return request


def _is_versioned(request: dict[str, Any]) -> bool:
    name, group = request.get("ModelPackageName"), request.get("ModelPackageGroupName")
    if not name and not group:
        raise ValidationException("Missing ARN. One of ModelPackageName and ModelPackageGroupName must be given.")
    if name and group:
        raise ValidationException(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which one to "
            "use."
        )
    if group and request.get("Tags"):
        raise ValidationException(
            "Tags: a versioned model package has those of its model package group; tag the group."
        )
    return bool(group)


def _check_unversioned(request: dict[str, Any]) -> None:
    specification = request["InferenceSpecification"]
    if any(container.get("Environment") for container in specification["Containers"]):
        raise ValidationException("Environment variable map cannot be specified when using non-versioned ModelPackages")
    if "SourceAlgorithmSpecification" in request:
        return
    for member in ("SupportedTransformInstanceTypes", "SupportedRealtimeInferenceInstanceTypes"):
        if not specification.get(member):
            raise ValidationException(f"InferenceSpecification.{member} is required of an unversioned model package.")


def check_contents(call: Call, request: dict[str, Any]) -> None:
    """Check the inference specifications and the model card of a package that is made or updated."""
    if "InferenceSpecification" in request:
        _check_specification(call, request["InferenceSpecification"], "InferenceSpecification")
    for member in ("AdditionalInferenceSpecifications", "AdditionalInferenceSpecificationsToAdd"):
        for place, additional in enumerate(request.get(member, [])):
            _check_specification(call, additional, f"{member}[{place}]")
        check_names(request.get(member, []))
    content = request.get("ModelCard", {}).get("ModelCardContent", "{}")
    try:
        msgspec.json.decode(content, type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise ValidationException(f"ModelCard.ModelCardContent is not a JSON object: {error}") from None


def check_names(additional: list[dict[str, Any]]) -> None:
    """Raise ValidationException for additional specifications of one name, or too many."""
    names = [specification["Name"] for specification in additional]
    for name in names:
        if names.count(name) > 1:
            raise ValidationException(f"AdditionalInferenceSpecifications: the Name {name!r} is given more than once.")
    if len(names) > MOST_ADDITIONAL:
        raise ValidationException(
            f"A model package has at most {MOST_ADDITIONAL} AdditionalInferenceSpecifications; this would make "
            f"{len(names)}."
        )


def _check_specification(call: Call, specification: dict[str, Any], name: str) -> None:
    refuse({name: specification}, [row._replace(path=f"{name}.Containers.{row.path}") for row in CONTAINER_NOT_DONE])
    for place, container in enumerate(specification["Containers"]):
        member = f"{name}.Containers[{place}]"
        if container.get("Image"):
            image = images.resolve(container["Image"], f"{member}.Image")
            if images.is_own(image):
                images.require(call.rooms.settings, image.uri, f"{member}.Image")
        check_environment(container.get("Environment", {}), f"{member}.Environment")
        if container.get("ModelDataUrl") or container.get("ModelDataSource"):
            model.check_data(call, container, member)


def _of_algorithm(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The inference specification of a model that a built-in algorithm made."""
    if "InferenceSpecification" in request:
        raise ValidationException(
            "Exactly one of InferenceSpecification and SourceAlgorithmSpecification may be given; this request has "
            "both."
        )
    [source] = request["SourceAlgorithmSpecification"]["SourceAlgorithms"]
    member = "SourceAlgorithmSpecification.SourceAlgorithms[0]"
    data = {name: source[name] for name in ("ModelDataUrl", "ModelDataSource", "ModelDataETag") if name in source}
    return {
        "Containers": [{"Image": images.of(source["AlgorithmName"], call.region, f"{member}.AlgorithmName"), **data}]
    }


def _of_source(call: Call, uri: str) -> dict[str, Any]:
    """What a package takes over from the model package or the model that its SourceUri names."""
    key = resources.key_of_arn(uri)
    kind = key and resources.kind_of(key)
    if kind is MODEL_PACKAGE:
        package = resources.find(call, MODEL_PACKAGE, uri).body
        return {member: package[member] for member in CLONED if member in package}
    if kind is MODEL:
        body = resources.find(call, MODEL, uri).body
        containers = body.get("Containers") or [body["PrimaryContainer"]]
        parts = [{member: each[member] for member in DEPLOYED if member in each} for each in containers]
        return {"InferenceSpecification": {"Containers": parts}}
    raise ValidationException(f"SourceUri: {uri} is the ARN of neither a model nor a model package.")
