"""Endpoints."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import async_requests, endpoint_rollout, listing, resources, serverless_config
from clary.services.sagemaker.endpoint_deployment import new_deployment, retain, to_spec
from clary.services.sagemaker.endpoint_state import TRANSIENT, check_settled, describe
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.holding import hold
from clary.services.sagemaker.resources import ENDPOINT, ENDPOINT_CONFIG
from clary.store.records import Record
from clary.wire import Call, operation


@operation
def create_endpoint(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Write the record with all it takes to serve, and start the workers."""
    config = resources.find(call, ENDPOINT_CONFIG, request["EndpointConfigName"])
    deployment = new_deployment(call, config)
    endpoint_rollout.check(request.get("DeploymentConfig"), deployment)  # for updates to come that retain it
    body = {**request, "Pending": deployment, "LastDeploymentConfig": request.get("DeploymentConfig")}
    record = resources.create(call, ENDPOINT, body, status="Creating")
    started = False
    try:
        call.rooms.hosting.create(to_spec(record, record.body["Pending"]))
        async_requests.attend(call.rooms, record)
        started = True
    finally:
        if not started:
            call.rooms.records.delete(record.key)
    return {"EndpointArn": record.body["EndpointArn"]}


@operation
async def describe_endpoint(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The endpoint as it stands; a client that only waits for it gets the answer when it has settled."""
    key = resources.key_of(call, ENDPOINT, request["EndpointName"])
    record = await hold(call, key, lambda record: record.status not in TRANSIENT, began=lambda record: record.modified)
    if record is None:
        raise resources.not_found(key)
    return describe(record)


@operation
def list_endpoints(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of the endpoints."""
    page = listing.page(call, ENDPOINT, request, status=request.get("StatusEquals", ""))
    return listing.answer("Endpoints", page, describe)


@operation
def update_endpoint(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Bring up the workers of another configuration beside the old ones, then let them take over as it is asked."""
    key = resources.key_of(call, ENDPOINT, request["EndpointName"])
    serving = resources.find(call, ENDPOINT, request["EndpointName"])
    config = resources.find(call, ENDPOINT_CONFIG, request["EndpointConfigName"])
    check_settled(serving)
    policy = _policy(serving, request)
    endpoint_rollout.check_alarms(call, policy)
    # AWS refuses to update an endpoint whose present configuration was deleted.
    resources.find(call, ENDPOINT_CONFIG, serving.body["Deployment"]["EndpointConfigName"])
    deployment = new_deployment(call, config)
    serverless_config.check_update(serving, deployment)
    excluded = {row["VariantPropertyType"] for row in request.get("ExcludeRetainedVariantProperties", [])}

    def update(record: Record) -> None:
        check_settled(record)
        if request.get("RetainAllVariantProperties"):
            retain(deployment, record.body["Deployment"], excluded)
        endpoint_rollout.check(policy, deployment)
        pending = {**deployment, "DeploymentConfig": policy}
        record.body.update(Pending=pending, LastDeploymentConfig=policy, FailureReason="")
        record.status = "Updating"

    record = resources.change(call.rooms, key, update)
    pending = record.body["Pending"]
    call.rooms.hosting.update(to_spec(record, pending), endpoint_rollout.to_rollout(pending))
    async_requests.attend(call.rooms, record)
    return {"EndpointArn": record.body["EndpointArn"]}


def _policy(serving: Record, request: dict[str, Any]) -> dict[str, Any] | None:
    """The DeploymentConfig of an update: its own, or the one of the update before."""
    given: dict[str, Any] | None = request.get("DeploymentConfig")
    if not request.get("RetainDeploymentConfig"):
        return given
    if given:
        raise ValidationException("Give either DeploymentConfig or RetainDeploymentConfig, which keeps the last one.")
    return serving.body.get("LastDeploymentConfig")


@operation
def delete_endpoint(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Stop the workers and forget the endpoint; its name is free again."""
    key = resources.key_of(call, ENDPOINT, request["EndpointName"])

    def delete(record: Record) -> None:
        if record.status in TRANSIENT and record.status != "Deleting":
            raise ValidationException(f'Cannot update in-progress endpoint "{record.body["EndpointArn"]}".')
        record.status = "Deleting"

    # The status stands first, so that a server killed here goes on deleting at its next start.
    record = resources.change(call.rooms, key, delete)
    call.rooms.hosting.delete(record.body["EndpointArn"])
    async_requests.drop(call.rooms, key)
    call.rooms.records.delete(key)
    call.rooms.changes.notify(key)
    return {}
