"""Who may be told what became of an event: another function or, of failures, a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.names import parse_arn
from clary.services.lambda_.errors import InvalidParameterValueException, ResourceNotFoundException
from clary.services.lambda_.function_record import configuration_of
from clary.services.lambda_.naming import Name, parse_name
from clary.services.s3 import inside as objects

if TYPE_CHECKING:
    from clary.wire import Rooms


def check(rooms: Rooms, name: Name, arn: str, *, functions: bool = True, buckets: bool = True) -> None:
    """Refuse a destination that doesn't exist, or that Clary does not have."""
    parts = parse_arn(arn)
    service = parts.service if parts else ""
    if service == "lambda" and functions:
        try:
            target = parse_name(name.account, name.region, arn)
            configuration_of(rooms, target)
        except ResourceNotFoundException:
            raise InvalidParameterValueException(f"The destination ARN {arn} is invalid.") from None
        if target.function == name.function:
            raise InvalidParameterValueException("You can't specify the function as a destination for itself.")
    elif service == "s3" and buckets and parts:
        if not objects.bucket_exists(rooms, parts.resource):
            raise InvalidParameterValueException(f"The destination ARN {arn} is invalid.")
    else:
        taken = [what for what, is_taken in (("functions", functions), ("buckets", buckets)) if is_taken]
        raise InvalidParameterValueException(
            f"The destination ARN {arn} is invalid: Clary's destinations here are {' and '.join(taken)}."
        )
