"""Where the results of queries go."""

from __future__ import annotations

import re
from typing import Any

from clary.services.athena.errors import InvalidRequestException, refuse

_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.\-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
_MOST_KEY = 1024


def split_location(text: str, what: str = "outputLocation") -> tuple[str, str]:
    """The bucket of s3://bucket/prefix, and the prefix with a slash at its end, or "" for the whole bucket."""
    found = _S3.fullmatch(text)
    if found is None:
        raise InvalidRequestException(f"{what} is not a valid S3 path: {text[:1024]!r} is no s3://bucket/prefix.")
    prefix = (found.group(2) or "").strip("/")
    if len(prefix.encode()) > _MOST_KEY - 128:
        raise InvalidRequestException(f"{what} is longer than a key may be.")
    return found.group(1), f"{prefix}/" if prefix else ""


def check_result_configuration(configuration: dict[str, Any]) -> None:
    """Refuse what can't be kept; encryption at rest is a flag here, encryption by the client would be another file."""
    if configuration.get("OutputLocation"):
        split_location(configuration["OutputLocation"])
    encryption = configuration.get("EncryptionConfiguration") or {}
    if encryption.get("EncryptionOption") == "CSE_KMS":
        refuse({"EncryptionOption CSE_KMS": True}, "EncryptionOption CSE_KMS")
