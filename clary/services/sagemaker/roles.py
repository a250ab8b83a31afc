"""Execution roles: any well-formed ARN is taken, unless the settings ask for one that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.services.iam.role import is_refused
from clary.services.sagemaker.errors import ValidationException

if TYPE_CHECKING:
    from clary.wire import Call


def check(call: Call, arn: str) -> None:
    """Refuse a role as AWS does."""
    if is_refused(call.rooms, call.operation, arn):
        raise ValidationException(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )
