"""CloudWatch's refusals, under the codes of its first protocol, which clients still see."""

from clary.errors import ServiceError


class InvalidParameterValue(ServiceError):
    """A parameter has a value that it can't have."""

    code = "InvalidParameterValue"
    status = 400


class InvalidParameterCombination(ServiceError):
    """Parameters that can't stand together."""

    code = "InvalidParameterCombination"
    status = 400


class MissingParameter(ServiceError):
    """A parameter that must be there."""

    code = "MissingParameter"
    status = 400


class ValidationError(ServiceError):
    """What GetMetricData refuses."""

    code = "ValidationError"
    status = 400


class InvalidNextToken(ServiceError):
    """A paging token that is none."""

    code = "InvalidNextToken"
    status = 400


class ResourceNotFound(ServiceError):
    """There is no such alarm."""

    code = "ResourceNotFound"
    status = 404


class InvalidFormat(ServiceError):
    """Data that must be JSON is not."""

    code = "InvalidFormat"
    status = 400


class ResourceNotFoundException(ServiceError):
    """There is nothing of this ARN."""

    code = "ResourceNotFoundException"
    status = 404
