"""InvokeEndpoint: one request, sent to a model's worker as it came."""

from typing import Any

from clary.hosting import EndpointNotFoundError, Invocation, ModelFailure, VariantNotFoundError
from clary.hosting.invocation import InvocationRefused
from clary.names import make_arn
from clary.services.sagemaker_runtime.errors import ModelError, ValidationError
from clary.wire import Call, operation

_NOT_DONE = {
    "TargetModel": "a multi-model endpoint",
    "TargetContainerHostname": "direct invocation of one of several containers",
    "InferenceComponentName": "an inference component",
    "EnableExplanations": "online explanations",
    "SessionId": "a stateful session",
}


@operation
async def invoke_endpoint(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the model; touches no store on its way."""
    for member, what in _NOT_DONE.items():
        if request.get(member):
            raise ValidationError(f"{member} asks for {what}, which endpoints of Clary are not. Leave the member out.")
    name = request["EndpointName"]
    invocation = Invocation(
        body=request["Body"],
        content_type=request.get("ContentType") or "",
        accept=request.get("Accept") or "",
        target_variant=request.get("TargetVariant") or "",
        custom_attributes=request.get("CustomAttributes") or "",
        inference_id=request.get("InferenceId") or "",
    )
    try:
        # the name in lower case, as in every ARN of SageMaker
        endpoint = make_arn("sagemaker", call.region, call.account, f"endpoint/{name.lower()}")
        answer = await call.rooms.hosting.invoke(endpoint, invocation)
    except EndpointNotFoundError:
        raise ValidationError(f"Endpoint {name} of account {call.account} not found.") from None
    except InvocationRefused as refused:
        raise ValidationError(str(refused)) from None
    except VariantNotFoundError:
        raise ValidationError(f"Variant {invocation.target_variant} not found for endpoint {name}.") from None
    except ModelFailure as failure:
        raise _model_error(call, name, failure) from None
    return {
        "Body": answer.body,
        "ContentType": answer.content_type or None,
        "InvokedProductionVariant": answer.variant,
        "CustomAttributes": answer.custom_attributes or None,
    }


def _model_error(call: Call, name: str, failure: ModelFailure) -> ModelError:
    """The model's failure in AWS's words, with where to read more."""
    group = f"/aws/sagemaker/Endpoints/{name}"
    side = "client" if 400 <= failure.status < 500 else "server"
    return ModelError(
        f'Received {side} error ({failure.status}) from {failure.container} with message "{failure.message}". '
        f"See https://{call.region}.console.aws.amazon.com/cloudwatch/home?region={call.region}"
        f"#logEventViewer:group={group} in account {call.account} for more information.",
        fields={
            "OriginalStatusCode": failure.status,
            "OriginalMessage": failure.message,
            "LogStreamArn": make_arn("logs", call.region, call.account, f"log-group:{group}"),
        },
    )
