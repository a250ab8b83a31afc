"""Associations: the edges of lineage, from a source to what it contributed to, produced or is the same as."""

from __future__ import annotations

import hashlib
from typing import Any

from clary.services.sagemaker import experiment_records, listing, resources
from clary.services.sagemaker.errors import ResourceNotFound, ValidationException
from clary.services.sagemaker.resources import ARTIFACT, ASSOCIATION, EXPERIMENT, TRIAL_COMPONENT
from clary.store.records import Key, Record, RecordExists
from clary.wire import Call, operation

ENDS = (EXPERIMENT, TRIAL_COMPONENT, ARTIFACT)


@operation
def add_association(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Write one record for a pair of resources that exist."""
    ends = {end: _end(call, request[f"{end}Arn"]) for end in ("Source", "Destination")}
    body = {**request, "CreatedBy": resources.caller(call)}
    for end, record in ends.items():
        kind = resources.kind_of(record.key)
        body[f"{end}Name"] = record.body.get(kind.name)
        body[f"{end}Type"] = record.body.get("ArtifactType") or record.body.get("Source", {}).get("SourceType")
    key = _key(call, request)
    try:
        call.rooms.records.create(key, {name: value for name, value in body.items() if value})
    except RecordExists:
        raise ValidationException(
            f"Association from {request['SourceArn']} to {request['DestinationArn']} already exists"
        ) from None
    return _pair(request)


def _end(call: Call, arn: str) -> Record:
    key = resources.key_of_arn(arn)
    if key is None or resources.kind_of(key) not in ENDS or key[1:3] != (call.account, call.region):
        raise ValidationException(
            f"{arn} can't be associated: Clary associates {', '.join(kind.title + 's' for kind in ENDS)} of this "
            "account and region."
        )
    record = call.rooms.records.get(key)
    if record is None:
        raise resources.not_found(key)
    return record


def _key(call: Call, request: dict[str, Any]) -> Key:
    pair = f"{request['SourceArn']} {request['DestinationArn']}".lower()
    return resources.key_of(call, ASSOCIATION, hashlib.sha256(pair.encode()).hexdigest()[:32])


def _pair(request: dict[str, Any]) -> dict[str, Any]:
    return {end: request[end] for end in ("SourceArn", "DestinationArn")}


@operation
def delete_association(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget an edge; its ends stay."""
    if call.rooms.records.delete(_key(call, request)) is None:
        raise ResourceNotFound(
            f"Association from {request['SourceArn']} to {request['DestinationArn']} does not exist."
        )
    return _pair(request)


@operation
def list_associations(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Edges by either end, by the types of the ends, or by their own."""
    members = ("SourceArn", "DestinationArn", "SourceType", "DestinationType", "AssociationType")
    where = {member: request[member] for member in members if member in request}
    found = listing.every(call, ASSOCIATION, **where)
    return experiment_records.answer("AssociationSummaries", found, request, experiment_records.timed)


def partner(call: Call, arn: str) -> str:
    """The ARN of something that a resource is associated with, "" where there is nothing."""
    for end, other in (("SourceArn", "DestinationArn"), ("DestinationArn", "SourceArn")):
        for record in listing.every(call, ASSOCIATION, **{end: arn}):
            return str(record.body[other])
    return ""
