"""SageMaker Runtime's own errors."""

from clary.errors import ServiceError


class ValidationError(ServiceError):
    """The request can't be served as it is."""

    code = "ValidationError"
    status = 400


class ModelNotReadyException(ServiceError):
    """The model of a multi-model endpoint is still being loaded."""

    code = "ModelNotReadyException"
    status = 429


class ModelStreamError(ServiceError):
    """The model's answer was begun and does not come to its end; told as the last event of its stream."""

    code = "ModelStreamError"
    status = 400


class ServiceUnavailable(ServiceError):
    """There is no room for the request now."""

    code = "ServiceUnavailable"
    status = 503


class ThrottlingException(ServiceError):
    """A serverless endpoint has as many requests on their way as it may have."""

    code = "ThrottlingException"
    status = 400


class ModelError(ServiceError):
    """The model answered 4xx or 5xx, or not at all."""

    code = "ModelError"
    status = 424
