"""CloudWatch Logs' refusals."""

from clary.errors import ServiceError


class InvalidParameterException(ServiceError):
    """A parameter breaks a rule, or asks for what Clary doesn't do."""

    code = "InvalidParameterException"
    status = 400


class ResourceNotFoundException(ServiceError):
    """The group or stream does not exist."""

    code = "ResourceNotFoundException"
    status = 400


class ResourceAlreadyExistsException(ServiceError):
    """The name is taken."""

    code = "ResourceAlreadyExistsException"
    status = 400


class TooManyTagsException(ServiceError):
    """More tags than a resource may have."""

    code = "TooManyTagsException"
    status = 400
