"""What the Describe operations share: pages of records, filtered by resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clary.services.application_autoscaling.errors import InvalidNextToken, ValidationException
from clary.services.application_autoscaling.variant import DIMENSION, NAMESPACE
from clary.store.pages import BadToken
from clary.store.records import Query, Record
from clary.wire import Call

_PAGE = 50


def describe(
    call: Call,
    kind: str,
    request: dict[str, Any],
    answer: str,
    show: Callable[[Record], dict[str, Any]],
    names: tuple[str, str] = ("", ""),
) -> dict[str, Any]:
    """A Describe operation's answer; `names` are the request's list of names and the body's member that holds one."""
    if request["ServiceNamespace"] != NAMESPACE or request.get("ScalableDimension", DIMENSION) != DIMENSION:
        return {answer: []}
    if "ScalableDimension" in request and "ResourceId" not in request and not request.get("ResourceIds"):
        raise ValidationException("A resource ID must be given where a scalable dimension is.")
    if not 1 <= request.get("MaxResults", _PAGE) <= _PAGE:
        raise ValidationException(f"MaxResults must be between 1 and {_PAGE}.")
    wanted, member = request.get(names[0], []), names[1]
    where = {"ResourceId": request["ResourceId"]} if "ResourceId" in request else {}
    query = Query(
        where=where,
        descending=kind.endswith("activity"),
        limit=request.get("MaxResults", _PAGE),
        token=request.get("NextToken", ""),
    )
    try:
        page = call.rooms.records.find(kind, call.account, call.region, query)
    except BadToken:
        raise InvalidNextToken("The NextToken is invalid.") from None
    rows = [record for record in page.records if not wanted or record.body[member] in wanted]
    return {answer: [show(record) for record in rows], "NextToken": page.next_token or None}
