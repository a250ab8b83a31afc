"""AsyncInferenceConfig of an endpoint: what may be asked for, and where answers go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import s3_locations
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.not_done import NotDone, refuse

if TYPE_CHECKING:
    from clary.wire import Call

DEFAULT_CONCURRENT = 4
"""Requests that an instance takes at once where the configuration leaves it to the service."""

_OUTPUT = "AsyncInferenceConfig.OutputConfig"
_NOT_DONE = (
    NotDone(f"{_OUTPUT}.KmsKeyId", "encryption with a KMS key"),
    NotDone(f"{_OUTPUT}.NotificationConfig.SuccessTopic", "a notification through SNS"),
    NotDone(f"{_OUTPUT}.NotificationConfig.ErrorTopic", "a notification through SNS"),
    NotDone(f"{_OUTPUT}.NotificationConfig.IncludeInferenceResponseIn", "a notification through SNS"),
)


def check(call: Call, request: dict[str, Any]) -> None:
    """Raise ValidationException for a CreateEndpointConfig whose answers could not be put anywhere."""
    config = request.get("AsyncInferenceConfig")
    if config is None:
        return
    refuse(request, _NOT_DONE)
    if any(variant.get("ServerlessConfig") for variant in request["ProductionVariants"]):
        raise ValidationException("AsyncInferenceConfig: a serverless endpoint can't be asynchronous.")
    if request.get("ShadowProductionVariants"):
        raise ValidationException("AsyncInferenceConfig: an asynchronous endpoint can't have a shadow variant.")
    output = config["OutputConfig"]
    if not output.get("S3OutputPath"):
        raise ValidationException(f"{_OUTPUT}.S3OutputPath is missing: Clary has no default place for answers.")
    for member in ("S3OutputPath", "S3FailurePath"):
        if output.get(member):
            bucket = s3_locations.parse(output[member], f"{_OUTPUT}.{member}").bucket
            if not s3_locations.bucket_exists(call.rooms, bucket):
                raise ValidationException(f"{_OUTPUT}.{member}: the bucket {bucket!r} does not exist.")


def concurrent(config: dict[str, Any] | None) -> int:
    """How many requests an instance takes at once; 0 where the endpoint isn't asynchronous."""
    if config is None:
        return 0
    client: dict[str, int] = config.get("ClientConfig", {})
    return client.get("MaxConcurrentInvocationsPerInstance", DEFAULT_CONCURRENT)


def locations(config: dict[str, Any], extension: str, filename: str) -> tuple[str, str]:
    """The URIs of an answer and of what is said in its place; "" where the configuration has no place for the other."""
    output = config["OutputConfig"]
    stem, dot, suffix = filename.rpartition(".")
    failed = f"{stem}-error.{suffix}" if dot else f"{filename}-error"
    return _below(output["S3OutputPath"], extension, filename), _below(output.get("S3FailurePath"), extension, failed)


def _below(uri: str | None, extension: str, name: str) -> str:
    if not uri:
        return ""
    base = s3_locations.parse(uri, "S3OutputPath").uri.rstrip("/")
    return "/".join(filter(None, [base, extension.strip("/"), name]))
