"""Athena's refusals."""

from typing import Any

from clary.errors import ServiceError
from clary.store.pages import BadToken
from clary.store.records import Page, Query
from clary.wire import Call


class InvalidRequestException(ServiceError):
    """The request breaks a rule, names what isn't there, or asks for what Clary doesn't do."""

    code = "InvalidRequestException"
    status = 400

    def __init__(self, message: str, reason: str = "INVALID_INPUT") -> None:
        super().__init__(message, fields={"AthenaErrorCode": reason, "ErrorCode": reason})


class ResourceNotFoundException(ServiceError):
    """There is no such resource."""

    code = "ResourceNotFoundException"
    status = 400

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message, fields={"ResourceName": name})


class MetadataException(ServiceError):
    """The catalog refused."""

    code = "MetadataException"
    status = 400


def refuse(document: dict[str, Any], *members: str) -> None:
    """Refuse members that ask for what Clary doesn't do; false and empty ones ask for nothing."""
    for member in members:
        if document.get(member):
            raise InvalidRequestException(f"{member} is not supported by Clary.", "NOT_SUPPORTED")


def malformed(token: str) -> InvalidRequestException:
    """The refusal of a NextToken that is none."""
    return InvalidRequestException(f"The nextPageToken is malformed: {token}")


def page_of(call: Call, kind: str, request: dict[str, Any], query: Query, most: int = 50) -> Page:
    """One page of records, as a List request asks for it."""
    query.limit, query.token = request.get("MaxResults") or most, request.get("NextToken") or ""
    try:
        return call.rooms.records.find(kind, call.account, call.region, query)
    except BadToken:
        raise malformed(query.token) from None
