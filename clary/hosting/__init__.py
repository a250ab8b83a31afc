"""The life of an endpoint: workers, routing by variant, updates without a failed request."""

from clary.hosting.invocation import Answer, EndpointNotFoundError, Invocation, ModelFailure, VariantNotFoundError
from clary.hosting.rollout import PLAIN, Rollout
from clary.hosting.room import Hosting
from clary.hosting.spec import CaptureSpec, ContainerSpec, EndpointSpec, VariantSpec

__all__ = [
    "PLAIN",
    "Answer",
    "CaptureSpec",
    "ContainerSpec",
    "EndpointNotFoundError",
    "EndpointSpec",
    "Hosting",
    "Invocation",
    "ModelFailure",
    "Rollout",
    "VariantNotFoundError",
    "VariantSpec",
]
