"""SageMaker Runtime's own errors."""

from clary.errors import ServiceError


class ValidationError(ServiceError):
    """The request can't be served as it is."""

    code = "ValidationError"
    status = 400


class ServiceUnavailable(ServiceError):
    """There is no room for the request now."""

    code = "ServiceUnavailable"
    status = 503


class ModelError(ServiceError):
    """The model answered 4xx or 5xx, or not at all."""

    code = "ModelError"
    status = 424
