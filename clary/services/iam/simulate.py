"""SimulatePrincipalPolicy: what Clary would decide, which today is to allow every signed request."""

from typing import Any

from clary.names import parse_arn
from clary.services.iam.entity import ROLE, USER, require
from clary.services.iam.errors import NoSuchEntity, ValidationError
from clary.wire import Call, operation

# A simulation over other policies than those that hold would be an answer about nothing.
UNSUPPORTED = ("PolicyInputList", "PermissionsBoundaryPolicyInputList", "ResourcePolicy", "ContextEntries")


@operation
def simulate_principal_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The decision on each action and resource for a user or role that exists."""
    for name in UNSUPPORTED:
        if request.get(name):
            raise ValidationError(f"{name} is not supported by Clary yet: policies are not evaluated")
    _require_principal(call, request["PolicySourceArn"])
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed",
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action in request["ActionNames"]
        for resource in request.get("ResourceArns", ["*"])
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def _require_principal(call: Call, arn: str) -> None:
    parts = parse_arn(arn)
    word, _, name = parts.resource.partition("/") if parts else ("", "", "")
    kind = {"role": ROLE, "user": USER}.get(word)
    if parts is None or kind is None:
        raise NoSuchEntity(f"The principal {arn} cannot be found.")
    require(call.rooms, kind, parts.account, name.rpartition("/")[2])
