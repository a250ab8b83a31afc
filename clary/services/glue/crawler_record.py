"""What is kept of a crawler and of its crawls."""

from collections.abc import Iterator
from typing import Any

from clary.jobs.host import Scope
from clary.services.glue import tags
from clary.services.glue.errors import EntityNotFoundException
from clary.store.records import Key, Query, Record
from clary.wire import Rooms

CRAWLER, CRAWL = "glue crawler", "glue crawl"
READY, RUNNING, STOPPING = "READY", "RUNNING", "STOPPING"
SCHEDULED = "SCHEDULED"  # a schedule that is on
LOG_GROUP = "/aws-glue/crawlers"
_PAGE = 200
_KEPT = 365 * 24 * 3600.0

_SHOWN = (
    "Name",
    "Role",
    "Targets",
    "DatabaseName",
    "Description",
    "Classifiers",
    "RecrawlPolicy",
    "SchemaChangePolicy",
    "LineageConfiguration",
    "TablePrefix",
    "Schedule",
    "LastCrawl",
    "Version",
    "Configuration",
    "CrawlerSecurityConfiguration",
    "LakeFormationConfiguration",
    "CatalogId",
)


def key_of(scope: Scope, name: str) -> Key:
    """The key of a crawler."""
    return Key(CRAWLER, *scope, name)


def require_crawler(rooms: Rooms, scope: Scope, name: str) -> Record:
    """A crawler's record."""
    record = rooms.records.get(key_of(scope, name))
    if record is None:
        raise not_found(name)
    return record


def tags_of(rooms: Rooms, scope: Scope, name: str) -> dict[str, str]:
    """The tags of a crawler."""
    with rooms.catalog.read() as tree:
        node = tree.get(tree.root(*scope), tags.KIND, f"crawler/{name}")
    return dict(node.body) if node else {}


def not_found(name: str) -> EntityNotFoundException:
    """There is no crawler of that name."""
    return EntityNotFoundException(f"Crawler entry with name {name} does not exist")


def log_stream(name: str) -> str:
    """The log stream of a crawler; what a stream's name may not have becomes an underscore."""
    return name.replace(":", "_").replace("*", "_")


def walk(rooms: Rooms, scope: Scope, kind: str, *, prefix: str = "", descending: bool = False) -> Iterator[Record]:
    """All records of a kind, by name."""
    query = Query(name_prefix=prefix, order_by="name", descending=descending, limit=_PAGE)
    return rooms.records.walk(kind, *scope, query)


def crawl_key(crawler: Key, started: float, crawl_id: str) -> Key:
    """The key of a crawl; they sort by time."""
    return Key(CRAWL, crawler.account, crawler.region, f"{_crawls_at(crawler, started)}\n{crawl_id}")


def oldest_crawl(crawler: Key, now: float) -> str:
    """The name before which crawls are forgotten: AWS keeps them for twelve months."""
    return _crawls_at(crawler, now - _KEPT)


def _crawls_at(crawler: Key, started: float) -> str:
    return f"{crawler.name}\n{round(started * 1000):015d}"


def show(record: Record, now: float) -> dict[str, Any]:
    """A crawler as AWS shows it."""
    body = record.body
    shown = {name: body[name] for name in _SHOWN if name in body}
    running = record.status != READY
    return {
        **shown,
        "State": record.status,
        "CrawlElapsedTime": int((now - body["Run"]["Started"]) * 1000) if running else 0,
        "CreationTime": record.created,
        "LastUpdated": body["LastUpdated"],
    }
