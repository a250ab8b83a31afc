"""Custom classifiers: create, get, list, update, delete."""

from typing import Any

from clary.errors import ClientError
from clary.jobs.host import Scope
from clary.services.glue.classifier_record import CLASSIFIER, find_classifier, key_of, to_classifier
from clary.services.glue.crawler_record import walk
from clary.services.glue.errors import AlreadyExistsException, EntityNotFoundException, InvalidInputException
from clary.services.glue.request import page_by_name
from clary.store.records import Record, RecordExists
from clary.tables.infer_csv import CUSTOM_TYPES
from clary.wire import Call, operation

_KINDS = ("GrokClassifier", "XMLClassifier", "JsonClassifier", "CsvClassifier")
_MOST = 100


@operation
def create_classifier(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new classifier of the one kind that is given."""
    kind, given = _given(request)
    now = call.rooms.clock.now()
    body = {kind: {**given, "CreationTime": now, "LastUpdated": now, "Version": 1}}
    _check(kind, body)
    try:
        call.rooms.records.create(key_of(_scope(call), given["Name"]), body)
    except RecordExists:
        raise AlreadyExistsException(f"Classifier with name {given['Name']} already exists") from None
    return {}


@operation
def update_classifier(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change the members that are given; what was crawled already stays as it is until it is crawled again."""
    kind, given = _given(request)

    def change(record: Record) -> None:
        if kind not in record.body:
            raise InvalidInputException(f"Classifier {given['Name']} is no {kind}.")
        old = record.body[kind]
        record.body[kind] = {**old, **given, "LastUpdated": call.rooms.clock.now(), "Version": old["Version"] + 1}
        _check(kind, record.body)

    if call.rooms.records.change(key_of(_scope(call), given["Name"]), change) is None:
        raise _not_found(given["Name"])
    return {}


@operation
def get_classifier(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A classifier."""
    record = find_classifier(call.rooms, _scope(call), request["Name"])
    if record is None:
        raise _not_found(request["Name"])
    return {"Classifier": record.body}


@operation
def get_classifiers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the classifiers, by name."""
    rows = ((record.key.name, record.body) for record in walk(call.rooms, _scope(call), CLASSIFIER))
    found, token = page_by_name(call, request, rows, _MOST)
    return {"Classifiers": found, "NextToken": token}


@operation
def delete_classifier(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a classifier; crawlers that name it go on without it."""
    if call.rooms.records.delete(key_of(_scope(call), request["Name"])) is None:
        raise _not_found(request["Name"])
    return {}


def _scope(call: Call) -> Scope:
    return Scope(call.account, call.region)


def _not_found(name: str) -> EntityNotFoundException:
    return EntityNotFoundException(f"Classifier with name {name} does not exist")


def _given(request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    kinds = [kind for kind in _KINDS if kind in request]
    if len(kinds) != 1:
        raise InvalidInputException(f"Exactly one of {', '.join(_KINDS)} must be given.")
    if kinds[0] == "XMLClassifier":
        raise InvalidInputException("XMLClassifier is not supported by Clary.")
    return kinds[0], request[kinds[0]]


def _check(kind: str, body: dict[str, Any]) -> None:
    """What the model can't say: a pattern or path that can't be used, members that contradict each other."""
    if kind == "CsvClassifier":
        _check_csv(body[kind])
    try:
        to_classifier(body).prepare()
    except ClientError as problem:
        raise InvalidInputException(str(problem)) from None


def _check_csv(csv: dict[str, Any]) -> None:
    if csv.get("QuoteSymbol") and csv.get("QuoteSymbol") == csv.get("Delimiter"):
        raise InvalidInputException(f"QuoteSymbol and Delimiter are both {csv['Delimiter']!r}; they must differ.")
    names = [name.lower() for name in csv.get("Header") or ()]
    if len(set(names)) < len(names):
        raise InvalidInputException("Header names a column twice.")
    types = csv.get("CustomDatatypes") or ()
    for name in types:
        if name.upper() not in CUSTOM_TYPES:
            raise InvalidInputException(f"CustomDatatypes {name!r} is none of {', '.join(CUSTOM_TYPES)}.")
    if names and types and len(names) != len(types):
        raise InvalidInputException(f"CustomDatatypes has {len(types)} types for the {len(names)} columns of Header.")
