"""InvokeEndpoint: one request, sent to a model's worker as it came; the answer whole, or as it is made."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from clary.hosting import (
    Answer,
    BrokenStream,
    ConcurrencyExceeded,
    EndpointNotFoundError,
    Invocation,
    InvocationRefused,
    ModelFailure,
    ModelNotReady,
    StreamedAnswer,
    VariantNotFoundError,
)
from clary.names import make_arn
from clary.services.sagemaker_runtime.errors import (
    ModelError,
    ModelNotReadyException,
    ModelStreamError,
    ThrottlingException,
    ValidationError,
)
from clary.wire import Call, operation

_NOT_DONE = {
    "InferenceComponentName": "an inference component",
    "EnableExplanations": "online explanations",
    "SessionId": "a stateful session",
    "PrefixAwareId": "routing by prefix",
}


@operation
async def invoke_endpoint(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the model; touches no store on its way."""
    invocation = _invocation(request)
    with _failing(call, request):
        answer = await call.rooms.hosting.invoke(_endpoint(call, request), invocation)
    return {"Body": answer.body, **_told(answer)}


@operation
async def invoke_endpoint_with_response_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the model; its answer goes on piece by piece as it comes."""
    invocation = _invocation(request)
    with _failing(call, request):
        answer = await call.rooms.hosting.invoke_stream(_endpoint(call, request), invocation)
    return {"Body": _events(answer), **_told(answer)}


async def _events(answer: StreamedAnswer) -> AsyncGenerator[dict[str, Any], None]:
    async with aclosing(answer.parts):
        try:
            async for part in answer.parts:
                yield {"PayloadPart": {"Bytes": part}}
        except BrokenStream as broken:
            raise ModelStreamError(str(broken), fields={"ErrorCode": broken.code}) from None


def _endpoint(call: Call, request: dict[str, Any]) -> str:
    """The endpoint's ARN: the name in lower case, as in every one of SageMaker."""
    return make_arn("sagemaker", call.region, call.account, f"endpoint/{request['EndpointName'].lower()}")


def _invocation(request: dict[str, Any]) -> Invocation:
    for member, what in _NOT_DONE.items():
        if request.get(member):
            raise ValidationError(f"{member} asks for {what}, which endpoints of Clary are not. Leave the member out.")
    return Invocation(
        body=request["Body"],
        content_type=request.get("ContentType") or "",
        accept=request.get("Accept") or "",
        target_variant=request.get("TargetVariant") or "",
        custom_attributes=request.get("CustomAttributes") or "",
        inference_id=request.get("InferenceId") or "",
        target_model=request.get("TargetModel") or "",
        target_container=request.get("TargetContainerHostname") or "",
    )


def _told(answer: Answer | StreamedAnswer) -> dict[str, Any]:
    """What the headers say of an answer."""
    return {
        "ContentType": answer.content_type or None,
        "InvokedProductionVariant": answer.variant,
        "CustomAttributes": answer.custom_attributes or None,
    }


@contextmanager
def _failing(call: Call, request: dict[str, Any]) -> Iterator[None]:
    """The hosting room's refusals and failures in AWS's words."""
    name = request["EndpointName"]
    try:
        yield
    except EndpointNotFoundError:
        raise ValidationError(f"Endpoint {name} of account {call.account} not found.") from None
    except VariantNotFoundError:
        raise ValidationError(f"Variant {request['TargetVariant']} not found for endpoint {name}.") from None
    except ModelNotReady as refused:
        raise ModelNotReadyException(str(refused)) from None
    except ConcurrencyExceeded as refused:
        raise ThrottlingException(str(refused)) from None
    except InvocationRefused as refused:
        raise ValidationError(str(refused)) from None
    except ModelFailure as failure:
        raise _model_error(call, name, failure) from None


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
