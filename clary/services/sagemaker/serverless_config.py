"""ServerlessConfig: what a serverless variant may ask for, and what it is to the hosting room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clary.hosting import ServerlessSpec
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.shadow_config import SHADOW_VARIANTS

if TYPE_CHECKING:
    from clary.store.records import Record

_STEP = 1024  # MB

# What a variant can't have beside ServerlessConfig: it has no instances that one could name or set.
_EXCLUDED = (
    "InstanceType",
    "InitialInstanceCount",
    "AcceleratorType",
    "VolumeSizeInGB",
    "RoutingConfig",
    "ManagedInstanceScaling",
    "ContainerStartupHealthCheckTimeoutInSeconds",
    "ModelDataDownloadTimeoutInSeconds",
)


def check(request: dict[str, Any]) -> None:
    """Raise ValidationException for a configuration with a serverless variant that AWS refuses."""
    variants = request["ProductionVariants"]
    serverless = [variant for variant in variants if "ServerlessConfig" in variant]
    for variant in serverless:
        name = variant["VariantName"]
        if given := [member for member in _EXCLUDED if member in variant]:
            raise ValidationException(
                f"ProductionVariants: the variant {name!r} has both ServerlessConfig and {given[0]}; give only one."
            )
        check_sizes(variant["ServerlessConfig"], name)
    if serverless and (len(variants) > 1 or request.get(SHADOW_VARIANTS)):
        raise ValidationException("ProductionVariants: a serverless endpoint has one production variant and no other.")
    for member in ("VpcConfig", "EnableNetworkIsolation"):
        if serverless and request.get(member):
            raise ValidationException(f"{member}: a serverless endpoint can't have it.")


def check_sizes(config: Mapping[str, int], name: str) -> None:
    """Raise ValidationException for memory or numbers that can't be."""
    if config["MemorySizeInMB"] % _STEP:
        raise ValidationException(
            f"The variant {name!r}: MemorySizeInMB must be 1024, 2048, 3072, 4096, 5120 or 6144, not "
            f"{config['MemorySizeInMB']}."
        )
    if config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
        raise ValidationException(
            f"The variant {name!r}: ProvisionedConcurrency ({config['ProvisionedConcurrency']}) must not be greater "
            f"than MaxConcurrency ({config['MaxConcurrency']})."
        )


def check_model(variant: dict[str, Any], model: dict[str, Any]) -> None:
    """Raise ValidationException for a model that a serverless variant can't serve."""
    if "ServerlessConfig" not in variant:
        return
    containers = model.get("Containers") or [model["PrimaryContainer"]]
    reason = ""
    if len(containers) > 1:
        reason = "is an inference pipeline"
    elif containers[0].get("Mode") == "MultiModel":
        reason = "is a multi-model container"
    elif model.get("EnableNetworkIsolation"):
        reason = "asks for network isolation"
    if reason:
        raise ValidationException(
            f"ProductionVariants: the model {variant['ModelName']!r} {reason}, which a serverless variant can't serve."
        )


def check_update(serving: Record, deployment: dict[str, Any]) -> None:
    """AWS turns a serverless endpoint into one with instances, but none with instances into a serverless one."""
    was = any(variant.get("Serverless") for variant in serving.body["Deployment"]["Variants"])
    if not was and any(variant.get("Serverless") for variant in deployment["Variants"]):
        raise ValidationException(
            f'Cannot update endpoint "{serving.body["EndpointArn"]}", which has instances, to a serverless one; create '
            "another endpoint."
        )


def desired(variant: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """What a row of DesiredWeightsAndCapacities changes of a variant; ValidationException where it doesn't fit it."""
    name, config = variant["VariantName"], variant.get("Serverless")
    if config and "DesiredInstanceCount" in row:
        raise ValidationException(f"The variant {name!r} is serverless: DesiredInstanceCount can't be set.")
    if "ServerlessUpdateConfig" not in row:
        return {}
    if not config:
        raise ValidationException(f"The variant {name!r} is not serverless: ServerlessUpdateConfig can't be set.")
    changed = {**config, **row["ServerlessUpdateConfig"]}
    check_sizes(changed, name)
    return {"Serverless": changed, "DesiredInstanceCount": changed.get("ProvisionedConcurrency", 0)}


def to_spec(config: dict[str, int] | None) -> ServerlessSpec | None:
    """The same as the hosting room needs it."""
    if not config:
        return None
    return ServerlessSpec(
        memory_bytes=config["MemorySizeInMB"] << 20,
        max_concurrency=config["MaxConcurrency"],
        provisioned=config.get("ProvisionedConcurrency", 0),
    )
