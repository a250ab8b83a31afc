"""Lineage artifacts: a URI that something was made of, or that was made; the same source is the same artifact."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from clary.services.sagemaker import association, experiment_records, listing, resources
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import ARTIFACT
from clary.store.records import Key, Record, RecordExists
from clary.wire import Call, operation

MAX_PROPERTIES = 30


@operation
def create_artifact(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Write one record under a name that follows from the source."""
    key = _key_of_source(call, request["Source"])
    arn = resources.arn_of(key)
    try:
        call.rooms.records.create(key, {**request, "ArtifactArn": arn, "CreatedBy": resources.caller(call)})
    except RecordExists:
        raise ValidationException(f"Artifact with this source already exists: {arn}") from None
    return {"ArtifactArn": arn}


def _key_of_source(call: Call, source: dict[str, Any]) -> Key:
    types = sorted((row["SourceIdType"], row["Value"]) for row in source.get("SourceTypes", []))
    digest = hashlib.sha256(msgspec.json.encode([source["SourceUri"], types])).hexdigest()
    return resources.key_of(call, ARTIFACT, digest[:32])


@operation
def describe_artifact(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The artifact as it was created and updated."""
    return experiment_records.timed(resources.find(call, ARTIFACT, request["ArtifactArn"]))


@operation
def update_artifact(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change the name, and add and remove properties."""

    def change(record: Record) -> None:
        properties = {**record.body.get("Properties", {}), **request.get("Properties", {})}
        properties = {key: properties[key] for key in properties if key not in request.get("PropertiesToRemove", ())}
        if len(properties) > MAX_PROPERTIES:
            raise ValidationException(f"An artifact has at most {MAX_PROPERTIES} properties, not {len(properties)}.")
        name = {"ArtifactName": request["ArtifactName"]} if "ArtifactName" in request else {}
        record.body.update({**name, "Properties": properties, "LastModifiedBy": resources.caller(call)})

    key = resources.key_of(call, ARTIFACT, request["ArtifactArn"])
    return {"ArtifactArn": resources.change(call.rooms, key, change).body["ArtifactArn"]}


@operation
def list_artifacts(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of all artifacts, of those of a type, or of those of a URI."""
    where = {"ArtifactType": request["ArtifactType"]} if "ArtifactType" in request else {}
    found = listing.every(call, ARTIFACT, **where)
    if "SourceUri" in request:
        found = (record for record in found if record.body["Source"]["SourceUri"] == request["SourceUri"])
    return experiment_records.answer("ArtifactSummaries", found, request, experiment_records.timed)


@operation
def delete_artifact(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget an artifact, by its ARN or by its source, that nothing is associated with."""
    if ("ArtifactArn" in request) == ("Source" in request):
        raise ValidationException("DeleteArtifact takes an ArtifactArn or a Source, and one of them only.")
    key = (
        resources.key_of(call, ARTIFACT, request["ArtifactArn"])
        if "ArtifactArn" in request
        else _key_of_source(call, request["Source"])
    )

    def refuse_associated(record: Record) -> None:
        if other := association.partner(call, record.body["ArtifactArn"]):
            raise ValidationException(
                f"Artifact '{resources.arn_of(key)}' is associated with {other}. Disassociate it."
            )

    if call.rooms.records.delete(key, refuse_associated) is None:
        raise resources.not_found(key)
    return {"ArtifactArn": resources.arn_of(key)}
