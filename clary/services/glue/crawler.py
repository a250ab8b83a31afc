"""Crawlers: create, get, list, update, delete."""

from collections.abc import Iterable
from typing import Any

from clary.jobs.host import Scope
from clary.names import role_arn
from clary.services.glue.classifier_record import find_classifier
from clary.services.glue.crawler_errors import already_started
from clary.services.glue.crawler_life import watch
from clary.services.glue.crawler_record import (
    CRAWL,
    CRAWLER,
    READY,
    key_of,
    not_found,
    require_crawler,
    show,
    tags_of,
    walk,
)
from clary.services.glue.crawler_request import check_crawler
from clary.services.glue.crawler_schedule import set_schedule
from clary.services.glue.errors import AlreadyExistsException, InvalidInputException
from clary.services.glue.request import page_by_name, scope_of
from clary.services.glue.tags import TAGGED, check_tags, drop_tags, set_tags
from clary.services.iam.role import is_refused
from clary.store.records import Record, RecordExists
from clary.wire import Call, Rooms, operation

_MOST = 100


@operation
def create_crawler(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new crawler; its schedule, if it has one, is on."""
    scope = scope_of(call, request)
    now = call.rooms.clock.now()
    body = {
        **check_crawler(request),
        "Version": 1,
        "LastUpdated": now,
        "CatalogId": call.account,
    }
    _check_role(call, request)
    _check_classifiers(call.rooms, scope, body["Classifiers"])
    check_tags(request.get("Tags") or {})
    set_schedule(body, request.get("Schedule", ""), now)
    try:
        call.rooms.records.create(key_of(scope, request["Name"]), body, status=READY)
    except RecordExists:
        raise AlreadyExistsException(f"Crawler with name {request['Name']} already exists") from None
    with call.rooms.catalog.write() as tree:
        set_tags(tree, scope, "crawler", request["Name"], request.get("Tags") or {})
    watch(call.rooms)
    return {}


@operation
def update_crawler(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change the members that are given."""
    scope, name, now = scope_of(call, request), request["Name"], call.rooms.clock.now()
    _check_role(call, request)
    _check_classifiers(call.rooms, scope, request.get("Classifiers", []))

    def change(record: Record) -> None:
        if record.status != READY:
            raise already_started(name)
        given = {member: value for member, value in request.items() if member not in ("Schedule", "CatalogId")}
        kept = {member: value for member, value in record.body.items() if member != "Schedule"}
        if kept["RecrawlPolicy"]["RecrawlBehavior"] == "CRAWL_NEW_FOLDERS_ONLY" and "Targets" in given:
            _check_same_targets(kept["Targets"], given["Targets"])
        record.body |= check_crawler({**kept, **given})
        record.body |= {"Version": record.body["Version"] + 1, "LastUpdated": now}
        if "Schedule" in request:
            set_schedule(record.body, request["Schedule"], now)

    if call.rooms.records.change(key_of(scope, name), change) is None:
        raise not_found(name)
    watch(call.rooms)
    return {}


@operation
def delete_crawler(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a crawler; the tables that it made stay."""
    scope, name = scope_of(call, request), request["Name"]

    def check(record: Record) -> None:
        if record.status != READY:
            raise already_started(name)

    if call.rooms.records.delete(key_of(scope, name), check) is None:
        raise not_found(name)
    call.rooms.records.delete_below(CRAWL, *scope, f"{name}\n")
    with call.rooms.catalog.write() as tree:
        drop_tags(tree, scope, "crawler", name)
    return {}


@operation
def get_crawler(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A crawler, its state and its last crawl."""
    record = require_crawler(call.rooms, scope_of(call, request), request["Name"])
    return {"Crawler": show(record, call.rooms.clock.now())}


@operation
def get_crawlers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the crawlers, by name."""
    rows = (
        (record.key.name, show(record, call.rooms.clock.now())) for record in walk(call.rooms, _scope(call), CRAWLER)
    )
    found, token = page_by_name(call, request, rows, _MOST)
    return {"Crawlers": found, "NextToken": token}


@operation
def list_crawlers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the names of the crawlers that have all the tags."""
    wanted = (request.get("Tags") or {}).items()
    rows = (
        (record.key.name, record.key.name)
        for record in walk(call.rooms, _scope(call), CRAWLER)
        if not wanted or wanted <= tags_of(call.rooms, _scope(call), record.key.name).items()
    )
    found, token = page_by_name(call, request, rows, _MOST)
    return {"CrawlerNames": found, "NextToken": token}


@operation
def batch_get_crawlers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The crawlers of these names, and the names that there is no crawler of."""
    names = list(dict.fromkeys(request["CrawlerNames"]))
    records = {name: call.rooms.records.get(key_of(_scope(call), name)) for name in names}
    now = call.rooms.clock.now()
    return {
        "Crawlers": [show(record, now) for record in records.values() if record],
        "CrawlersNotFound": [name for name, record in records.items() if record is None],
    }


def _scope(call: Call) -> Scope:
    return Scope(call.account, call.region)


def _check_role(call: Call, request: dict[str, Any]) -> None:
    """A crawler names its role by ARN, or by the name within the account."""
    given = request.get("Role")
    if given is None:
        return
    arn = given if given.startswith("arn:") else role_arn(call.account, given)
    if is_refused(call.rooms, call.operation, arn):
        raise InvalidInputException(f"Service is unable to assume role {arn}. Please verify role's TrustPolicy")


def _check_classifiers(rooms: Rooms, scope: Scope, names: Iterable[str]) -> None:
    for name in names:
        if find_classifier(rooms, scope, name) is None:
            raise InvalidInputException(f"Classifier with name {name} does not exist")


def _check_same_targets(old: dict[str, Any], new: dict[str, Any]) -> None:
    if old.get("S3Targets") != new.get("S3Targets", []):
        raise InvalidInputException("S3Targets can't be changed while RecrawlBehavior is CRAWL_NEW_FOLDERS_ONLY.")


def _exists(rooms: Rooms, scope: Scope, name: str) -> bool:
    return rooms.records.get(key_of(scope, name)) is not None


TAGGED["crawler"] = _exists
