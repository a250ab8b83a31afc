"""Glue's refusals."""

from typing import Any

from clary.errors import ServiceError


class EntityNotFoundException(ServiceError):
    """There is no such database, table, partition, function or connection."""

    code = "EntityNotFoundException"
    status = 400


class AlreadyExistsException(ServiceError):
    """The name is taken."""

    code = "AlreadyExistsException"
    status = 400


class InvalidInputException(ServiceError):
    """A member breaks a rule, or asks for what Clary doesn't do."""

    code = "InvalidInputException"
    status = 400


class InvalidStateException(ServiceError):
    """What is stored doesn't allow this."""

    code = "InvalidStateException"
    status = 400


class ConcurrentModificationException(ServiceError):
    """Somebody else was quicker."""

    code = "ConcurrentModificationException"
    status = 400


class ResourceNumberLimitExceededException(ServiceError):
    """More than there may be."""

    code = "ResourceNumberLimitExceededException"
    status = 400


class ConditionCheckFailureException(ServiceError):
    """What is stored is not as the caller thinks."""

    code = "ConditionCheckFailureException"
    status = 400


class AccessDeniedException(ServiceError):
    """The caller may not do this."""

    code = "AccessDeniedException"
    status = 400


def refuse(input_: dict[str, Any], *members: str) -> None:
    """Refuse members that ask for what Clary doesn't do; false and empty ones ask for nothing."""
    for member in members:
        if input_.get(member):
            raise InvalidInputException(f"{member} is not supported by Clary.")


def as_detail(error: ServiceError) -> dict[str, str]:
    """A refusal as batches report it."""
    return {"ErrorCode": error.code, "ErrorMessage": error.message}
