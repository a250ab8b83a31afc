"""DataCaptureConfig of an endpoint: what may be asked for, what the hosting room needs of it, how it is described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.hosting import CaptureSpec
from clary.services.sagemaker import s3_locations
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.not_done import NotDone, refuse

if TYPE_CHECKING:
    from clary.wire import Call

_NOT_DONE = (NotDone("DataCaptureConfig.KmsKeyId", "encryption with a KMS key"),)


def check(call: Call, request: dict[str, Any]) -> None:
    """Raise ValidationException for a CreateEndpointConfig whose capture could not be written anywhere."""
    capture = request.get("DataCaptureConfig")
    if capture is None or not _is_on(capture):
        return
    refuse(request, _NOT_DONE)
    if any(variant.get("ServerlessConfig") for variant in request["ProductionVariants"]):
        raise ValidationException("DataCaptureConfig: a serverless endpoint can't capture data.")
    member = "DataCaptureConfig.DestinationS3Uri"
    bucket = s3_locations.parse(capture["DestinationS3Uri"], member).bucket
    if not s3_locations.bucket_exists(call.rooms, bucket):
        raise ValidationException(f"{member}: the bucket {bucket!r} does not exist.")


def to_spec(capture: dict[str, Any] | None) -> CaptureSpec | None:
    """What is to be captured; None for nothing."""
    if not capture or not _is_on(capture):
        return None
    modes = {option["CaptureMode"] for option in capture["CaptureOptions"]}
    types = capture.get("CaptureContentTypeHeader", {})
    return CaptureSpec(
        uri=s3_locations.parse(capture["DestinationS3Uri"], "DestinationS3Uri").uri,
        percentage=capture["InitialSamplingPercentage"],
        input=bool(modes & {"Input", "InputAndOutput"}),
        output=bool(modes & {"Output", "InputAndOutput"}),
        csv_types=[name.lower() for name in types.get("CsvContentTypes", [])],
        json_types=[name.lower() for name in types.get("JsonContentTypes", [])],
    )


def summary(capture: dict[str, Any] | None) -> dict[str, Any] | None:
    """DataCaptureConfig as DescribeEndpoint shows it."""
    if not capture:
        return None
    return {
        "EnableCapture": _is_on(capture),
        "CaptureStatus": "Started" if _is_on(capture) else "Stopped",
        "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
        "DestinationS3Uri": capture["DestinationS3Uri"],
        "KmsKeyId": capture.get("KmsKeyId", ""),
    }


def _is_on(capture: dict[str, Any]) -> bool:
    """Capture is on unless it is switched off, as AWS has it."""
    return bool(capture.get("EnableCapture", True))
