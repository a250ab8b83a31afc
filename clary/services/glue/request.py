"""What requests have in common: the catalog that they name, pages."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from clary.jobs.host import Scope
from clary.services.glue.errors import AccessDeniedException, EntityNotFoundException, InvalidInputException
from clary.store.pages import BadToken, seal, unseal
from clary.wire import Call


def scope_of(call: Call, request: dict[str, Any]) -> Scope:
    """Whose catalog a request is about: there is one, the caller's, and its CatalogId is the account's id."""
    catalog = request.get("CatalogId") or call.account
    if catalog == call.account:
        return Scope(call.account, call.region)
    if catalog.isdecimal() and len(catalog) == len(call.account):
        action = f"glue:{call.operation}"
        raise AccessDeniedException(
            f"User: {call.identity.arn} is not authorized to perform: {action} on resource: "
            f"arn:aws:glue:{call.region}:{catalog}:catalog because no resource-based policy allows the {action} action"
        )
    raise EntityNotFoundException(f"Catalog {catalog} not found.")


def page_of(
    call: Call, request: dict[str, Any], rows_after: Callable[[str], Iterable[tuple[str, Any]]], most: int
) -> tuple[list[Any], str | None]:
    """One page of rows, each with the place that the next page would go on after; and the token for that."""
    asked = {name: value for name, value in request.items() if name not in ("NextToken", "MaxResults")}
    binding = call.operation, call.account, call.region, asked
    after = ""
    if request.get("NextToken"):
        try:
            after = str(unseal(request["NextToken"], *binding)[0])
        except BadToken:
            raise InvalidInputException(
                "Invalid token provided in request: NextToken is not of this request."
            ) from None
    limit = min(request.get("MaxResults") or most, most)
    rows = list(islice(rows_after(after), limit + 1))
    token = seal([rows[limit - 1][0]], *binding) if len(rows) > limit else None
    return [row for _, row in rows[:limit]], token


def page_by_name(
    call: Call, request: dict[str, Any], rows: Iterable[tuple[str, Any]], most: int
) -> tuple[list[Any], str | None]:
    """The same of rows that come with their names, and in the order of these."""
    return page_of(call, request, lambda after: ((name, row) for name, row in rows if name > after), most)
