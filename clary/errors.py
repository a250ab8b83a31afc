"""The kinds of failure: what the client did, and what the data or the settings did. Anything else is a bug."""

from collections.abc import Mapping
from typing import Any


class ServiceError(Exception):
    """A request that AWS would refuse; turned into a reply in `wire/` and nowhere else.

    Services subclass it, two lines each: `code` as AWS names it, `status` as AWS sends it.
    """

    code = "InternalFailure"
    status = 500

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        status: int | None = None,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.status = status or self.status
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})


class ValidationException(ServiceError):
    """The request breaks a constraint of the model or a rule of the resource."""

    code = "ValidationException"
    status = 400


class AlgorithmError(Exception):
    """The algorithm could not go on with this data; becomes FailureReason `AlgorithmError: ...`."""

    kind = "AlgorithmError"


class ClientError(AlgorithmError):
    """The user's data or settings are wrong; becomes FailureReason `ClientError: ...`."""

    kind = "ClientError"


class SettingsError(Exception):
    """A setting of Clary itself is wrong; the command line prints it and ends."""
