"""IAM's refusals."""

from clary.errors import ServiceError


class NoSuchEntity(ServiceError):
    """What the request names does not exist."""

    code = "NoSuchEntity"
    status = 404


class EntityAlreadyExists(ServiceError):
    """The name is taken."""

    code = "EntityAlreadyExists"
    status = 409


class DeleteConflict(ServiceError):
    """Something still hangs on what should be deleted."""

    code = "DeleteConflict"
    status = 409


class LimitExceeded(ServiceError):
    """More than AWS allows."""

    code = "LimitExceeded"
    status = 409


class MalformedPolicyDocument(ServiceError):
    """A policy document is no policy."""

    code = "MalformedPolicyDocument"
    status = 400


class ValidationError(ServiceError):
    """The request breaks a rule of IAM."""

    code = "ValidationError"
    status = 400
