"""Kinesis Data Streams' refusals."""

from clary.errors import ServiceError, ValidationException


class InvalidArgumentException(ServiceError):
    """A parameter breaks a rule, or asks for what Clary doesn't do."""

    code = "InvalidArgumentException"
    status = 400


class ResourceNotFoundException(ServiceError):
    """The stream, shard or consumer does not exist."""

    code = "ResourceNotFoundException"
    status = 400


class ResourceInUseException(ServiceError):
    """The name is taken, or the resource is not in a state for this."""

    code = "ResourceInUseException"
    status = 400


class LimitExceededException(ServiceError):
    """More than an account may have."""

    code = "LimitExceededException"
    status = 400


class ProvisionedThroughputExceededException(ServiceError):
    """More than a shard lets through."""

    code = "ProvisionedThroughputExceededException"
    status = 400


class ExpiredIteratorException(ServiceError):
    """The iterator is older than five minutes."""

    code = "ExpiredIteratorException"
    status = 400


class ExpiredNextTokenException(ServiceError):
    """The token of a listing is older than five minutes."""

    code = "ExpiredNextTokenException"
    status = 400


class DryRunOperationException(ServiceError):
    """The request would have succeeded."""

    code = "DryRunOperationException"
    status = 400

    def __init__(self) -> None:
        super().__init__("The request would have succeeded, but DryRun is set.")


class InternalFailure(ServiceError):
    """The records could not be stored."""

    code = "InternalFailure"
    status = 500


def missing(member: str) -> ValidationException:
    """A member that this request needs though the model doesn't say so."""
    return ValidationException(
        f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    )
