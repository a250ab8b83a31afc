"""The record of a transform job: how it begins, what the transform room's changes do to it, how it is described."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clary.store.records import Record

ENDED = frozenset({"Completed", "Failed", "Stopped"})

_DEFAULTS = {
    "TransformInput": {"CompressionType": "None", "SplitType": "None"},
    "TransformOutput": {"AssembleWith": "None", "KmsKeyId": ""},
    "DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"},
}


def with_defaults(request: dict[str, Any]) -> dict[str, Any]:
    """A request with AWS's defaults, as DescribeTransformJob shows it."""
    body = deepcopy(request)
    for member, defaults in _DEFAULTS.items():
        body[member] = {**defaults, **body.get(member, {})}
    return body


def move(record: Record, change: dict[str, Any]) -> None:
    """Write one change of a transform's state into its record; a change that was written before does nothing."""
    if record.status in ENDED:
        return
    status = change["TransformJobStatus"]
    if status in ENDED or record.status != "Stopping":
        record.status = status
    record.body.setdefault("TransformStartTime", change.get("TransformStartTime"))
    record.body.update({name: change[name] for name in ("TransformEndTime", "FailureReason") if name in change})


def describe(record: Record) -> dict[str, Any]:
    """DescribeTransformJob's answer."""
    return {**record.body, "TransformJobStatus": record.status, "CreationTime": record.created}
