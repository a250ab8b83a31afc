"""Users and their access keys."""

from typing import Any

from clary.access.identities import USER_KEY_KIND, new_id, new_secret
from clary.services.iam.entity import USER, arn_of, change, drop_tags, key_of, merge_tags, page, require
from clary.services.iam.errors import DeleteConflict, EntityAlreadyExists, LimitExceeded, NoSuchEntity, ValidationError
from clary.services.iam.role import refuse_if_policies_hang_on
from clary.store.records import Key, Query, Record, RecordExists
from clary.wire import Call, operation

KEYS_PER_USER = 2


@operation
def create_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A user without keys."""
    if request.get("PermissionsBoundary"):
        raise ValidationError("PermissionsBoundary is not supported by Clary yet: policies are not evaluated")
    name, path = request["UserName"], request.get("Path", "/")
    body = {
        "Tags": [],
        "Path": path,
        **request,
        "Arn": arn_of(USER, call.account, path, name),
        "UserId": new_id("AIDA"),
        "Inline": {},
        "Attached": [],
    }
    try:
        record = call.rooms.records.create(key_of(USER, call.account, name), body)
    except RecordExists:
        raise EntityAlreadyExists(f"User with name {name} already exists.") from None
    return {"User": _shown(record)}


@operation
def get_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One user; without a name, the one who asks."""
    name = request.get("UserName")
    if name:
        return {"User": _shown(require(call.rooms, USER, call.account, name))}
    kind, _, own = call.identity.arn.rpartition(":")[2].partition("/")
    if kind != "user":
        raise ValidationError("Must specify userName when calling with non-User credentials")
    return {"User": _shown(require(call.rooms, USER, call.account, own.rpartition("/")[2]))}


@operation
def list_users(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The users of the account, by name."""
    records, paging = page(call, USER, request)
    return {"Users": [_shown(record, tags=False) for record in records], **paging}


@operation
def delete_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a user that has neither keys nor policies."""
    record = require(call.rooms, USER, call.account, request["UserName"])
    if _keys(call, request["UserName"]):
        raise DeleteConflict("Cannot delete entity, must delete access keys first.")
    refuse_if_policies_hang_on(record)
    call.rooms.records.delete(record.key)
    return {}


@operation
def tag_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags."""
    change(call, USER, request["UserName"], lambda record: merge_tags(record.body, request["Tags"]))
    return {}


@operation
def untag_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags."""
    change(call, USER, request["UserName"], lambda record: drop_tags(record.body, request["TagKeys"]))
    return {}


@operation
def list_user_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The tags of a user."""
    return {"Tags": require(call.rooms, USER, call.account, request["UserName"]).body["Tags"], "IsTruncated": False}


@operation
def create_access_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A key pair; its secret is shown once."""
    user = require(call.rooms, USER, call.account, _user_name(request))
    if len(_keys(call, user.key.name)) >= KEYS_PER_USER:
        raise LimitExceeded(f"Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}")
    body = {
        "UserName": user.key.name,
        "Status": "Active",
        "SecretAccessKey": new_secret(),
        "Account": call.account,
        "UserArn": user.body["Arn"],
        "UserId": user.body["UserId"],
    }
    record = call.rooms.records.create(Key(USER_KEY_KIND, "", "", new_id("AKIA")[:20]), body)
    call.rooms.access.identities.forget(record.key.name)
    return {"AccessKey": {**body, "AccessKeyId": record.key.name, "CreateDate": record.created}}


@operation
def list_access_keys(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The keys of a user, without their secrets."""
    user = require(call.rooms, USER, call.account, _user_name(request))
    keys = [
        {**record.body, "AccessKeyId": record.key.name, "CreateDate": record.created}
        for record in _keys(call, user.key.name)
    ]
    return {"AccessKeyMetadata": keys, "IsTruncated": False}


@operation
def update_access_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a key active or inactive."""
    record = _key(call, request)
    call.rooms.records.change(record.key, lambda found: found.body.update({"Status": request["Status"]}))
    call.rooms.access.identities.forget(record.key.name)
    return {}


@operation
def delete_access_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a key: it is refused from now on."""
    record = _key(call, request)
    call.rooms.records.delete(record.key)
    call.rooms.access.identities.forget(record.key.name)
    return {}


def _user_name(request: dict[str, Any]) -> str:
    name = request.get("UserName")
    if not name:
        raise ValidationError("Must specify userName when calling with non-User credentials")
    return str(name)


def _keys(call: Call, user: str) -> list[Record]:
    query = Query(where={"UserName": user, "Account": call.account}, descending=False)
    return call.rooms.records.find(USER_KEY_KIND, "", "", query).records


def _key(call: Call, request: dict[str, Any]) -> Record:
    key_id = request["AccessKeyId"]
    record = call.rooms.records.get(Key(USER_KEY_KIND, "", "", key_id))
    if record is None or record.body["Account"] != call.account:
        raise NoSuchEntity(f"The Access Key with id {key_id} cannot be found.")
    return record


def _shown(record: Record, *, tags: bool = True) -> dict[str, Any]:
    user = {**record.body, "CreateDate": record.created}
    if not (tags and user["Tags"]):
        del user["Tags"]
    return user
