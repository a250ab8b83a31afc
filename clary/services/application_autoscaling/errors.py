"""Application Auto Scaling's own errors."""

from clary.errors import ServiceError, ValidationException

__all__ = [
    "InvalidNextToken",
    "ObjectNotFound",
    "ResourceNotFound",
    "TooManyTags",
    "ValidationException",
]


class ObjectNotFound(ServiceError):
    """No such target, policy or action."""

    code = "ObjectNotFoundException"
    status = 400


class ResourceNotFound(ServiceError):
    """Nothing of this ARN."""

    code = "ResourceNotFoundException"
    status = 400


class InvalidNextToken(ServiceError):
    """A paging token that is none."""

    code = "InvalidNextTokenException"
    status = 400


class TooManyTags(ServiceError):
    """More tags than a resource may have."""

    code = "TooManyTagsException"
    status = 400
