"""What is scaled: `endpoint/<name>/variant/<name>`, the instances of a production variant."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from clary.services.application_autoscaling.errors import ValidationException

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
NAMESPACE = "sagemaker"

_RESOURCE = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")


class VariantName(NamedTuple):
    """A production variant of an endpoint."""

    endpoint: str
    variant: str

    @property
    def dimensions(self) -> list[dict[str, str]]:
        """Those of its metrics."""
        return [{"Name": "EndpointName", "Value": self.endpoint}, {"Name": "VariantName", "Value": self.variant}]


def check(request: dict[str, Any]) -> VariantName:
    """The variant that a request is about; ValidationException for anything else that AWS could scale."""
    if request["ServiceNamespace"] != NAMESPACE or request["ScalableDimension"] != DIMENSION:
        raise ValidationException(
            f"ScalableDimension {request['ScalableDimension']} of ServiceNamespace {request['ServiceNamespace']} is "
            f"not supported by Clary: it scales {DIMENSION} of {NAMESPACE}."
        )
    return parse(request["ResourceId"])


def parse(resource: str) -> VariantName:
    """The variant that a ResourceId names."""
    found = _RESOURCE.fullmatch(resource)
    if found is None:
        raise ValidationException(
            f"Unsupported resource ID {resource}: it must be of the form endpoint/my-endpoint/variant/my-variant."
        )
    return VariantName(*found.groups())
