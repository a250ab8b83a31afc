"""What an endpoint serves, kept whole in its record: it outlives the configuration and the models it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.hosting import ContainerSpec, EndpointSpec, VariantSpec
from clary.services.sagemaker import async_config, capture_config, images, resources, s3_locations, serverless_config
from clary.services.sagemaker.limits import check_instances
from clary.services.sagemaker.model import model_data
from clary.services.sagemaker.multi_model import is_direct, is_multi_model
from clary.services.sagemaker.resources import MODEL
from clary.services.sagemaker.shadow_config import SHADOW_VARIANTS

if TYPE_CHECKING:
    from clary.store.records import Record
    from clary.wire import Call

_STARTUP = "ContainerStartupHealthCheckTimeoutInSeconds"
_SERVERLESS_SECONDS = 180  # that a cold start may take

_TIMEOUTS = {"startup_seconds": "StartupSeconds", "download_seconds": "DownloadSeconds"}


def new_deployment(call: Call, config: Record) -> dict[str, Any]:
    """The deployment of an endpoint configuration, its models looked up now."""
    variants = [_variant(call, config, variant) for variant in config.body["ProductionVariants"]]
    variants += [{**_variant(call, config, row), "Shadow": True} for row in config.body.get(SHADOW_VARIANTS, [])]
    check_size(variants)
    return {
        "EndpointConfigName": config.body["EndpointConfigName"],
        "StartTime": call.rooms.clock.now(),
        "Variants": variants,
        "DataCaptureConfig": config.body.get("DataCaptureConfig"),
        "AsyncInferenceConfig": config.body.get("AsyncInferenceConfig"),
    }


def check_size(variants: list[dict[str, Any]]) -> None:
    """Raise ResourceLimitExceeded for more instances than an endpoint may have."""
    check_instances(sum(variant["DesiredInstanceCount"] for variant in variants), "endpoint")


def _variant(call: Call, config: Record, variant: dict[str, Any]) -> dict[str, Any]:
    model = resources.find(call, MODEL, variant["ModelName"]).body
    containers = model.get("Containers") or [model["PrimaryContainer"]]
    serverless = variant.get("ServerlessConfig")
    return {
        "VariantName": variant["VariantName"],
        "InstanceType": variant.get("InstanceType", ""),
        "Serverless": serverless,
        "DesiredWeight": variant["InitialVariantWeight"],
        "DesiredInstanceCount": (
            serverless.get("ProvisionedConcurrency", 0) if serverless else variant["InitialInstanceCount"]
        ),
        "Containers": [new_container(container) for container in containers],
        "NetworkIsolation": bool(model["EnableNetworkIsolation"] or config.body.get("EnableNetworkIsolation")),
        "StartupSeconds": _SERVERLESS_SECONDS if serverless else variant.get(_STARTUP),
        "DownloadSeconds": variant.get("ModelDataDownloadTimeoutInSeconds"),
        "Direct": is_direct(model),
        "Routing": variant.get("RoutingConfig", {}).get("RoutingStrategy", ""),
        "AcceleratorType": variant.get("AcceleratorType", ""),
    }


def new_container(container: dict[str, Any]) -> dict[str, Any]:
    """What serving a model's container takes, kept in a record."""
    data = model_data(container)
    return {
        "Image": container["Image"],
        "Algorithm": images.resolve_served(container, "Image").algorithm,
        "ModelData": s3_locations.parse(data.uri, "ModelDataUrl").uri if data.uri else "",
        "Compressed": data.compressed,
        "Environment": container.get("Environment", {}),
        "Hostname": container.get("ContainerHostname", ""),
        "MultiModel": is_multi_model(container),
        "CacheModels": container.get("MultiModelConfig", {}).get("ModelCacheSetting") != "Disabled",
    }


def retain(deployment: dict[str, Any], old: dict[str, Any], excluded: set[str]) -> None:
    """Give variants of the same name the weight and the number of instances that they have in the old deployment."""
    properties = {"DesiredWeight", "DesiredInstanceCount"} - excluded
    before = {variant["VariantName"]: variant for variant in old["Variants"]}
    for variant in deployment["Variants"]:
        found = before.get(variant["VariantName"])
        if found and not (variant["Serverless"] or found.get("Serverless")):
            variant.update({name: found[name] for name in properties})


def to_spec(record: Record, deployment: dict[str, Any]) -> EndpointSpec:
    """A deployment as the hosting room needs it."""
    return EndpointSpec(
        id=record.body["EndpointArn"],
        account=record.key.account,
        region=record.key.region,
        name=record.body["EndpointName"],
        variants=[_to_variant(variant, deployment) for variant in deployment["Variants"]],
    )


def _to_variant(variant: dict[str, Any], deployment: dict[str, Any]) -> VariantSpec:
    return VariantSpec(
        name=variant["VariantName"],
        weight=variant["DesiredWeight"],
        instance_count=variant["DesiredInstanceCount"],
        instance_type=variant["InstanceType"],
        containers=[to_container(container) for container in variant["Containers"]],
        network_isolation=variant["NetworkIsolation"],
        direct=variant.get("Direct", False),
        routing=variant.get("Routing", ""),
        accelerator_type=variant.get("AcceleratorType", ""),
        shadow=variant.get("Shadow", False),
        config=deployment["EndpointConfigName"],
        capture=capture_config.to_spec(deployment.get("DataCaptureConfig")),
        serverless=serverless_config.to_spec(variant.get("Serverless")),
        concurrent=async_config.concurrent(deployment.get("AsyncInferenceConfig")),
        **{name: variant[member] for name, member in _TIMEOUTS.items() if variant[member] is not None},
    )


def to_container(container: dict[str, Any]) -> ContainerSpec:
    """The same as the hosting room needs it."""
    return ContainerSpec(
        algorithm=container["Algorithm"],
        image="" if container["Algorithm"] else container["Image"],
        model_uri=container["ModelData"],
        compressed=container["Compressed"],
        environment=container["Environment"],
        hostname=container["Hostname"],
        multi_model=container.get("MultiModel", False),  # records of earlier versions know nothing of it
        cache_models=container.get("CacheModels", True),
    )
