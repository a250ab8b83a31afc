"""Firehose's refusals."""

from clary.errors import ServiceError


class InvalidArgumentException(ServiceError):
    """A parameter breaks a rule, or asks for what Clary doesn't do."""

    code = "InvalidArgumentException"
    status = 400


class ResourceNotFoundException(ServiceError):
    """There is no such delivery stream."""

    code = "ResourceNotFoundException"
    status = 400


class ResourceInUseException(ServiceError):
    """The name is taken."""

    code = "ResourceInUseException"
    status = 400


class LimitExceededException(ServiceError):
    """More than an account may have."""

    code = "LimitExceededException"
    status = 400


class ConcurrentModificationException(ServiceError):
    """The version is not the one that the request was made for."""

    code = "ConcurrentModificationException"
    status = 400


class InvalidSourceException(ServiceError):
    """Records can't be put into a stream that reads its own."""

    code = "InvalidSourceException"
    status = 400


class InvalidKMSResourceException(ServiceError):
    """There is no such key."""

    code = "InvalidKMSResourceException"
    status = 400


class ServiceUnavailableException(ServiceError):
    """The records could not be stored."""

    code = "ServiceUnavailableException"
    status = 503
