"""What the models of CreateFunction and UpdateFunctionConfiguration cannot say, and what Clary doesn't do yet."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import msgspec

from clary.services.iam.role import is_refused
from clary.services.lambda_.errors import InvalidParameterValueException, invalid, not_done
from clary.wire.not_done import NotDone, refuse

if TYPE_CHECKING:
    from clary.wire import Call

ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
_RUNTIMES = tuple(f"python3.{minor}" for minor in range(8, 16))
_ENVIRONMENT_BYTES = 4096
_MOST = {"Timeout": 900, "MemorySize": 10240}  # the model's limits are those of functions with a capacity provider
_RESERVED = frozenset(
    "_HANDLER _X_AMZN_TRACE_ID AWS_DEFAULT_REGION AWS_REGION AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME "
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE "
    "AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY "
    "AWS_SESSION_TOKEN AWS_LAMBDA_RUNTIME_API LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR".split()
)
_NOT_DONE = (
    NotDone("Code.ImageUri", "a container image"),
    NotDone("ImageUri", "a container image"),
    NotDone("ImageConfig", "a container image"),
    NotDone("PackageType", "a container image", ("Zip",)),
    NotDone("Code.S3ObjectStorageMode", "another way to keep the code", ("COPY",)),
    NotDone("S3ObjectStorageMode", "another way to keep the code", ("COPY",)),
    NotDone("Code.SourceKMSKeyArn", "encryption with a key of KMS"),
    NotDone("SourceKMSKeyArn", "encryption with a key of KMS"),
    NotDone("KMSKeyArn", "encryption with a key of KMS"),
    NotDone("VpcConfig", "a VPC"),
    NotDone("DeadLetterConfig.TargetArn", "a dead-letter queue"),
    NotDone("TracingConfig.Mode", "X-Ray", ("PassThrough",)),
    NotDone("FileSystemConfigs", "a file system"),
    NotDone("CodeSigningConfigArn", "code signing"),
    NotDone("SnapStart.ApplyOn", "snapshots", ("None",)),
    NotDone("TenancyConfig", "isolation of tenants"),
    NotDone("CapacityProviderConfig", "a capacity provider"),
    NotDone("DurableConfig", "durable functions"),
    NotDone("RuntimeConfig", "a runtime of its own"),
    NotDone("AcceleratorConfig", "an accelerator"),
    NotDone("PublishTo", "a version for a capacity provider"),
)


def check(call: Call, request: dict[str, Any]) -> None:
    """Refuse what can't be done; members that are left out are not looked at."""
    refuse(request, _NOT_DONE, not_done)
    for member, most in _MOST.items():
        value = request.get(member, 0)
        if value > most:
            raise InvalidParameterValueException(
                f"'{member}' value failed to satisfy constraint: Member must have value less than or equal to {most}, "
                f"not {value}"
            )
    if "Runtime" in request:
        _check_runtime(request["Runtime"])
    if "Role" in request and is_refused(call.rooms, call.operation, request["Role"]):
        raise InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.")
    if request.get("Architectures", [ARCHITECTURE]) != [ARCHITECTURE]:
        raise InvalidParameterValueException(
            f"Architectures asks for {', '.join(request['Architectures'])}; this machine is {ARCHITECTURE}."
        )
    logging = request.get("LoggingConfig") or {}
    if logging.get("LogFormat", "Text") == "Text" and ("ApplicationLogLevel" in logging or "SystemLogLevel" in logging):
        raise InvalidParameterValueException(
            "ApplicationLogLevel and SystemLogLevel can be set only where LogFormat is JSON."
        )
    _check_environment((request.get("Environment") or {}).get("Variables") or {})


def _check_runtime(runtime: str) -> None:
    if runtime in _RUNTIMES:
        return
    if runtime.startswith("python"):
        raise InvalidParameterValueException(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    raise InvalidParameterValueException(
        f"Runtime asks for {runtime}; Clary runs Python functions only: {', '.join(_RUNTIMES)}."
    )


def _check_environment(variables: dict[str, str]) -> None:
    written = msgspec.json.encode(variables).decode()
    unable = "Lambda was unable to configure your environment variables because the environment variables you have"
    if len(written) > _ENVIRONMENT_BYTES:
        raise InvalidParameterValueException(f"{unable} provided exceeded the 4KB limit. String measured: {written}")
    if any("\0" in value for value in variables.values()):
        raise InvalidParameterValueException(f"{unable} provided contains a null character.")
    reserved = [name for name in variables if name in _RESERVED]
    if reserved:
        raise InvalidParameterValueException(
            f"{unable} provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )


def check_name(name: str) -> None:
    """Refuse a name that is too long; the model allows for a whole ARN."""
    if len(name) > 64:
        raise invalid(
            f"Value '{name}' at 'functionName' failed to satisfy constraint: "
            "Member must have length less than or equal to 64"
        )
