"""Model packages: the versions of a group, and packages without one that have a name of their own."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from clary.errors import ServiceError
from clary.services.sagemaker import listing, model_package_request, resources
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import MODEL_PACKAGE, MODEL_PACKAGE_GROUP, record_kind
from clary.store.records import Draft, Key, Query, Record, RecordExists
from clary.wire import Call, operation

MOST_PROPERTIES = 50
TOKEN_SECONDS = 24 * 3600.0  # how long the token of a version's request is remembered: nobody repeats one later

# What UpdateModelPackage puts in the place of what was there.
_REPLACED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelPackageRegistrationType",
    "InferenceSpecification",
    "SourceUri",
    "ModelLifeCycle",
)

# What MetadataOnly leaves of a model card.
_CARD_METADATA = (
    ("model_overview", "model_id"),
    ("model_overview", "model_name"),
    ("intended_uses", "risk_rating"),
    ("model_package_details", "model_package_group_name"),
    ("model_package_details", "model_package_arn"),
)


@operation
def create_model_package(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Check what the package holds and write one record: as the next version of its group, or under its name."""
    digest = hashlib.sha256(msgspec.json.encode(request, order="sorted")).hexdigest()
    body = {
        **model_package_request.completed(call, request),
        "RequestDigest": digest,
        "CreatedBy": resources.caller(call),
    }
    try:
        record = (_create_version if "ModelPackageGroupName" in request else _create_unversioned)(call, body)
    except RecordExists as taken:
        record = _repeated(call, taken.key, body)
    return {MODEL_PACKAGE.arn: record.body[MODEL_PACKAGE.arn]}


def _create_version(call: Call, body: dict[str, Any]) -> Record:
    parent = resources.key_of(call, MODEL_PACKAGE_GROUP, body["ModelPackageGroupName"])

    def next_version(group: Record) -> Draft:
        if earlier := _made_by(call, parent, body):
            raise RecordExists(earlier)
        version = group.body["LastVersion"] = group.body["LastVersion"] + 1
        key = parent._replace(kind=record_kind(MODEL_PACKAGE), name=f"{parent.name}/{version}")
        own = {
            "ModelPackageGroupName": group.body["ModelPackageGroupName"],
            "ModelPackageVersion": version,
            "ModelApprovalStatus": body.get("ModelApprovalStatus", "PendingManualApproval"),
            "ModelPackageType": "Versioned",
            MODEL_PACKAGE.arn: resources.arn_of(key),
        }
        return Draft(key, {**body, **own}, "Completed")

    record = call.rooms.records.create_under(parent, next_version)
    if record is None:
        raise ValidationException("Model Package Group does not exist.")
    return record


def _made_by(call: Call, group: Key, body: dict[str, Any]) -> Key | None:
    """The version that an earlier request with the same token made."""
    if "ClientToken" not in body:
        return None
    query = Query(
        name_prefix=f"{group.name}/",
        where={"ClientToken": body["ClientToken"]},
        created_after=call.rooms.clock.now() - TOKEN_SECONDS,
        limit=1,
    )
    found = call.rooms.records.find(record_kind(MODEL_PACKAGE), group.account, group.region, query).records
    return found[0].key if found else None


def _create_unversioned(call: Call, body: dict[str, Any]) -> Record:
    key = resources.key_of(call, MODEL_PACKAGE, body["ModelPackageName"])
    own = {"ModelPackageType": "Unversioned", MODEL_PACKAGE.arn: resources.arn_of(key)}
    return call.rooms.records.create(key, {**body, **own}, status="Completed")


def _repeated(call: Call, key: Key, body: dict[str, Any]) -> Record:
    """What an earlier request made, where this one is the same again."""
    record = call.rooms.records.get(key)
    if record is None or record.body.get("ClientToken") != body.get("ClientToken") or "ClientToken" not in body:
        raise ValidationException(f"ModelPackage already exists: {resources.arn_of(key)}")
    if record.body["RequestDigest"] != body["RequestDigest"]:
        raise ValidationException(
            f"ClientToken: {body['ClientToken']!r} was used before, for {resources.arn_of(key)}, in another request."
        )
    return record


