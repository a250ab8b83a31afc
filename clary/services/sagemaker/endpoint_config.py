"""Endpoint configurations: which models an endpoint serves, on how many instances, with what share of the traffic."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import (
    async_config,
    capture_config,
    listing,
    multi_model,
    resources,
    roles,
    serverless_config,
    shadow_config,
)
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.not_done import NotDone, refuse
from clary.services.sagemaker.resources import ENDPOINT_CONFIG, MODEL
from clary.services.sagemaker.shadow_config import SHADOW_VARIANTS
from clary.wire import Call, operation

_ROUTING = ("RANDOM", "LEAST_OUTSTANDING_REQUESTS")

NOT_DONE = (
    NotDone("ExplainerConfig", "explanations"),
    NotDone("KmsKeyId", "encryption with a KMS key"),
    NotDone("VpcConfig", "an endpoint in a VPC"),
    NotDone("MetricsConfig.EnableEnhancedMetrics", "enhanced metrics"),
    NotDone("MetricsConfig.EnableDetailedObservability", "enhanced metrics"),
    NotDone("CrossRegionTrafficConfig", "traffic between regions"),
    NotDone("ProductionVariants.InstancePools", "a choice of instance types"),
    NotDone("ProductionVariants.CoreDumpConfig", "core dumps"),
    NotDone("ProductionVariants.EnableSSMAccess", "access through SSM"),
    NotDone("ProductionVariants.ManagedInstanceScaling.Status", "managed instance scaling", ("DISABLED",)),
    NotDone("ProductionVariants.RoutingConfig.RoutingStrategy", "this routing strategy", _ROUTING),
    NotDone("ProductionVariants.CapacityReservationConfig", "a capacity reservation"),
    NotDone("ProductionVariants.AcceleratorPartitionLayouts", "a partitioned accelerator"),
)


@operation
def create_endpoint_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Check the variants and write one record."""
    refuse(request, NOT_DONE)
    capture_config.check(call, request)
    async_config.check(call, request)
    serverless_config.check(request)
    variants = [_with_defaults(variant) for variant in request["ProductionVariants"]]
    shadows = [_with_defaults(variant) for variant in request.get(SHADOW_VARIANTS, [])]
    _check_names([variant["VariantName"] for variant in [*variants, *shadows]])
    for variant in [*variants, *shadows]:
        _check_variant(call, variant)
    shadow_config.check(call, request, NOT_DONE)
    if "ExecutionRoleArn" in request:
        roles.check(call, request["ExecutionRoleArn"])
    rows = {"ProductionVariants": variants, **({SHADOW_VARIANTS: shadows} if shadows else {})}
    record = resources.create(call, ENDPOINT_CONFIG, {**request, **rows})
    return {"EndpointConfigArn": record.body["EndpointConfigArn"]}


def _with_defaults(variant: dict[str, Any]) -> dict[str, Any]:
    count = {} if "ServerlessConfig" in variant else {"InitialInstanceCount": 1}
    return {"InitialVariantWeight": 1.0, **count, **variant}


def _check_names(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValidationException(f"ProductionVariants: the VariantName {name!r} is given more than once.")


def _check_variant(call: Call, variant: dict[str, Any]) -> None:
    name = variant["VariantName"]
    if not variant.get("ModelName"):
        raise ValidationException(
            f"ProductionVariants: the variant {name!r} has no ModelName; inference components are not supported by "
            "Clary yet."
        )
    if not variant.get("InstanceType") and "ServerlessConfig" not in variant:
        raise ValidationException(f"ProductionVariants: the variant {name!r} has no InstanceType.")
    model = resources.find(call, MODEL, variant["ModelName"]).body
    multi_model.check_variant(variant, model)
    serverless_config.check_model(variant, model)


@operation
def describe_endpoint_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The configuration as it was created."""
    record = resources.find(call, ENDPOINT_CONFIG, request["EndpointConfigName"])
    return {**record.body, "CreationTime": record.created}


@operation
def list_endpoint_configs(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of the configurations."""
    page = listing.page(call, ENDPOINT_CONFIG, request)
    return listing.answer("EndpointConfigs", page, listing.summary_of(ENDPOINT_CONFIG))


@operation
def delete_endpoint_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove the configuration's record; endpoints that were made from it go on."""
    resources.delete(call, ENDPOINT_CONFIG, request["EndpointConfigName"])
    return {}
