"""AWS Lambda's refusals."""

from typing import Any

from clary.errors import ServiceError


class UserError(ServiceError):
    """What the caller did wrong."""

    status = 400

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message, fields={"Type": "User", **fields})


class InvalidParameterValueException(UserError):
    """A parameter breaks a rule, or asks for what Clary doesn't do."""

    code = "InvalidParameterValueException"


class ResourceNotFoundException(UserError):
    """The function, version, alias, layer or mapping does not exist."""

    code = "ResourceNotFoundException"
    status = 404


class ProvisionedConcurrencyConfigNotFoundException(UserError):
    """No concurrency is provisioned."""

    code = "ProvisionedConcurrencyConfigNotFoundException"
    status = 404


class ResourceConflictException(UserError):
    """It exists already, or another operation on it is in progress."""

    code = "ResourceConflictException"
    status = 409


class ResourceInUseException(UserError):
    """It is in use, or not in a state for this."""

    code = "ResourceInUseException"


class PreconditionFailedException(UserError):
    """The RevisionId is not the latest."""

    code = "PreconditionFailedException"
    status = 412


class TooManyRequestsException(UserError):
    """More events at a time than may be; the field Reason says whose limit it was."""

    code = "TooManyRequestsException"
    status = 429

    def __init__(self, reason: str) -> None:
        super().__init__("Rate Exceeded.", Reason=reason)


class RequestTooLargeException(UserError):
    """The payload is too large."""

    code = "RequestTooLargeException"
    status = 413


class RequestEntityTooLargeException(ServiceError):
    """The archive is too large."""

    code = "RequestEntityTooLargeException"
    status = 413


class InvalidRequestContentException(UserError):
    """The payload is not JSON."""

    code = "InvalidRequestContentException"


class ServiceException(ServiceError):
    """Lambda itself could not do it."""

    code = "ServiceException"
    status = 500


class AccessDeniedException(ServiceError):
    """The function belongs to another account."""

    code = "AccessDeniedException"
    status = 403


def no_resource() -> ResourceNotFoundException:
    """The refusal of what names something that isn't there."""
    return ResourceNotFoundException("The resource you requested does not exist.")


def not_done(member: str, what: str) -> InvalidParameterValueException:
    """The refusal of a member that asks for something Clary doesn't do."""
    return InvalidParameterValueException(
        f"{member} asks for {what}, which Clary does not support yet. Leave the member out."
    )


def invalid(message: str) -> InvalidParameterValueException:
    """The refusal of a value in the words of a broken constraint."""
    return InvalidParameterValueException(f"1 validation error detected: {message}")
