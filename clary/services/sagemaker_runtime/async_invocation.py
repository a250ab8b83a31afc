"""InvokeEndpointAsync: a request that is answered later, in S3."""

import base64
from typing import Any

from clary.services.sagemaker import async_config, async_requests, resources, s3_locations
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import ENDPOINT
from clary.services.sagemaker_runtime.errors import ServiceUnavailable, ValidationError
from clary.wire import Call, operation

_TTL_SECONDS = 21600
_TIMEOUT_SECONDS = 900


@operation
def invoke_endpoint_async(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make the request durable, queue it, and say where its answer will be."""
    name = request["EndpointName"]
    endpoint = call.rooms.records.get(resources.key_of(call, ENDPOINT, name))
    missing = ValidationError(f"Endpoint {name} of account {call.account} not found.")
    if endpoint is None or not endpoint.body.get("Deployment") or endpoint.status in ("Failed", "Deleting"):
        raise missing
    config = endpoint.body["Deployment"].get("AsyncInferenceConfig")
    if config is None:
        raise ValidationError(f"Endpoint {name} is not asynchronous: use InvokeEndpoint to invoke it.")
    _check_input(request)
    if call.rooms.hosting.backlog_size(endpoint.body["EndpointArn"]) >= async_requests.MOST_WAITING:
        raise ServiceUnavailable(f"{async_requests.MOST_WAITING} requests wait for endpoint {name}. Try again later.")
    identity = call.rooms.clock.uuid()
    extension, filename = request.get("S3OutputPathExtension") or "", request.get("Filename") or f"{identity}.out"
    output, failure = async_config.locations(config, extension, filename)
    inference_id = request.get("InferenceId") or identity
    body = {
        "InferenceId": inference_id,
        "InputLocation": request.get("InputLocation") or "",
        "Body": base64.b64encode(request.get("Body") or b"").decode(),
        "Output": output,
        "Failure": failure,
        "ContentType": request.get("ContentType") or "",
        "Accept": request.get("Accept") or "",
        "CustomAttributes": request.get("CustomAttributes") or "",
        "Seconds": request.get("RequestTTLSeconds", _TTL_SECONDS),
        "Timeout": request.get("InvocationTimeoutSeconds", _TIMEOUT_SECONDS),
    }
    if not async_requests.accept(call.rooms, endpoint, body):
        raise missing
    return {"InferenceId": inference_id, "OutputLocation": output, "FailureLocation": failure or None}


def _check_input(request: dict[str, Any]) -> None:
    location, body = request.get("InputLocation"), request.get("Body")
    if bool(location) == bool(body):
        raise ValidationError("Exactly one of InputLocation and Body must be given.")
    try:
        if location and not s3_locations.parse(location, "InputLocation").key:
            raise ValidationError(f"InputLocation: {location!r} names no object; it should read s3://bucket/key.")
    except ValidationException as problem:
        raise ValidationError(problem.message) from None
