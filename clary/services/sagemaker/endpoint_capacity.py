"""How many instances an endpoint's variants have, and what share of the traffic: changed in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from clary.services.sagemaker import resources, serverless_config
from clary.services.sagemaker.endpoint_deployment import check_size, to_spec
from clary.services.sagemaker.endpoint_state import TRANSIENT, check_settled
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import ENDPOINT
from clary.store.records import Key, Record
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.wire import Rooms


class Capacity(NamedTuple):
    """The instances of one variant."""

    current: int
    changing: bool  # the endpoint is being created or updated
    serverless: bool
    queued: bool  # the endpoint is asynchronous, so it can do without instances
    modified: float  # when the endpoint last changed


def find(rooms: Rooms, account: str, region: str, endpoint: str, variant: str) -> Capacity | None:
    """What a variant has now; None where there is no such variant."""
    record = rooms.records.get(Key(resources.record_kind(ENDPOINT), account, region, endpoint.lower()))
    if record is None:
        return None
    deployment = record.body.get("Deployment") or record.body["Pending"]
    for row in deployment["Variants"]:
        if row["VariantName"] == variant:
            serving = "Deployment" in record.body and record.status != "Failed"
            return Capacity(
                current=row["DesiredInstanceCount"] if serving else 0,
                changing=record.status in TRANSIENT,
                serverless=bool(row.get("Serverless")),
                queued=bool(deployment.get("AsyncInferenceConfig")),
                modified=record.body.get("LastModifiedTime", record.created),
            )
    return None


def set_instance_count(rooms: Rooms, account: str, region: str, endpoint: str, variant: str, count: int) -> None:
    """Begin to give a variant so many instances; ValidationException where that can't be done now."""
    key = Key(resources.record_kind(ENDPOINT), account, region, endpoint.lower())
    _change(rooms, key, [{"VariantName": variant, "DesiredInstanceCount": count}])


@operation
def update_endpoint_weights_and_capacities(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change shares of traffic and numbers of instances in place."""
    key = resources.key_of(call, ENDPOINT, request["EndpointName"])
    record = _change(call.rooms, key, request["DesiredWeightsAndCapacities"])
    return {"EndpointArn": record.body["EndpointArn"]}


def _change(rooms: Rooms, key: Key, rows: list[dict[str, Any]]) -> Record:
    now = rooms.clock.now()
    resized = any("DesiredInstanceCount" in row or "ServerlessUpdateConfig" in row for row in rows)

    def update(record: Record) -> None:
        check_settled(record)
        deployment = record.body["Deployment"]
        desired = {**deployment, "Variants": _with_desired(record, deployment["Variants"], rows)}
        if resized:
            record.body["Pending"] = {**desired, "StartTime": now}
            record.status = "Updating"
        else:
            record.body.update(Deployment=desired, LastModifiedTime=now)

    record = resources.change(rooms, key, update)
    if resized:
        rooms.hosting.resize(to_spec(record, record.body["Pending"]))
    else:
        weights = {row["VariantName"]: row["DesiredWeight"] for row in rows if "DesiredWeight" in row}
        rooms.hosting.set_weights(record.body["EndpointArn"], weights)
    return record


def _with_desired(record: Record, variants: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The variants with the weights and numbers of instances that are asked for."""
    changed = {variant["VariantName"]: dict(variant) for variant in variants}
    names = [row["VariantName"] for row in rows]
    if unknown := [name for name in names if name not in changed]:
        raise ValidationException(
            f'The variant name(s) "{", ".join(unknown)}" is/are not present within endpoint configuration '
            f'"{record.body["Deployment"]["EndpointConfigName"]}".'
        )
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValidationException(f'The variant name "{twice[0]}" was non-unique within the request.')
    queued = record.body["Deployment"].get("AsyncInferenceConfig")  # its requests can wait for instances
    for row in rows:
        if row.get("DesiredInstanceCount") == 0 and not queued:
            raise ValidationException("DesiredInstanceCount must be at least 1.")
        variant = changed[row["VariantName"]]
        variant.update(serverless_config.desired(variant, row))
        variant.update({name: row[name] for name in ("DesiredWeight", "DesiredInstanceCount") if name in row})
    check_size(list(changed.values()))
    return list(changed.values())
