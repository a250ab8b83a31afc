"""The record of an endpoint: what the hosting room's changes do to it, and how it is described."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import capture_config
from clary.store.records import Record

TRANSIENT = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})

_MAX_REASON = 1024


def move(record: Record, change: dict[str, Any]) -> None:
    """Write one change of an endpoint's state into its record; repeated, it changes nothing more."""
    if record.status == "Deleting":
        return
    body, status, reason = record.body, change["EndpointStatus"], change.get("FailureReason", "")
    if status not in TRANSIENT:
        if body.pop("Recovering", False):
            return  # what served before a restart is back; the update that was under way follows
        pending = body.pop("Pending", None)
        updated = status == "InService" and not change.get("UpdateFailed")
        if pending and (updated or "Deployment" not in body):
            body["Deployment"] = pending
    if (record.status, body.get("FailureReason", "")) != (status, reason[:_MAX_REASON]):
        body["LastModifiedTime"] = change["Time"]
    body["FailureReason"] = reason[:_MAX_REASON]
    record.status = status


def describe(record: Record) -> dict[str, Any]:
    """DescribeEndpoint's answer."""
    body = record.body
    deployment, pending = body.get("Deployment"), body.get("Pending")
    shown: dict[str, Any] = {
        "EndpointName": body["EndpointName"],
        "EndpointArn": body["EndpointArn"],
        "EndpointConfigName": (deployment or pending or {}).get("EndpointConfigName"),
        "EndpointStatus": record.status,
        "FailureReason": body.get("FailureReason") or None,
        "CreationTime": record.created,
        "LastModifiedTime": body.get("LastModifiedTime", record.created),
        "LastDeploymentConfig": body.get("LastDeploymentConfig"),
        "Tags": body.get("Tags", []),
    }
    if deployment:
        shown["DataCaptureConfig"] = capture_config.summary(deployment.get("DataCaptureConfig"))
        serving = record.status != "Failed"
        shown["ProductionVariants"] = [
            _variant(variant, deployment, serving=serving) for variant in deployment["Variants"]
        ]
    if pending:
        shown["PendingDeploymentSummary"] = _pending(pending)
    return shown


def _variant(variant: dict[str, Any], deployment: dict[str, Any], *, serving: bool) -> dict[str, Any]:
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": _images(variant, deployment),
        "CurrentWeight": variant["DesiredWeight"],
        "DesiredWeight": variant["DesiredWeight"],
        "CurrentInstanceCount": variant["DesiredInstanceCount"] if serving else 0,
        "DesiredInstanceCount": variant["DesiredInstanceCount"],
    }


def _pending(pending: dict[str, Any]) -> dict[str, Any]:
    return {
        "EndpointConfigName": pending["EndpointConfigName"],
        "StartTime": pending["StartTime"],
        "ProductionVariants": [
            {**_variant(variant, pending, serving=False), "InstanceType": variant["InstanceType"]}
            for variant in pending["Variants"]
        ],
    }


def _images(variant: dict[str, Any], deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """An image is what it is called: Clary pulls none, so no digest is resolved."""
    return [
        {"SpecifiedImage": row["Image"], "ResolvedImage": row["Image"], "ResolutionTime": deployment["StartTime"]}
        for row in variant["Containers"]
    ]
