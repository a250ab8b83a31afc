"""Models: containers with their model data."""

from __future__ import annotations

from typing import Any, NamedTuple

from clary.services.sagemaker import (
    images,
    listing,
    model_package_deployment,
    multi_model,
    resources,
    roles,
    s3_locations,
)
from clary.services.sagemaker.errors import ValidationException, not_yet
from clary.services.sagemaker.limits import check_environment
from clary.services.sagemaker.not_done import NotDone, refuse
from clary.services.sagemaker.resources import MODEL
from clary.store.records import Record
from clary.wire import Call, operation

MOST_CONTAINERS = 15

NOT_DONE = (NotDone("VpcConfig", "a model in a VPC"),)

CONTAINER_NOT_DONE = (
    NotDone("ImageConfig.RepositoryAccessMode", "an image registry in a VPC", ("Platform",)),
    NotDone("ImageConfig.RepositoryAuthConfig", "a private image registry"),
    NotDone("AdditionalModelDataSources", "more than one source of model data"),
    NotDone("ContainerMetricsConfig", "metrics of the container's own"),
    NotDone("ModelDataSource.S3DataSource.ModelAccessConfig", "a model with a licence to accept"),
    NotDone("ModelDataSource.S3DataSource.HubAccessConfig", "a private hub"),
    NotDone("ModelDataSource.S3DataSource.ManifestS3Uri", "a manifest of model data"),
    NotDone("ModelDataSource.S3DataSource.ETag", "a check of the model data's ETag"),
    NotDone("ModelDataSource.S3DataSource.ManifestEtag", "a manifest of model data"),
)


@operation
def create_model(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Check the containers and write one record."""
    refuse(request, NOT_DONE)
    containers = []
    for member, given in _containers(request).items():
        for container in model_package_deployment.unpack(call, given, member):
            _check_container(call, member, container)
            containers.append(container)
    _check_containers(containers)
    multi_model.check_model(request, containers)
    if "ExecutionRoleArn" in request:
        roles.check(call, request["ExecutionRoleArn"])
    body = {**request, "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False)}
    if body.pop("PrimaryContainer", None) and len(containers) == 1:
        body["PrimaryContainer"] = containers[0]
    else:  # a package of several containers makes a pipeline, wherever it is named
        body["Containers"] = containers
    return {"ModelArn": resources.create(call, MODEL, body).body["ModelArn"]}


def _containers(request: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The containers by the name of their place; ValidationException unless there is one or a pipeline of them."""
    primary, several = request.get("PrimaryContainer"), request.get("Containers")
    if bool(primary) == bool(several):
        raise ValidationException(
            "Exactly one of PrimaryContainer and Containers must be given; this request has "
            + ("both." if primary else "neither.")
        )
    if primary:
        return {"PrimaryContainer": primary}
    return {f"Containers[{place}]": container for place, container in enumerate(several or [])}


def _check_container(call: Call, member: str, container: dict[str, Any]) -> None:
    refuse({member: container}, [row._replace(path=f"{member}.{row.path}") for row in CONTAINER_NOT_DONE])
    if not container.get("Image"):
        raise ValidationException(f"{member}.Image is required.")
    image = images.resolve_served(container, f"{member}.Image")
    if images.is_own(image):
        images.require(call.rooms.settings, image.uri, f"{member}.Image")
    check_environment(container.get("Environment", {}), f"{member}.Environment")
    multi_model.check_container(call, container, member)
    if image.algorithm == "" and multi_model.is_multi_model(container):
        raise not_yet(f"{member}.Mode", "many models behind a script")
    if not multi_model.is_multi_model(container):  # whose models may come later
        check_data(call, container, member)


def check_data(call: Call, container: dict[str, Any], member: str) -> None:
    """Raise ValidationException, naming `member`, where a container's model data isn't there."""
    data = model_data(container, member)
    if not data.uri:
        return
    exists = s3_locations.object_exists if data.compressed else s3_locations.has_objects
    if not exists(call.rooms, s3_locations.parse(data.uri, f"{member}.ModelDataUrl")):
        raise ValidationException(f"Could not find model data at {data.uri}.")


class ModelData(NamedTuple):
    """Where a container's model is: in a model.tar.gz, or as files under a prefix; nowhere for some scripts."""

    uri: str
    compressed: bool


def model_data(container: dict[str, Any], member: str = "Container") -> ModelData:
    """A container's model data; ValidationException, naming `member`, where there is none that Clary can serve."""
    url, source = container.get("ModelDataUrl", ""), container.get("ModelDataSource", {}).get("S3DataSource")
    if not (url or source) and images.resolve_served(container, f"{member}.Image").algorithm == "":
        return ModelData("", compressed=True)
    if bool(url) == bool(source):
        raise ValidationException(
            f"{member}: exactly one of ModelDataUrl and ModelDataSource must be given for a built-in algorithm; this "
            "container has " + ("both." if url else "neither.")
        )
    if url:
        return ModelData(url, compressed=True)
    form = (source["S3DataType"], source["CompressionType"])
    if form not in (("S3Object", "Gzip"), ("S3Prefix", "None")):
        raise not_yet(f"{member}.ModelDataSource", f"model data of the form {form[0]}, {form[1]}")
    return ModelData(source["S3Uri"], compressed=form[1] == "Gzip")


def _check_containers(containers: list[dict[str, Any]]) -> None:
    if len(containers) > MOST_CONTAINERS:
        raise ValidationException(
            f"A model has at most {MOST_CONTAINERS} containers; this would make {len(containers)}."
        )
    names = [container["ContainerHostname"] for container in containers if container.get("ContainerHostname")]
    for name in names:
        if names.count(name) > 1:
            raise ValidationException(f"Containers: the ContainerHostname {name!r} is given more than once.")


@operation
def describe_model(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The model as it was created."""
    return describe(resources.find(call, MODEL, request["ModelName"]))


def describe(record: Record) -> dict[str, Any]:
    """DescribeModel's answer."""
    return {**record.body, "CreationTime": record.created}


@operation
def list_models(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of the models."""
    return listing.answer("Models", listing.page(call, MODEL, request), listing.summary_of(MODEL))


@operation
def delete_model(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove the model's record; endpoints that serve it go on, its data stays."""
    resources.delete(call, MODEL, request["ModelName"])
    return {}
