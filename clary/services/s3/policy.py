"""Bucket policies and the public access block, as records: checked and answered as S3 does it, evaluated by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from clary.errors import ServiceError
from clary.services.s3.errors import AccessDenied
from clary.services.s3.ownership import own_bucket, require_bucket
from clary.wire import Call, Reply, operation

if TYPE_CHECKING:
    from clary.store.object_rows import Bucket

_POLICY = "Policy"
_ACCESS_BLOCK = "PublicAccessBlock"
_ALL_BLOCKED = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
_MOST_BYTES = 20 * 1024
_VERSIONS = ("2008-10-17", "2012-10-17")
_EITHER = (("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource"))
_FIELDS = {"Sid", "Effect", "Condition", *(name for pair in _EITHER for name in pair)}
_PRINCIPALS = {"AWS", "Service", "Federated", "CanonicalUser"}
# A fixed value of one of these keeps a policy for everybody from being public. Source: "The meaning of public".
_NARROWING = {
    "aws:sourceip",
    "aws:sourcearn",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:sourceowner",
    "aws:sourceaccount",
    "aws:userid",
    "aws:principalorgid",
    "aws:principalarn",
    "aws:principalaccount",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
}


class MalformedPolicy(ServiceError):
    """The document is no bucket policy."""

    code = "MalformedPolicy"
    status = 400


class NoSuchBucketPolicy(ServiceError):
    """The bucket has no policy."""

    code = "NoSuchBucketPolicy"
    status = 404


class NoAccessBlock(ServiceError):
    """The bucket's settings were deleted."""

    code = "NoSuchPublicAccessBlockConfiguration"
    status = 404


@operation
def get_bucket_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The document as it was put."""
    return {"Policy": _require_policy(call, request)}


@operation
def get_bucket_policy_status(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Whether the policy would let anybody in."""
    return {"PolicyStatus": {"IsPublic": _is_public(msgspec.json.decode(_require_policy(call, request)))}}


@operation
def put_bucket_policy(call: Call, request: dict[str, Any]) -> Reply:
    """Keep a policy; a public one only where the public access block lets it through."""
    document = _checked(request["Policy"], request["Bucket"])

    def change(bucket: Bucket) -> None:
        own_bucket(call, request, bucket)
        if (bucket.settings.get(_ACCESS_BLOCK, _ALL_BLOCKED) or {}).get("BlockPublicPolicy") and _is_public(document):
            message = (
                f"User: {call.identity.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "
                f'"arn:aws:s3:::{bucket.name}" because public policies are prevented by the BlockPublicPolicy setting '
                "in S3 Block Public Access."
            )
            raise AccessDenied(message)
        bucket.settings[_POLICY] = request["Policy"]

    own_bucket(call, request, call.rooms.objects.buckets.change(request["Bucket"], change))
    return Reply(status=204)


@operation
def delete_bucket_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget the policy."""

    def change(bucket: Bucket) -> None:
        own_bucket(call, request, bucket).settings.pop(_POLICY, None)

    own_bucket(call, request, call.rooms.objects.buckets.change(request["Bucket"], change))
    return {}


@operation
def get_public_access_block(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """All blocked, unless the settings were changed."""
    bucket = require_bucket(call, request)
    blocked = bucket.settings.get(_ACCESS_BLOCK, _ALL_BLOCKED)
    if blocked is None:
        message = "The public access block configuration was not found"
        raise NoAccessBlock(message, fields={"BucketName": bucket.name})
    return {"PublicAccessBlockConfiguration": blocked}


@operation
def put_public_access_block(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep the settings; without lists, and with policies that grant nothing, only BlockPublicPolicy does something."""
    asked = request["PublicAccessBlockConfiguration"]
    _set_access_block(call, request, {name: asked.get(name, False) for name in _ALL_BLOCKED})
    return {}


