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
    """Note a role that doesn't exist in the log; with `strict_roles`, refuse it as AWS does."""
    parts = parse_arn(arn)
    name = parts.resource.rsplit("/", 1)[-1] if parts else ""
    if parts and find_role(call.rooms, parts.account, name):
        return
    if call.rooms.settings.strict_roles:
        raise ValidationException(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )
    log.info("%s: %s is not a role that exists; accepted because strict_roles is off", call.operation, arn)
