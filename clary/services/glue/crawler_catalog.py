"""What a crawl writes into the catalog: new tables and partitions, changed ones, what becomes of those that are gone.

Each step is a transaction of its own and finds out anew what is there: a crawl that is cut off leaves whole tables and
partitions, and the next one does the rest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from clary.jobs.host import Scope
from clary.services.glue import inside
from clary.services.glue.crawler_files import Place
from clary.services.glue.crawler_log import CrawlLog
from clary.services.glue.crawler_request import Configuration
from clary.services.glue.crawler_table import (
    DEPRECATED,
    FUNDAMENTAL,
    UPDATED_BY,
    Author,
    common_parameters,
    describe_partition,
    describe_table,
    inherit,
    keep_columns,
    name_table,
    same,
    with_hash,
)
from clary.services.glue.errors import (
    AlreadyExistsException,
    ConcurrentModificationException,
    EntityNotFoundException,
)
from clary.services.glue.indexes import add_indexes, get_indexes
from clary.services.glue.partitions import update_partitions
from clary.services.glue.tables import require_table
from clary.tables.infer_crawls import Crawl
from clary.tables.infer_tables import Leaf, Table
from clary.wire import Rooms

_BATCH = 500
_TRIES = 10
_INDEX = "crawler_partition_index"
_FROM_CATALOG = frozenset(
    "DatabaseName CreateTime UpdateTime VersionId CreatedBy CatalogId IsRegisteredWithLakeFormation "
    "IsMultiDialectView".split()
)


@dataclass(slots=True)
class Changes:
    """What a crawl changed: the names of tables, and how many partitions, by ADD, UPDATE and DELETE."""

    tables: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    partitions: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Writer:
    """Writes tables into one database as a crawler's policies want it."""

    rooms: Rooms
    scope: Scope
    database: str
    author: Author
    prefix: str
    configuration: Configuration
    update: bool  # UPDATE_IN_DATABASE
    delete: str  # DeleteBehavior
    log: CrawlLog
    changes: Changes
    crawl: Crawl

    def write(self, place: Place, table: Table, name: str = "") -> str:
        """Make the catalog say what was found of files; `name` is of a table that is there. The answer is its name."""
        location = f"s3://{place.bucket}/{table.folder}"
        own = name or name_table(self.prefix, place, table.folder)

        def store(existing: dict[str, Any] | None, chosen: str) -> None:
            kept = self._store_files(place, table, chosen, existing)
            if kept is not None and table.keys:
                self._index(kept)
                self._write_partitions(place, table, kept)

        return self._settle(own, location, store)

    def write_source(self, found: dict[str, Any]) -> str:
        """The same for a table of a relational database, as its TableInput."""
        found["Parameters"] = found["StorageDescriptor"]["Parameters"] = {
            **common_parameters(self.author),
            **found["Parameters"],
        }

        def store(existing: dict[str, Any] | None, chosen: str) -> None:
            self._store({**found, "Name": chosen}, existing)

        return self._settle(found["Name"], found["StorageDescriptor"]["Location"], store)

    def _settle(self, own: str, location: str, store: Callable[[dict[str, Any] | None, str], None]) -> str:
        """Store a table under its own name, or one with a hash where a table of another location has that."""
        tries = 0
        while True:
            self.crawl.check()
            chosen, existing = own, self._get(own)
            if existing is not None and not _lies_at(existing, location):
                chosen = with_hash(own, location)
                existing = self._get(chosen)
            try:
                store(existing, chosen)
            except (AlreadyExistsException, ConcurrentModificationException, EntityNotFoundException):
                tries += 1  # somebody else was quicker: look again
                if tries == _TRIES:
                    raise
            else:
                return chosen

    def _get(self, name: str) -> dict[str, Any] | None:
        with suppress(EntityNotFoundException):
            return inside.get_table(self.rooms, self.scope, self.database, name)
        return None

    def _store_files(
        self, place: Place, table: Table, name: str, existing: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        """The table as it stands in the catalog then; None where it can't take partitions of what was found."""
        keys = [{"Name": key, "Type": "string"} for key in table.keys]
        old_keys = (existing or {}).get("PartitionKeys") or []
        if len(old_keys) == len(keys):
            keys = old_keys  # they may have been given better names
        found = describe_table(self.author, place, table, name, keys)
        if existing is not None:
            found["StorageDescriptor"]["Location"] = existing["StorageDescriptor"]["Location"]
            if self.configuration.merge_columns:
                if clash := _clash(existing, found):
                    self._deprecate(existing, self._cannot_merge(name, *clash))
                    return None
                found = keep_columns(found, existing)
            if (self.update or self.configuration.merge_columns) and len(old_keys) != len(found["PartitionKeys"]):
                self._drop_partitions(name)
        stored = self._store(found, existing, merged=self.configuration.merge_columns)
        return stored if len(stored["PartitionKeys"]) == len(keys) else None

    def _store(self, found: dict[str, Any], existing: dict[str, Any] | None, *, merged: bool = False) -> dict[str, Any]:
        """Create the table, or update it if the policy lets it; as it stands in the catalog then."""
        name = found["Name"]
        if existing is None:
            created = inside.create_table(self.rooms, self.scope, self.database, found)
            self.changes.tables["ADD"].append(name)
            self.log.info(f"Created table {name} in database {self.database}")
            return created
        if same(existing, found):
            return existing
        if not (self.update or merged):
            self.log.info(f"Table {name} in database {self.database} differs from what was found; it is left as it is")
            return existing
        version = existing["VersionId"]
        updated = inside.update_table(self.rooms, self.scope, self.database, found, version=version)
        self.changes.tables["UPDATE"].append(name)
        self.log.info(f"Updated table {name} in database {self.database}")
        return updated

    def _index(self, table: dict[str, Any]) -> None:
        """The partition index over all keys, where it is asked for and there is none."""
        if not self.configuration.index:
            return
        with self.rooms.catalog.write() as tree:
            node = require_table(tree, self.scope, self.database, table["Name"])
            if not get_indexes(tree, node):
                keys = [key["Name"] for key in table["PartitionKeys"]]
                add_indexes(tree, node, [{"IndexName": _INDEX, "Keys": keys}])

    def _cannot_merge(self, name: str, parameter: str, old: str, new: str) -> str:
        return (
            f"Cannot merge new columns into the table {name} as defined in the Data Catalog because the parameter "
            f"'{parameter}' has changed. The existing value is '{old}', and the crawled value is '{new}'. "
            "Either remove the table or resolve the inconsistent parameter value."
        )

    def _write_partitions(self, place: Place, table: Table, kept: dict[str, Any]) -> None:
        existing = {
            tuple(partition["Values"]): partition
            for partition in inside.get_partitions(self.rooms, self.scope, self.database, kept["Name"])
        }
        fresh, changed = [], []
        for leaf in table.leaves:
            self.crawl.check()
            found = self.describe(place, leaf, kept)
            old = existing.pop(tuple(leaf.values), None)
            if old is None:
                fresh.append(found)
                continue
            if self.configuration.merge_columns and not self.configuration.inherit:
                found = keep_columns(found, old)
            if not same(old, found) and (self.update or self.configuration.inherit):
                changed.append((leaf.values, found))
        self.create_partitions(kept["Name"], fresh)
        for batch in _batches(changed):
            self.crawl.check()
            gone = update_partitions(self.rooms, self.scope, self.database, kept["Name"], batch)
            self.changes.partitions["UPDATE"] += len(batch) - len(gone)
        self._remove_partitions(kept["Name"], list(existing))

    def describe(self, place: Place, leaf: Leaf, table: dict[str, Any]) -> dict[str, Any]:
        """The PartitionInput of a leaf."""
        keys = table["PartitionKeys"]
        found = describe_partition(self.author, place, leaf.folder, leaf.files, leaf.values, keys)
        return inherit(found, table) if self.configuration.inherit else found

    def create_partitions(self, table: str, inputs: Sequence[dict[str, Any]]) -> None:
        """Add partitions; those that somebody else added meanwhile stay as they are."""
        for batch in _batches(inputs):
            self.crawl.check()
            taken = inside.create_partitions(self.rooms, self.scope, self.database, table, batch)
            self.changes.partitions["ADD"] += len(batch) - len(taken)
            values = ", ".join(_show(input_["Values"]) for input_ in batch)
            self.log.info(f"Created partitions with values [{values}] for table {table} in database {self.database}")

    def _remove_partitions(self, table: str, gone: Sequence[tuple[str, ...]]) -> None:
        """Partitions without files."""
        if self.delete == "DELETE_FROM_DATABASE":
            for batch in _batches(gone):
                inside.delete_partitions(self.rooms, self.scope, self.database, table, batch)
                self.changes.partitions["DELETE"] += len(batch)
                values = ", ".join(map(_show, batch))
                self.log.info(f"Deleted partitions with values [{values}] of table {table}")
            return
        for values_ in gone:
            self.log.info(
                f"Found partition of table {table} with partition values {_show(values_)} with no matching schema at "
                "the partition's S3 location"
            )

    def _drop_partitions(self, table: str) -> None:
        """The keys change, so none of the partitions fits."""
        partitions = inside.get_partitions(self.rooms, self.scope, self.database, table)
        for batch in _batches([partition["Values"] for partition in partitions]):
            inside.delete_partitions(self.rooms, self.scope, self.database, table, batch)
            self.changes.partitions["DELETE"] += len(batch)

    def own_tables(self) -> Iterator[dict[str, Any]]:
        """The tables that this crawler wrote last."""
        for table in inside.get_tables(self.rooms, self.scope, self.database):
            if (table.get("Parameters") or {}).get(UPDATED_BY) == self.author.crawler:
                yield table

    def remove_tables(self, looked_at: Callable[[dict[str, Any]], bool], written: set[str]) -> None:
        """What becomes of the crawler's tables, among those that were looked at, whose files or sources are gone."""
        for table in list(filter(looked_at, self.own_tables())):
            name = table["Name"]
            if name in written:
                continue
            self.crawl.check()
            if self.delete == "DELETE_FROM_DATABASE":
                inside.delete_table(self.rooms, self.scope, self.database, name)
                self.changes.tables["DELETE"].append(name)
                self.log.info(f"Deleted table {name} in database {self.database}")
            elif self.delete == "DEPRECATE_IN_DATABASE":
                reason = "because a matching schema was not found at the table's location."
                self._deprecate(table, f"Table {name} is marked deprecated {reason}")
            else:
                self.log.info(f"Found no matching schema at the location of table {name}; it is left as it is")

    def _deprecate(self, table: dict[str, Any], reason: str) -> None:
        self.log.warn(reason)
        if DEPRECATED in table["Parameters"]:
            return
        mark = {DEPRECATED: str(round(self.rooms.clock.now() * 1000))}
        input_ = {name: value for name, value in table.items() if name not in _FROM_CATALOG}
        input_["Parameters"] = {**table["Parameters"], **mark}
        inside.update_table(self.rooms, self.scope, self.database, input_)
        self.changes.tables["UPDATE"].append(table["Name"])


def _lies_at(table: dict[str, Any], location: str) -> bool:
    return str((table.get("StorageDescriptor") or {}).get("Location", "")).rstrip("/") == location.rstrip("/")


def _clash(old: dict[str, Any], found: dict[str, Any]) -> tuple[str, str, str] | None:
    """The first fundamental parameter that differs, with its two values."""
    for name in FUNDAMENTAL:
        before, now = (str(table.get("Parameters", {}).get(name, "null")) for table in (old, found))
        if before != now:
            return name, before, now
    return None


def _show(values: Iterable[str]) -> str:
    return f"[{', '.join(values)}]"


def _batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[at : at + _BATCH] for at in range(0, len(rows), _BATCH))
