"""Execution roles: any well-formed ARN is taken, unless the settings ask for one that exists."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from clary.names import parse_arn
from clary.services.iam.role import find_role
from clary.services.sagemaker.errors import ValidationException

if TYPE_CHECKING:
    from clary.wire import Call

log = logging.getLogger("clary.sagemaker")


def check(call: Call, arn: str) -> None:
    """Refuse a role as AWS does."""
    if is_refused(call, arn):
        raise ValidationException(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )


def is_refused(call: Call, arn: str) -> bool:
    """Whether `strict_roles` asks for a role that exists, and this one doesn't; without, that is noted in the log."""
    parts = parse_arn(arn)
    name = parts.resource.rsplit("/", 1)[-1] if parts else ""
    if parts and find_role(call.rooms, parts.account, name):
        return False
    if not call.rooms.settings.strict_roles:
        log.info("%s: %s is not a role that exists; accepted because strict_roles is off", call.operation, arn)
    return call.rooms.settings.strict_roles
