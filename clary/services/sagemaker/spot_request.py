"""Checkpoints and managed spot training, as far as a request's model can't say what they may be."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from clary.jobs.spec import CheckpointSpec
from clary.services.sagemaker import s3_locations
from clary.services.sagemaker.errors import ValidationException

if TYPE_CHECKING:
    from clary.algorithms.base import Algorithm
    from clary.wire import Call

MAX_WAIT_WITHOUT_CHECKPOINTS = 3600
"""AWS's limit for built-in algorithms that start anew after an interruption."""

_TAKEN = ("/opt/ml/input", "/opt/ml/model", "/opt/ml/output", "/opt/ml/code")
_SYSTEM = ("/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sbin", "/sys", "/usr")


def check(call: Call, request: dict[str, Any], algorithm: Algorithm | None, default_runtime: int) -> None:
    """Raise ValidationException for what can't be; `algorithm` is None where a script of the user's runs."""
    _check_wait(request, algorithm, default_runtime)
    config = request.get("CheckpointConfig")
    if config:
        bucket = s3_locations.parse(config["S3Uri"], "CheckpointConfig.S3Uri").bucket
        if not s3_locations.bucket_exists(call.rooms, bucket):
            raise ValidationException(f"CheckpointConfig.S3Uri: the bucket {bucket!r} does not exist.")
        given, path = config.get("LocalPath", ""), to_spec(config).path
        _check_path(given if ".." in given.split("/") else path)


def to_spec(config: dict[str, Any]) -> CheckpointSpec:
    """What the job room needs to know of a CheckpointConfig."""
    uri = s3_locations.parse(config["S3Uri"], "CheckpointConfig.S3Uri").uri
    path = config.get("LocalPath")
    return CheckpointSpec(uri=uri, path=posixpath.normpath(path)) if path else CheckpointSpec(uri=uri)


def _check_wait(request: dict[str, Any], algorithm: Algorithm | None, default_runtime: int) -> None:
    stopping = request.get("StoppingCondition", {})
    wait = stopping.get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining"):
        if wait is not None:
            raise ValidationException(
                "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
            )
        return
    if wait is None or wait < stopping.get("MaxRuntimeInSeconds", default_runtime):
        raise ValidationException(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        )
    if algorithm and not algorithm.checkpoints and wait > MAX_WAIT_WITHOUT_CHECKPOINTS:
        raise ValidationException(
            f"MaxWaitTimeInSeconds above {MAX_WAIT_WITHOUT_CHECKPOINTS} is not supported for the given algorithm."
        )


def _check_path(path: str) -> None:
    """Refuse a folder that holds other things: the checkpoints take all of it."""
    around = any(_lies_in(taken, path) for taken in (*_TAKEN, "/tmp"))  # noqa: S108
    within = any(_lies_in(path, other) for other in (*_TAKEN, *_SYSTEM))
    if not path.startswith("/") or ".." in path.split("/") or "\0" in path or around or within:
        raise ValidationException(
            f"CheckpointConfig.LocalPath: {path!r} can't be a folder of checkpoints; it should be a folder of its own, "
            "such as /opt/ml/checkpoints."
        )


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
