"""The life of an endpoint: workers, routing by variant, updates without a failed request."""

from clary.hosting.invocation import (
    Answer,
    BrokenStream,
    EndpointNotFoundError,
    Invocation,
    InvocationRefused,
    ModelFailure,
    ModelNotReady,
    StreamedAnswer,
    VariantNotFoundError,
)
from clary.hosting.rollout import PLAIN, Rollout, Step
from clary.hosting.room import Hosting
from clary.hosting.serverless import ConcurrencyExceeded
from clary.hosting.spec import CaptureSpec, ContainerSpec, EndpointSpec, ServerlessSpec, VariantSpec

__all__ = [
    "PLAIN",
    "Answer",
    "BrokenStream",
    "CaptureSpec",
    "ConcurrencyExceeded",
    "ContainerSpec",
    "EndpointNotFoundError",
    "EndpointSpec",
    "Hosting",
    "Invocation",
    "InvocationRefused",
    "ModelFailure",
    "ModelNotReady",
    "Rollout",
    "ServerlessSpec",
    "Step",
    "StreamedAnswer",
    "VariantNotFoundError",
    "VariantSpec",
]
