"""The policy of the catalog: kept, with its hash; and the catalog's settings of encryption."""

import hashlib
from base64 import b64encode
from typing import Any

import msgspec

from clary.services.glue.errors import (
    ConditionCheckFailureException,
    EntityNotFoundException,
    InvalidInputException,
)
from clary.services.glue.request import scope_of
from clary.store.catalog import Node, Tree
from clary.wire import Call, operation

KIND, _NAME = "policy", "catalog"
_NO_ENCRYPTION = {
    "EncryptionAtRest": {"CatalogEncryptionMode": "DISABLED"},
    "ConnectionPasswordEncryption": {"ReturnConnectionPasswordEncrypted": False},
}


@operation
def put_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a policy, if the one that is there is as the caller thinks."""
    _check_resource(request)
    text = request["PolicyInJson"]
    try:
        document = msgspec.json.decode(text)
    except (ValueError, RecursionError) as problem:
        raise InvalidInputException(f"PolicyInJson is not valid JSON: {problem}") from None
    if not isinstance(document, dict) or not document.get("Statement"):
        raise InvalidInputException("PolicyInJson must be a JSON object with a Statement.")
    policy_hash = b64encode(hashlib.sha256(text.encode()).digest()).decode()
    now = float(int(call.rooms.clock.now()))
    with call.rooms.catalog.write() as tree:
        old = _find(tree, call)
        _check(request, old)
        body = {"PolicyInJson": text, "PolicyHash": policy_hash, "CreateTime": now, "UpdateTime": now}
        if old:
            old.body = {**body, "CreateTime": old.body["CreateTime"]}
            tree.store(old)
        else:
            tree.add(tree.make_root(call.account, call.region), KIND, _NAME, body)
    return {"PolicyHash": policy_hash}


@operation
def get_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The policy."""
    _check_resource(request)
    with call.rooms.catalog.read() as tree:
        found = _find(tree, call)
    if found is None:
        raise EntityNotFoundException("Policy not found")
    return found.body


@operation
def get_resource_policies(call: Call, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """The policy, if there is one; nobody else grants any."""
    with call.rooms.catalog.read() as tree:
        found = _find(tree, call)
    return {"GetResourcePoliciesResponseList": [found.body] if found else []}


@operation
def delete_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget the policy, if it is as the caller thinks."""
    _check_resource(request)
    with call.rooms.catalog.write() as tree:
        found = _find(tree, call)
        if found is None:
            raise EntityNotFoundException("Policy not found")
        _check(request, found)
        tree.remove(found)
    return {}


@operation
def get_data_catalog_encryption_settings(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Nothing is encrypted."""
    scope_of(call, request)
    return {"DataCatalogEncryptionSettings": _NO_ENCRYPTION}


@operation
def put_data_catalog_encryption_settings(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Refused, but where nothing is to be encrypted: there are no keys here."""
    scope_of(call, request)
    settings = request["DataCatalogEncryptionSettings"]
    if settings.get("EncryptionAtRest", {}).get("CatalogEncryptionMode", "DISABLED") != "DISABLED":
        raise InvalidInputException("EncryptionAtRest is not supported by Clary, which has no KMS.")
    if settings.get("ConnectionPasswordEncryption", {}).get("ReturnConnectionPasswordEncrypted"):
        raise InvalidInputException("ConnectionPasswordEncryption is not supported by Clary, which has no KMS.")
    return {}


@operation
def get_catalog_import_status(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Athena has no catalog but this one, so there is nothing left to import."""
    scope_of(call, request)
    return {"ImportStatus": {"ImportCompleted": True}}


def _check_resource(request: dict[str, Any]) -> None:
    if request.get("ResourceArn"):
        raise InvalidInputException("Glue resource level policy is not currently supported")


def _find(tree: Tree, call: Call) -> Node | None:
    return tree.get(tree.root(call.account, call.region), KIND, _NAME)


def _check(request: dict[str, Any], old: Node | None) -> None:
    exists = request.get("PolicyExistsCondition", "NONE")
    if (exists == "MUST_EXIST" and old is None) or (exists == "NOT_EXIST" and old):
        state = "does not exist" if old is None else "exists"
        raise ConditionCheckFailureException(f"PolicyExistsCondition is {exists}, but the policy {state}.")
    wanted = request.get("PolicyHashCondition")
    if wanted and (old is None or old.body["PolicyHash"] != wanted):
        raise ConditionCheckFailureException(f"PolicyHashCondition {wanted} is not the hash of the policy.")
