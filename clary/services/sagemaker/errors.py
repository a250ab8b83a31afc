"""SageMaker's own errors."""

from clary.errors import ServiceError, ValidationException

__all__ = [
    "ConflictException",
    "ResourceInUse",
    "ResourceLimitExceeded",
    "ResourceNotFound",
    "ValidationException",
    "not_yet",
]


class ConflictException(ServiceError):
    """Something else stands in the way."""

    code = "ConflictException"
    status = 400


class ResourceInUse(ServiceError):
    """The name is taken."""

    code = "ResourceInUse"
    status = 400


class ResourceLimitExceeded(ServiceError):
    """More is asked for than an account may have."""

    code = "ResourceLimitExceeded"
    status = 400


class ResourceNotFound(ServiceError):
    """There is no such resource."""

    code = "ResourceNotFound"
    status = 400


def not_yet(member: str, what: str) -> ValidationException:
    """The refusal of a member that asks for something Clary doesn't do."""
    return ValidationException(f"{member} asks for {what}, which Clary does not support yet. Leave the member out.")
