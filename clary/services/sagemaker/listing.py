"""List operations: the filters, orders and pages that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from clary.services.sagemaker.resources import Kind, record_kind
from clary.store.pages import seal, unseal
from clary.store.records import Page, Query, Record

if TYPE_CHECKING:
    from clary.wire import Call

DEFAULT_PAGE = 10  # results a page where MaxResults is not given, as AWS has it

NOTHING = Page([], "")

Row = TypeVar("Row")

_ORDERS = {"Name": "name", "CreationTime": "created", "Status": "status"}


def page(call: Call, kind: Kind, request: dict[str, Any], **wanted: Any) -> Page:
    """One page of the records that a List request asks for; `wanted` are more members of the query."""
    query = Query(
        name_contains=request.get("NameContains", "").lower(),
        created_after=request.get("CreationTimeAfter"),
        created_before=request.get("CreationTimeBefore"),
        modified_after=request.get("LastModifiedTimeAfter"),
        modified_before=request.get("LastModifiedTimeBefore"),
        order_by=_ORDERS[request.get("SortBy", "CreationTime")],
        descending=request.get("SortOrder", "Descending") == "Descending",
        limit=request.get("MaxResults", DEFAULT_PAGE),
        token=request.get("NextToken", ""),
        **wanted,
    )
    return call.rooms.records.find(record_kind(kind), call.account, call.region, query)


def every(call: Call, kind: Kind, **where: str) -> Iterator[Record]:
    """All records of a kind in the account and region; `where` compares members of the body."""
    return call.rooms.records.walk(record_kind(kind), call.account, call.region, Query(limit=1000, where=where))


def cut(rows: Sequence[Row], request: dict[str, Any], limit: int = DEFAULT_PAGE) -> tuple[Sequence[Row], str | None]:
    """The page of some rows that a request asks for, `limit` where it doesn't say, and the token of the next."""
    query = {name: value for name, value in request.items() if name not in ("NextToken", "MaxResults")}
    [start] = unseal(request["NextToken"], query) if request.get("NextToken") else [0]
    assert isinstance(start, int)
    end = start + request.get("MaxResults", limit)
    return rows[start:end], seal([end], query) if end < len(rows) else None


def answer(member: str, found: Page, summary: Callable[[Record], dict[str, Any]]) -> dict[str, Any]:
    """The response of a List operation."""
    return {member: [summary(record) for record in found.records], "NextToken": found.next_token or None}


def summary_of(kind: Kind) -> Callable[[Record], dict[str, Any]]:
    """Name, ARN and times: what every summary holds. Members that a shape doesn't have are dropped on the wire."""

    def summary(record: Record) -> dict[str, Any]:
        return {
            kind.name: record.body[kind.name],
            kind.arn: record.body[kind.arn],
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
        }

    return summary
