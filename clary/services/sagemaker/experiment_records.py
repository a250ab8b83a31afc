"""What experiments, trials, their components and lineage have in common: drafts, updates, listings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from clary.services.sagemaker import listing, resources
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.model_package_group import caller
from clary.services.sagemaker.resources import Kind
from clary.store.records import Key, Record
from clary.wire import Call


class New(NamedTuple):
    """The key and the body of a resource that is to be created."""

    key: Key
    body: dict[str, Any]


def draft(call: Call, kind: Kind, request: dict[str, Any], **more: Any) -> New:
    """A resource as it is asked for; ValidationException where its name is taken."""
    name = request[kind.name]
    key = resources.key_of(call, kind, name)
    if call.rooms.records.get(key) is not None:
        raise taken(kind, name)
    return New(
        key, {"DisplayName": name, **request, kind.arn: resources.arn_of(key), "CreatedBy": caller(call), **more}
    )


def taken(kind: Kind, name: str) -> ValidationException:
    """AWS's words for a name that is taken; the SDKs look for the last two of them."""
    title = kind.name.removesuffix("Name")
    return ValidationException(
        f"{title} names must be unique within an AWS account and region. {title} with name ({name}) already exists."
    )


def timed(record: Record) -> dict[str, Any]:
    """The body and its times."""
    return {**record.body, "CreationTime": record.created, "LastModifiedTime": record.modified}


def update(call: Call, kind: Kind, request: dict[str, Any]) -> dict[str, Any]:
    """Write the members of an Update request over those of the record."""
    members = {member: value for member, value in request.items() if member != kind.name}
    key = resources.key_of(call, kind, request[kind.name])
    changed = {**members, "LastModifiedBy": caller(call)}
    return {kind.arn: resources.change(call.rooms, key, lambda record: record.body.update(changed)).body[kind.arn]}


def answer(
    member: str, found: Iterable[Record], request: dict[str, Any], summary: Callable[[Record], dict[str, Any]]
) -> dict[str, Any]:
    """The response of a List operation: the records that the request's times let pass, sorted, one page."""
    after, before = request.get("CreatedAfter", float("-inf")), request.get("CreatedBefore", float("inf"))
    by = request.get("SortBy", "CreationTime")
    records = sorted(
        (record for record in found if after < record.created < before),
        key=lambda record: (by == "CreationTime" and record.created, record.body.get(by, ""), record.key.name),
        reverse=request.get("SortOrder", "Descending") == "Descending",
    )
    shown, token = listing.cut(records, request)
    return {member: [summary(record) for record in shown], "NextToken": token}