@operation
def describe_model_package(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The package as it stands, with no more of its model card than asked for."""
    described = describe(resources.find(call, MODEL_PACKAGE, request["ModelPackageName"]))
    if request.get("IncludedData") == "MetadataOnly" and "ModelCardContent" in described.get("ModelCard", {}):
        content = _metadata_of(described["ModelCard"]["ModelCardContent"])
        described["ModelCard"] = {**described["ModelCard"], "ModelCardContent": content}
    return described


def describe(record: Record) -> dict[str, Any]:
    """DescribeModelPackage's answer, and a listing's summary."""
    return {
        "CertifyForMarketplace": False,
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        **record.body,
        "ModelPackageStatus": record.status,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
    }


def _metadata_of(card: str) -> str:
    content, kept = msgspec.json.decode(card), dict[str, Any]()
    for section, member in _CARD_METADATA:
        if isinstance(content.get(section), dict) and member in content[section]:
            kept.setdefault(section, {})[member] = content[section][member]
    return msgspec.json.encode(kept).decode()


@operation
def list_model_packages(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of the versions of a group, or of the packages of a type."""
    group, wanted = request.get("ModelPackageGroupName"), request.get("ModelPackageType")
    where = {"ModelPackageType": wanted or ("Versioned" if group else "Unversioned")} if wanted != "Both" else {}
    if "ModelApprovalStatus" in request:
        where["ModelApprovalStatus"] = request["ModelApprovalStatus"]
    prefix = f"{resources.key_of(call, MODEL_PACKAGE_GROUP, group).name}/" if group else ""
    found = listing.page(call, MODEL_PACKAGE, request, where=where, name_prefix=prefix)
    return listing.answer("ModelPackageSummaryList", found, describe)


@operation
def batch_describe_model_package(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Packages by ARN; those that can't be described with the error of each."""
    found, errors = dict[str, Any](), dict[str, Any]()
    for arn in request["ModelPackageArnList"]:
        try:
            found[arn] = describe(resources.find(call, MODEL_PACKAGE, arn))
        except ServiceError as error:
            errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}


@operation
def update_model_package(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Approve or reject a package, or change what it says of itself."""
    model_package_request.check_contents(call, request)
    key = resources.key_of(call, MODEL_PACKAGE, request[MODEL_PACKAGE.arn])

    def update(record: Record) -> None:
        token = request.get("ClientToken")
        if token and record.body.get("UpdateToken") == token:
            return  # the same request again
        record.body.update(_changes(record.body, request), UpdateToken=token, LastModifiedBy=resources.caller(call))

    return {MODEL_PACKAGE.arn: resources.change(call.rooms, key, update).body[MODEL_PACKAGE.arn]}


def _changes(body: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """The members of a package that an update changes."""
    changes = {member: request[member] for member in _REPLACED if member in request}
    if "ModelCard" in request:
        changes["ModelCard"] = {**body.get("ModelCard", {}), **request["ModelCard"]}
    if "CustomerMetadataProperties" in request or "CustomerMetadataPropertiesToRemove" in request:
        removed = request.get("CustomerMetadataPropertiesToRemove", [])
        kept = {key: value for key, value in body.get("CustomerMetadataProperties", {}).items() if key not in removed}
        properties = {**kept, **request.get("CustomerMetadataProperties", {})}
        if len(properties) > MOST_PROPERTIES:
            raise ValidationException(
                f"A model package has at most {MOST_PROPERTIES} CustomerMetadataProperties; this would make "
                f"{len(properties)}."
            )
        changes["CustomerMetadataProperties"] = properties
    if "AdditionalInferenceSpecificationsToAdd" in request:
        additional = (
            body.get("AdditionalInferenceSpecifications", []) + request["AdditionalInferenceSpecificationsToAdd"]
        )
        model_package_request.check_names(additional)
        changes["AdditionalInferenceSpecifications"] = additional
    return changes


@operation
def delete_model_package(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a package; models that were made from it go on, and its version's number is not given again."""
    resources.delete(call, MODEL_PACKAGE, request["ModelPackageName"])
    return {}
