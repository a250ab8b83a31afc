"""The record of an endpoint: what the hosting room's changes do to it, and how it is described."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import capture_config
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.shadow_config import by_member
from clary.store.records import Record

TRANSIENT = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})

_MAX_REASON = 1024

_NO_COUNTS: dict[str, int] = {}

# An update of which nothing was told yet.
_NO_STAGE: dict[str, Any] = {
    "Status": "Creating",
    "Message": "",
    "Share": 0.0,
    "Counts": {"Old": None, "New": _NO_COUNTS},
}


def move(record: Record, change: dict[str, Any]) -> None:
    """Write one change of an endpoint's state into its record; repeated, it changes nothing more."""
    if record.status == "Deleting":
        return
    body, status, reason = record.body, change["EndpointStatus"], change.get("FailureReason", "")
    if status not in TRANSIENT:
        if body.pop("Recovering", False):
            return  # what served before a restart is back; the update that was under way follows
        if status == record.status == "InService" and "Pending" not in body:
            return  # it serves again after a restart: what is known of its last update stays
        _settle(body, status, failed=bool(change.get("UpdateFailed")))
    elif "Stage" in change:
        body["Stage"] = {**change["Stage"], "StartTime": change["Time"]}
    if (record.status, body.get("FailureReason", "")) != (status, reason[:_MAX_REASON]):
        body["LastModifiedTime"] = change["Time"]
    body["FailureReason"] = reason[:_MAX_REASON]
    record.status = status


def _settle(body: dict[str, Any], status: str, *, failed: bool) -> None:
    """An update has ended, well or not."""
    pending, stage = body.pop("Pending", None), body.pop("Stage", None)
    if status == "UpdateRollbackFailed":
        body.setdefault("Mixed", {"Pending": pending, "Stage": stage})
        return
    body.pop("Mixed", None)
    if pending and ((status == "InService" and not failed) or "Deployment" not in body):
        pending.pop("DeploymentConfig", None)
        body["Deployment"] = pending


def give_up(record: Record) -> None:
    """The server died while an update was rolled back: all that serves from now on is the old."""
    record.body.pop("Pending", None)
    record.body.pop("Stage", None)
    record.status = "InService"


def check_settled(record: Record) -> None:
    """Raise ValidationException for an endpoint that can't be updated now."""
    arn = record.body["EndpointArn"]
    if record.status in TRANSIENT:
        raise ValidationException(f'Cannot update in-progress endpoint "{arn}".')
    if record.status == "Failed":
        raise ValidationException(f'Cannot update failed endpoint "{arn}"; it can only be deleted.')


def describe(record: Record) -> dict[str, Any]:
    """DescribeEndpoint's answer."""
    body = record.body
    deployment = body.get("Deployment")
    update = body if record.status in TRANSIENT else body.get("Mixed", {})
    pending, stage = update.get("Pending"), update.get("Stage") or _NO_STAGE
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
        shown["AsyncInferenceConfig"] = deployment.get("AsyncInferenceConfig")
        shown["DataCaptureConfig"] = capture_config.summary(deployment.get("DataCaptureConfig"))
        old = _NO_COUNTS if record.status == "Failed" else stage["Counts"]["Old"]
        rows = [_variant(variant, deployment, 1 - stage["Share"], old) for variant in deployment["Variants"]]
        shown.update(by_member(deployment, rows))
    if pending:
        shown["PendingDeploymentSummary"] = _pending(pending, stage)
        _show_desired(shown, pending)
    return shown


def _variant(
    variant: dict[str, Any], deployment: dict[str, Any], share: float, counts: dict[str, int] | None
) -> dict[str, Any]:
    """A variant whose fleet has this share of the traffic, and so many instances; None for as many as wanted."""
    wanted, serverless = variant["DesiredInstanceCount"], variant.get("Serverless")
    current = wanted if counts is None else counts.get(variant["VariantName"], 0)
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": _images(variant, deployment),
        "CurrentWeight": variant["DesiredWeight"] * share,
        "DesiredWeight": variant["DesiredWeight"],
        **(
            {"CurrentServerlessConfig": serverless, "DesiredServerlessConfig": serverless}
            if serverless
            else {"CurrentInstanceCount": current, "DesiredInstanceCount": wanted}
        ),
    }


def _show_desired(shown: dict[str, Any], pending: dict[str, Any]) -> None:
    """While instances start or stop, a variant's desired number is no longer its current one."""
    desired = {variant["VariantName"]: variant for variant in pending["Variants"]}
    if pending["EndpointConfigName"] != shown["EndpointConfigName"]:
        return
    for variant in shown.get("ProductionVariants", []):
        if found := desired.get(variant["VariantName"]):
            variant["DesiredWeight"] = found["DesiredWeight"]
            if found.get("Serverless"):
                variant["DesiredServerlessConfig"] = found["Serverless"]
            else:
                variant["DesiredInstanceCount"] = found["DesiredInstanceCount"]


def _pending(pending: dict[str, Any], stage: dict[str, Any]) -> dict[str, Any]:
    status = {
        "Status": stage["Status"],
        "StatusMessage": stage["Message"] or None,
        "StartTime": stage.get("StartTime", pending["StartTime"]),
    }
    rows = [
        {
            **_variant(variant, pending, stage["Share"], stage["Counts"]["New"]),
            "InstanceType": variant["InstanceType"] or None,
            "AcceleratorType": variant.get("AcceleratorType") or None,
            "VariantStatus": [status],
        }
        for variant in pending["Variants"]
    ]
    return {
        "EndpointConfigName": pending["EndpointConfigName"],
        "StartTime": pending["StartTime"],
        **by_member(pending, rows),
    }


def _images(variant: dict[str, Any], deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """An image is what it is called: Clary pulls none, so no digest is resolved."""
    return [
        {"SpecifiedImage": row["Image"], "ResolvedImage": row["Image"], "ResolutionTime": deployment["StartTime"]}
        for row in variant["Containers"]
    ]
