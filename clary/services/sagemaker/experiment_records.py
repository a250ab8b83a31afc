"""What experiments, trials, their components and lineage have in common: creation, updates, listings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from clary.services.sagemaker import listing, resources
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import Kind
from clary.store.records import Draft, Key, Record, RecordExists
from clary.wire import Call


def create(call: Call, kind: Kind, request: dict[str, Any], parent: Key | None = None, **more: Any) -> dict[str, Any]:
    """Write the record of a resource, below its parent's where it has one; ValidationException where its name is taken.

    The words are AWS's: the SDKs look for the last two of them.
    """
    name = request[kind.name]
    key = resources.key_of(call, kind, name)
    arn = resources.arn_of(key)
    body = {"DisplayName": name, **request, kind.arn: arn, "CreatedBy": resources.caller(call), **more}
    try:
        if parent is None:
            call.rooms.records.create(key, body)
        elif call.rooms.records.create_under(parent, lambda _: Draft(key, body)) is None:
            raise resources.not_found(parent)
    except RecordExists:
        title = kind.name.removesuffix("Name")
        raise ValidationException(
            f"{title} names must be unique within an AWS account and region. {title} with name ({name}) already exists."
        ) from None
    return {kind.arn: arn}


def timed(record: Record) -> dict[str, Any]:
    """The body and its times."""
    return {**record.body, "CreationTime": record.created, "LastModifiedTime": record.modified}


def update(call: Call, kind: Kind, request: dict[str, Any]) -> dict[str, Any]:
    """Write the members of an Update request over those of the record."""
    members = {member: value for member, value in request.items() if member != kind.name}
    key = resources.key_of(call, kind, request[kind.name])
    changed = {**members, "LastModifiedBy": resources.caller(call)}
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
