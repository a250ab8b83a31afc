"""GetCallerIdentity, AssumeRole, GetSessionToken."""

from typing import Any

from clary.access.identities import TemporaryKeys, unique_id
from clary.errors import ServiceError
from clary.names import make_arn, parse_arn
from clary.services.iam.role import find_role, is_refused
from clary.wire import Call, operation

# What narrows a session needs policies to be evaluated, which Clary doesn't do yet: better refused than ignored.
UNSUPPORTED = ("Policy", "PolicyArns", "SerialNumber", "TokenCode", "Tags", "TransitiveTagKeys", "ProvidedContexts")


class AccessDenied(ServiceError):
    """The caller may not do that."""

    code = "AccessDenied"
    status = 403


class ValidationError(ServiceError):
    """The request breaks a rule of STS."""

    code = "ValidationError"
    status = 400


@operation
def get_caller_identity(call: Call, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """Whom the keys of this request stand for."""
    return {"UserId": call.identity.user_id, "Account": call.identity.account, "Arn": call.identity.arn}


@operation
def assume_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Temporary keys of a role."""
    _refuse(request)
    role_arn, session = request["RoleArn"], request["RoleSessionName"]
    arn = parse_arn(role_arn)
    if arn is None or arn.service != "iam" or not arn.resource.startswith("role/"):
        raise ValidationError(f"{role_arn} is invalid")
    name = arn.resource.rsplit("/", 1)[-1]
    role = find_role(call.rooms, arn.account, name)
    if role is None and is_refused(call.rooms, call.operation, role_arn):
        message = f"User: {call.identity.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
        raise AccessDenied(message)
    user = {
        "AssumedRoleId": f"{role.body['RoleId'] if role else unique_id('AROA', name)}:{session}",
        "Arn": make_arn("sts", "", arn.account, f"assumed-role/{name}/{session}"),
    }
    seconds = request.get("DurationSeconds", 3600)
    keys = call.rooms.access.identities.issue(arn.account, user["Arn"], user["AssumedRoleId"], seconds)
    answer = {"Credentials": _credentials(keys), "AssumedRoleUser": user}
    if "SourceIdentity" in request:
        answer["SourceIdentity"] = request["SourceIdentity"]
    return answer


@operation
def get_session_token(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Temporary keys that stand for the caller."""
    _refuse(request)
    if call.identity.access_key.startswith("ASIA"):
        raise AccessDenied("Cannot call GetSessionToken with session credentials")
    seconds = request.get("DurationSeconds", 43200)
    who = call.identity
    return {"Credentials": _credentials(call.rooms.access.identities.issue(who.account, who.arn, who.user_id, seconds))}


def _refuse(request: dict[str, Any]) -> None:
    for name in UNSUPPORTED:
        if request.get(name):
            raise ValidationError(f"{name} is not supported by Clary yet: it would have no effect on the session")


def _credentials(keys: TemporaryKeys) -> dict[str, Any]:
    return {
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
        "SessionToken": keys.session_token,
        "Expiration": keys.expiration,
    }
