"""SearchTables: tables of all databases by text and properties."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from clary.services.glue import databases, tables
from clary.services.glue.errors import InvalidInputException
from clary.services.glue.request import page_of, scope_of
from clary.wire import Call, operation
from clary.wire.timestamps import parse_timestamp

_MOST = 1000
_WORD = re.compile(r"\w+")
_TIMES = {name.lower(): name for name in ("CreateTime", "UpdateTime", "LastAccessTime", "LastAnalyzedTime")}
_TEXTS = {
    name.lower(): name
    for name in ("Name", "DatabaseName", "Description", "Owner", "TableType", "CatalogId", "CreatedBy")
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "EQUALS": lambda mine, wanted: mine == wanted,
    "GREATER_THAN": lambda mine, wanted: mine > wanted,
    "GREATER_THAN_EQUALS": lambda mine, wanted: mine >= wanted,
    "LESS_THAN": lambda mine, wanted: mine < wanted,
    "LESS_THAN_EQUALS": lambda mine, wanted: mine <= wanted,
}
_Table = dict[str, Any]
_Test = Callable[[_Table], bool]


@operation
def search_tables(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the tables that the text is found in and that all filters let through."""
    scope = scope_of(call, request)
    if request.get("ResourceShareType", "ALL") != "ALL":
        return {"TableList": []}
    tests = [_filter(predicate) for predicate in request.get("Filters") or ()]
    if request.get("SearchText"):
        tests.append(_search(request["SearchText"]))
    found = [
        table
        for database in databases.get_databases(call.rooms, scope)
        for table in tables.get_tables(call.rooms, scope, database["Name"])
        if all(test(table) for test in tests)
    ]
    for criterion in request.get("SortCriteria") or ():
        found.sort(key=_order(criterion.get("FieldName", "Name")), reverse=criterion.get("Sort") == "DESC")

    def rows(after: str) -> Iterator[tuple[str, _Table]]:
        start = int(after or 0)
        return ((str(start + number), table) for number, table in enumerate(found[start:], 1))

    page, token = page_of(call, request, rows, _MOST)
    return {"TableList": page, "NextToken": token}


def _filter(predicate: dict[str, str]) -> _Test:
    """What compares one property: a time, or a text of which the value must be one of the words."""
    key, value = predicate.get("Key", ""), predicate.get("Value", "")
    if not key or not value:
        raise InvalidInputException("Each of the Filters must have a Key and a Value.")
    comparator = predicate.get("Comparator", "EQUALS")
    if key.lower() in _TIMES:
        return _compare_time(_TIMES[key.lower()], comparator, value)
    if comparator != "EQUALS":
        raise InvalidInputException(
            f"Comparator {comparator} is for times: {key} is none of {', '.join(_TIMES.values())}."
        )
    wanted = value.lower()
    return lambda table: wanted == (text := _text(table, key).lower()) or wanted in _WORD.findall(text)


def _compare_time(member: str, comparator: str, value: str) -> _Test:
    try:
        wanted = parse_timestamp(value)
    except ValueError:
        raise InvalidInputException(f"Value {value!r} of the filter {member} is no time.") from None
    holds = _COMPARISONS[comparator]
    return lambda table: member in table and holds(table[member], wanted)


def _search(text: str) -> _Test:
    """What looks for all the words, or for a quoted text as a whole property."""
    if len(text) > 2 and text[0] == text[-1] == '"':
        exact = text[1:-1].lower()
        return lambda table: exact in map(str.lower, _texts(table))
    words = set(_WORD.findall(text.lower()))
    return lambda table: words <= {word for part in _texts(table) for word in _WORD.findall(part.lower())}


def _texts(table: _Table) -> Iterator[str]:
    yield from (table[name] for name in ("Name", "DatabaseName", "Description", "Owner") if name in table)
    columns = [*table.get("StorageDescriptor", {}).get("Columns", ()), *table.get("PartitionKeys", ())]
    for column in columns:
        yield column["Name"]
        yield column.get("Comment", "")
    for name, value in table.get("Parameters", {}).items():
        yield name
        yield value


def _text(table: _Table, key: str) -> str:
    """A text of a table, or one of its parameters."""
    if key.lower() in _TEXTS:
        return str(table.get(_TEXTS[key.lower()], ""))
    return str(table.get("Parameters", {}).get(key, ""))


def _order(field: str) -> Callable[[_Table], Any]:
    name = field.lower()
    if name in _TIMES:
        return lambda table: table.get(_TIMES[name], 0.0)
    if name in _TEXTS:
        return lambda table: str(table.get(_TEXTS[name], ""))
    known = ", ".join([*_TEXTS.values(), *_TIMES.values()])
    raise InvalidInputException(f"Tables cannot be sorted by {field!r}: one of {known} can be named.")
