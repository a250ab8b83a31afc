"""What users, roles and policies share: records of an account, tags, paths, listings."""

from typing import Any
from urllib.parse import quote

import msgspec

from clary.names import make_arn
from clary.services.iam.errors import MalformedPolicyDocument, NoSuchEntity
from clary.store.records import Key, Query, Record
from clary.wire import Call, Rooms


class Kind(msgspec.Struct, frozen=True):
    """A kind of IAM resource: its word in ARNs and errors, the prefix of its ids, the stem of its members."""

    word: str
    prefix: str
    stem: str

    @property
    def name_member(self) -> str:
        """`RoleName`, `UserName`."""
        return f"{self.stem}Name"


ROLE = Kind("role", "AROA", "Role")
USER = Kind("user", "AIDA", "User")
POLICY = Kind("policy", "ANPA", "Policy")


def key_of(kind: Kind, account: str, name: str) -> Key:
    """IAM is global: one record an account, in no region."""
    return Key(f"iam/{kind.word}", account, "", name)


def arn_of(kind: Kind, account: str, path: str, name: str) -> str:
    """`arn:aws:iam::000000000000:role/service-role/name`."""
    return make_arn("iam", "", account, f"{kind.word}{path}{name}")


def require(rooms: Rooms, kind: Kind, account: str, name: str) -> Record:
    """The record of that name, or NoSuchEntity."""
    record = rooms.records.get(key_of(kind, account, name))
    if record is None:
        raise missing(kind, name)
    return record


def missing(kind: Kind, name: str) -> NoSuchEntity:
    """AWS's sentence for a name that nobody has."""
    return NoSuchEntity(f"The {kind.word} with name {name} cannot be found.")


def change(call: Call, kind: Kind, name: str, function: Any) -> Record:
    """Alter a record in one transaction, or NoSuchEntity."""
    record = call.rooms.records.change(key_of(kind, call.account, name), function)
    if record is None:
        raise missing(kind, name)
    return record


def page(call: Call, kind: Kind, request: dict[str, Any]) -> tuple[list[Record], dict[str, Any]]:
    """The records under PathPrefix, and the paging members of the answer."""
    prefix = request.get("PathPrefix", "/")
    query = Query(
        order_by="name", descending=False, limit=request.get("MaxItems", 100), token=request.get("Marker", "")
    )
    found = call.rooms.records.find(f"iam/{kind.word}", call.account, "", query)
    records = [record for record in found.records if record.body["Path"].startswith(prefix)]
    return records, {"IsTruncated": bool(found.next_token), "Marker": found.next_token or None}


def checked_document(document: str) -> str:
    """The policy document, if it is a JSON object with statements."""
    try:
        policy = msgspec.json.decode(document)
    except (ValueError, RecursionError) as error:
        raise MalformedPolicyDocument(f"Syntax errors in policy: {error}") from None
    if not isinstance(policy, dict) or not isinstance(policy.get("Statement"), list | dict):
        raise MalformedPolicyDocument("Syntax errors in policy: a policy is an object with a Statement.")
    return document


def encoded(document: str) -> str:
    """A document as IAM answers it: percent-encoded (RFC 3986)."""
    return quote(document, safe="")


def merge_tags(body: dict[str, Any], tags: list[dict[str, str]]) -> None:
    """Set tags by key."""
    merged = {tag["Key"]: tag["Value"] for tag in [*body["Tags"], *tags]}
    body["Tags"] = [{"Key": key, "Value": value} for key, value in merged.items()]


def drop_tags(body: dict[str, Any], keys: list[str]) -> None:
    """Remove tags by key."""
    body["Tags"] = [tag for tag in body["Tags"] if tag["Key"] not in keys]
