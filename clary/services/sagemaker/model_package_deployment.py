"""What a container of CreateModel stands for when it names a model package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import resources
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import MODEL_PACKAGE

if TYPE_CHECKING:
    from clary.store.records import Record
    from clary.wire import Call

OWN = ("Image", "ModelDataUrl", "ModelDataSource")
"""What a container takes from its model package, and so may not have beside one."""

DEPLOYED = (*OWN, "ContainerHostname", "Environment")
"""The members of a package's container that a model's container has too."""


def unpack(call: Call, container: dict[str, Any], member: str) -> list[dict[str, Any]]:
    """The containers of the model package that a container names; the container itself where it names none.

    They keep the package's name, so that DescribeModel tells where they come from.
    """
    name, specification = container.get("ModelPackageName"), container.get("InferenceSpecificationName")
    if not name:
        if specification:
            raise ValidationException(f"{member}.InferenceSpecificationName needs a ModelPackageName beside it.")
        return [container]
    for own in OWN:
        if container.get(own):
            raise ValidationException(
                f"{member}: exactly one of ModelPackageName and {own} must be given; it has both."
            )
    package = resources.find(call, MODEL_PACKAGE, name)
    _check_deployable(package)
    return [_merged(part, container) for part in _containers(package, specification)]


def _check_deployable(package: Record) -> None:
    arn, approval = package.body["ModelPackageArn"], package.body.get("ModelApprovalStatus")
    if package.status != "Completed":
        raise ValidationException(f"ModelPackage {arn} cannot be deployed: its status is {package.status}.")
    if "ModelPackageVersion" in package.body and approval != "Approved":
        raise ValidationException(
            f"ModelPackage {arn} cannot be deployed: its ModelApprovalStatus is {approval}. Set it to Approved with "
            "UpdateModelPackage first."
        )


def _containers(package: Record, specification: str | None) -> list[dict[str, Any]]:
    arn = package.body["ModelPackageArn"]
    if not specification:
        if "InferenceSpecification" not in package.body:
            raise ValidationException(f"ModelPackage {arn} has no InferenceSpecification, so it cannot be deployed.")
        return list(package.body["InferenceSpecification"]["Containers"])
    for additional in package.body.get("AdditionalInferenceSpecifications", []):
        if additional["Name"] == specification:
            return list(additional["Containers"])
    raise ValidationException(f"ModelPackage {arn} has no inference specification with the name {specification!r}.")


def _merged(part: dict[str, Any], container: dict[str, Any]) -> dict[str, Any]:
    """A package's container with what the request says beside the package's name; its environment wins."""
    packaged = {member: part[member] for member in DEPLOYED if member in part}
    environment = {**part.get("Environment", {}), **container.get("Environment", {})}
    return {**packaged, **container, "Environment": environment}
