"""ShadowProductionVariants of an endpoint configuration: one variant that gets copies of another's requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import resources
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.not_done import NotDone, refuse
from clary.services.sagemaker.resources import MODEL

if TYPE_CHECKING:
    from clary.wire import Call

SHADOW_VARIANTS = "ShadowProductionVariants"


def check(call: Call, request: dict[str, Any], not_done: Sequence[NotDone]) -> None:
    """Raise ValidationException for what a shadow variant can't be; `not_done` says it of production variants."""
    shadows = request.get(SHADOW_VARIANTS, [])
    if not shadows:
        return
    refuse(request, [row._replace(path=f"Shadow{row.path}") for row in not_done if row.path.startswith("Production")])
    variants = request["ProductionVariants"]
    if len(shadows) > 1 or len(variants) > 1:
        raise ValidationException(
            f"{SHADOW_VARIANTS}: there can be one shadow variant, beside one production variant; these are "
            f"{len(shadows)} and {len(variants)}."
        )
    for variant in [*variants, *shadows]:
        _check_variant(call, variant)


def _check_variant(call: Call, variant: dict[str, Any]) -> None:
    model = resources.find(call, MODEL, variant["ModelName"]).body
    containers = model.get("Containers") or [model["PrimaryContainer"]]
    if variant.get("ServerlessConfig") or any(container.get("Mode") == "MultiModel" for container in containers):
        raise ValidationException(
            f"{SHADOW_VARIANTS}: the variant {variant['VariantName']!r} is serverless or has many models; such an "
            "endpoint can have no shadow variant."
        )


def by_member(deployment: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows that describe a deployment's variants, each in the member that it belongs in."""
    shadows = {variant["VariantName"] for variant in deployment["Variants"] if variant.get("Shadow")}
    return {
        "ProductionVariants": [row for row in rows if row["VariantName"] not in shadows],
        SHADOW_VARIANTS: [row for row in rows if row["VariantName"] in shadows] or None,
    }
