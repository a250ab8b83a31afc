"""Model package groups: the registry's folders, each with the versions of one model."""

from __future__ import annotations

from typing import Any

import msgspec

from clary.services.sagemaker import listing, resources
from clary.services.sagemaker.errors import ConflictException, ValidationException
from clary.services.sagemaker.not_done import NotDone, refuse
from clary.services.sagemaker.resources import MODEL_PACKAGE, MODEL_PACKAGE_GROUP, record_kind
from clary.store.records import Key, Query, Record, RecordExists
from clary.wire import Call, operation

NOT_DONE = (NotDone("ManagedConfiguration.ManagedStorageType", "managed storage"),)


@operation
def create_model_package_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Write one record, which will count the versions."""
    refuse(request, NOT_DONE)
    key = resources.key_of(call, MODEL_PACKAGE_GROUP, request["ModelPackageGroupName"])
    arn = resources.arn_of(key)
    body = {**request, MODEL_PACKAGE_GROUP.arn: arn, "CreatedBy": resources.caller(call), "LastVersion": 0}
    try:
        call.rooms.records.create(key, body, status="Completed")
    except RecordExists:
        raise ValidationException(f"Model Package Group already exists: {arn}") from None
    return {MODEL_PACKAGE_GROUP.arn: arn}


@operation
def describe_model_package_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The group as it was created."""
    return describe(resources.find(call, MODEL_PACKAGE_GROUP, request["ModelPackageGroupName"]))


def describe(record: Record) -> dict[str, Any]:
    """DescribeModelPackageGroup's answer, and a listing's summary."""
    return {**record.body, "CreationTime": record.created, "ModelPackageGroupStatus": record.status}


@operation
def list_model_package_groups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of the groups; of other accounts there are none."""
    foreign = request.get("CrossAccountFilterOption") == "CrossAccount"
    found = listing.NOTHING if foreign else listing.page(call, MODEL_PACKAGE_GROUP, request)
    return listing.answer("ModelPackageGroupSummaryList", found, describe)


@operation
def delete_model_package_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a group that has no versions."""
    key = resources.key_of(call, MODEL_PACKAGE_GROUP, request["ModelPackageGroupName"])

    def refuse_unless_empty(_: Record) -> None:
        versions = Query(name_prefix=f"{key.name}/", limit=1)
        if call.rooms.records.find(record_kind(MODEL_PACKAGE), key.account, key.region, versions).records:
            raise ConflictException(
                f"Model Package Group {resources.arn_of(key)} cannot be deleted: it still has model packages. Delete "
                "them first."
            )

    if call.rooms.records.delete(key, refuse_unless_empty) is None:
        raise resources.not_found(key)
    return {}


@operation
def put_model_package_group_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a resource policy with the group."""
    try:
        msgspec.json.decode(request["ResourcePolicy"], type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise ValidationException(f"ResourcePolicy is not a JSON object: {error}") from None
    key = resources.key_of(call, MODEL_PACKAGE_GROUP, request["ModelPackageGroupName"])
    policy = request["ResourcePolicy"]
    if call.rooms.records.change(key, lambda record: record.body.update(ResourcePolicy=policy)) is None:
        raise _no_group(key)
    return {MODEL_PACKAGE_GROUP.arn: resources.arn_of(key)}


@operation
def get_model_package_group_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The policy as it was put."""
    key = resources.key_of(call, MODEL_PACKAGE_GROUP, request["ModelPackageGroupName"])
    record = call.rooms.records.get(key)
    if record is None:
        raise _no_group(key)
    if "ResourcePolicy" not in record.body:
        raise _no_policy(key)
    return {"ResourcePolicy": record.body["ResourcePolicy"]}


@operation
def delete_model_package_group_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove the policy."""
    key = resources.key_of(call, MODEL_PACKAGE_GROUP, request["ModelPackageGroupName"])

    def remove(record: Record) -> None:
        if record.body.pop("ResourcePolicy", None) is None:
            raise _no_policy(key)

    if call.rooms.records.change(key, remove) is None:
        raise _no_group(key)
    return {}


def _no_group(key: Key) -> ValidationException:
    return ValidationException(f"Cannot find Model Package Group: {resources.arn_of(key)}")


def _no_policy(key: Key) -> ValidationException:
    return ValidationException(f"Cannot find resource policy for: {resources.arn_of(key)}")