@operation
def delete_public_access_block(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget the settings."""
    _set_access_block(call, request, None)
    return {}


def _set_access_block(call: Call, request: dict[str, Any], blocked: dict[str, bool] | None) -> None:
    def change(bucket: Bucket) -> None:
        own_bucket(call, request, bucket).settings[_ACCESS_BLOCK] = blocked

    own_bucket(call, request, call.rooms.objects.buckets.change(request["Bucket"], change))


def _require_policy(call: Call, request: dict[str, Any]) -> str:
    bucket = require_bucket(call, request)
    if _POLICY not in bucket.settings:
        raise NoSuchBucketPolicy("The bucket policy does not exist", fields={"BucketName": bucket.name})
    policy: str = bucket.settings[_POLICY]
    return policy


def _checked(text: str, bucket: str) -> dict[str, Any]:
    """The policy's document; raises with the first thing that is wrong with it."""
    try:
        document = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not text.startswith("{"):
        raise MalformedPolicy("Policies must be valid JSON and the first byte must be '{'")
    if len(text.encode()) > _MOST_BYTES:
        raise MalformedPolicy(f"Normalized policy document exceeds the maximum allowed size of {_MOST_BYTES} bytes.")
    for name in document:
        if name not in ("Version", "Id", "Statement"):
            raise MalformedPolicy(f"Unknown field {name}")
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise MalformedPolicy("The policy must contain a valid version string")
    if "Statement" not in document:
        raise MalformedPolicy("Missing required field Statement")
    statements = _as_list(document["Statement"])
    if not statements:
        raise MalformedPolicy("Could not parse the policy: Statement is empty!")
    for statement in statements:
        _check_statement(statement, bucket)
    return document


def _check_statement(statement: Any, bucket: str) -> None:
    if not isinstance(statement, dict):
        raise MalformedPolicy("Statement must be an object")
    for name in statement:
        if name not in _FIELDS:
            raise MalformedPolicy(f"Unknown field {name}")
    if "Effect" not in statement:
        raise MalformedPolicy("Missing required field Effect")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise MalformedPolicy(f"Invalid effect: {statement['Effect']}")
    for name, other in _EITHER:
        if (name in statement) == (other in statement):
            both = f"Only one of {name} and {other} is allowed"
            raise MalformedPolicy(both if name in statement else f"Missing required field {name}")
    if not _are_principals(statement.get("Principal", statement.get("NotPrincipal"))):
        raise MalformedPolicy("Invalid principal in policy")
    for action in _as_list(statement.get("Action", statement.get("NotAction"))):
        if not isinstance(action, str) or not (action == "*" or action.lower().startswith("s3:")):
            raise MalformedPolicy("Policy has invalid action")
    for resource in _as_list(statement.get("Resource", statement.get("NotResource"))):
        if not isinstance(resource, str) or not _is_of(resource, bucket):
            raise MalformedPolicy("Policy has invalid resource")
    if not isinstance(statement.get("Condition", {}), dict):
        raise MalformedPolicy("Condition must be an object")


def _are_principals(value: Any) -> bool:
    if isinstance(value, dict):
        names = [name for one in value.values() for name in _as_list(one)]
        return bool(value) and _PRINCIPALS.issuperset(value) and all(isinstance(name, str) and name for name in names)
    return bool(value == "*")


def _is_of(resource: str, bucket: str) -> bool:
    """Whether an ARN, wildcards and all, names the bucket or objects in it."""
    parts = resource.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "s3":
        return False
    name = parts[5].split("/", 1)[0]
    return name == bucket or ("*" in name and bucket.startswith(name.split("*", 1)[0]))


def _is_public(document: dict[str, Any]) -> bool:
    return any(
        statement["Effect"] == "Allow" and _is_for_all(statement) and not _is_narrowed(statement.get("Condition", {}))
        for statement in _as_list(document["Statement"])
    )


def _is_for_all(statement: dict[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement["Principal"]
    return principal == "*" or "*" in _as_list(principal.get("AWS", []))


def _is_narrowed(condition: dict[str, Any]) -> bool:
    """Whether the condition has a fixed value of a key that says who or from where."""
    for operator, tests in condition.items():
        if operator.lower().removesuffix("ifexists").startswith(("stringnot", "arnnot", "notip", "null")):
            continue
        for key, values in tests.items():
            fixed = all("*" not in str(value) and str(value) != "0.0.0.0/0" for value in _as_list(values))
            if key.lower() in _NARROWING and fixed:
                return True
    return False


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
