"""One crawl: look at the files of its targets, group them into tables, write those into the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from clary.jobs.host import Scope
from clary.services.glue import inside
from clary.services.glue.classifier_record import find_classifier, to_classifier
from clary.services.glue.crawler_catalog import Changes, Writer
from clary.services.glue.crawler_errors import CrawlFailed
from clary.services.glue.crawler_files import Place, choose_samples, find_place, list_files, reader_of
from clary.services.glue.crawler_globs import compile_globs
from clary.services.glue.crawler_log import CrawlLog
from clary.services.glue.crawler_new_folders import Known
from clary.services.glue.crawler_request import parse_configuration, split_path
from clary.services.glue.crawler_table import Author
from clary.services.glue.jdbc_table import find_jdbc_tables
from clary.services.s3.inside import ObjectInfo
from clary.store.records import Record
from clary.tables.classify_file import Classifier
from clary.tables.infer_crawls import Crawl
from clary.tables.infer_process import Inspector, Unreadable
from clary.tables.infer_schema import UNRECOGNISED, Schema
from clary.tables.infer_tables import File, Grouping, Leaf, Table, group
from clary.wire import Rooms

_MOST_WARNINGS = 100


def work(rooms: Rooms, crawler: Record, log: CrawlLog, changes: Changes, crawl: Crawl) -> None:
    """Do a crawl."""
    try:
        _Work(rooms, crawler, log, changes, crawl).do()
    finally:
        log.flush()


class _Work:
    def __init__(self, rooms: Rooms, crawler: Record, log: CrawlLog, changes: Changes, crawl: Crawl) -> None:
        self._rooms = rooms
        self._body = crawler.body
        self._scope = Scope(crawler.key.account, crawler.key.region)
        self._log = log
        self._changes = changes
        self._crawl = crawl
        self._author = Author(crawler.key.name, crawler.body["Run"]["Id"])
        self._configuration = parse_configuration(crawler.body.get("Configuration", ""))
        self._database = crawler.body.get("DatabaseName", "")
        self._schemas: dict[Any, Schema] = {}
        self._warnings = 0

    def do(self) -> None:
        """All of it."""
        self._log.benchmark(f"Running Start Crawl for Crawler {self._author.crawler}")
        if self._database:
            inside.get_database(self._rooms, self._scope, self._database)
        targets = self._body["Targets"]
        with self._crawl.inspector(self._classifiers()) as inspector:
            if targets["CatalogTargets"]:
                self._crawl_catalog(inspector)
            if targets["S3Targets"]:
                self._crawl_objects(inspector)
        if targets["JdbcTargets"]:
            self._crawl_sources()
        self._log.benchmark("Finished writing to Catalog")
        self._sum_up()

    def _classifiers(self) -> list[Classifier]:
        names = self._body.get("Classifiers") or ()
        records = [find_classifier(self._rooms, self._scope, name) for name in names]
        return [to_classifier(record.body) for record in records if record]

    def _crawl_objects(self, inspector: Inspector) -> None:
        places = [self._place(target) for target in self._body["Targets"]["S3Targets"]]
        writer = self._writer(self._database)
        own = partial(_lies_in, places)
        only_new = self._body["RecrawlPolicy"]["RecrawlBehavior"] == "CRAWL_NEW_FOLDERS_ONLY"
        known = Known(writer, filter(own, writer.own_tables()) if only_new else ())
        grouping = Grouping(self._configuration.combine, self._configuration.level)
        found: list[tuple[Place, Table]] = []
        for place in places:
            files = known.adopt(place, self._look(inspector, place, known.has))
            found += ((place, table) for table in group(files, place.root, grouping))
        self._check_count([f"s3://{place.bucket}/{table.folder}" for place, table in found])
        self._begin_writing(self._database)
        written = {writer.write(place, table) for place, table in found}
        if not only_new:
            writer.remove_tables(own, written)

    def _crawl_sources(self) -> None:
        writer = self._writer(self._database)
        prefix = self._body.get("TablePrefix", "")
        found: list[dict[str, Any]] = []
        connections = set()
        for target in self._body["Targets"]["JdbcTargets"]:
            self._crawl.check()
            name, excluded = target["ConnectionName"], compile_globs(target.get("Exclusions") or ())
            connections.add(name)
            found += find_jdbc_tables(self._rooms, self._scope, name, target["Path"], excluded, prefix=prefix)
        self._check_count([(table["StorageDescriptor"]["Location"]) for table in found])
        self._begin_writing(self._database)
        written = {writer.write_source(table) for table in found}
        writer.remove_tables(lambda table: table["Parameters"].get("connectionName") in connections, written)

    def _place(self, target: dict[str, Any]) -> Place:
        bucket, prefix = split_path(target["Path"])
        return find_place(self._rooms, bucket, prefix, target.get("Exclusions") or (), target.get("SampleSize") or 0)

    def _crawl_catalog(self, inspector: Inspector) -> None:
        for target in self._body["Targets"]["CatalogTargets"]:
            writer = self._writer(target["DatabaseName"])
            self._begin_writing(target["DatabaseName"])
            for name in target["Tables"]:
                table = inside.get_table(self._rooms, self._scope, target["DatabaseName"], name)
                self._crawl_table(inspector, writer, table)

    def _crawl_table(self, inspector: Inspector, writer: Writer, table: dict[str, Any]) -> None:
        """Bring a table that is there up to what lies at its location."""
        name, keys = table["Name"], len(table.get("PartitionKeys") or ())
        location = (table.get("StorageDescriptor") or {}).get("Location", "")
        if not location.startswith("s3://"):
            raise CrawlFailed(f"Table {name} lies at {location!r}, which is no place in S3.")
        place = find_place(self._rooms, *split_path(location))
        tables = group(self._look(inspector, place), place.root, Grouping(combine=True))
        whole = next((found for found in tables if found.folder == place.root), None)
        if whole is None:
            self._log.warn(f"Table {name}: its files have no schema in common; it is left as it is")
        elif keys in (0, whole.depth):
            writer.write(place, _without_keys(whole) if keys == 0 else whole, name)
        else:
            self._log.warn(f"Table {name} has {keys} partition keys, its folders {whole.depth} levels; it is left")

    def _look(self, inspector: Inspector, place: Place, known: Callable[[str], bool] = lambda _: False) -> list[File]:
        """The files of a place that aren't known, by location.

        Those that aren't samples are taken to be as the one before them in their folder.
        """
        infos = [info for info in list_files(self._rooms, place) if not known(f"s3://{place.bucket}/{info.key}")]
        samples = choose_samples(infos, place.sample)
        found: list[File] = []
        last: dict[str, File] = {}
        for info in infos:
            self._crawl.check()
            folder = info.key[: info.key.rfind("/") + 1]
            if info.key in samples or folder not in last:
                last[folder] = self._inspect(inspector, place, info)
                found.append(last[folder])
            else:
                like = last[folder]
                found.append(File(info.key, info.size, like.schema, like.records * info.size // like.size))
        return found

    def _inspect(self, inspector: Inspector, place: Place, info: ObjectInfo) -> File:
        try:
            schema = inspector.inspect(info.key, info.size, reader_of(self._rooms, place.bucket, info.key))
        except Unreadable as problem:
            self._warn(f"Could not read s3://{place.bucket}/{info.key}: {problem}")
            schema = Schema(UNRECOGNISED, [])
        else:
            if schema.classification == UNRECOGNISED:
                self._warn(f"No classifier knows s3://{place.bucket}/{info.key}: its classification is UNKNOWN")
        records, schema.records = schema.records, 0
        # A million files of one schema hold it once.
        same = (schema.kind(), tuple(schema.columns), tuple(schema.parameters.items()), tuple(schema.serde.items()))
        return File(info.key, info.size, self._schemas.setdefault(same, schema), records)

    def _warn(self, text: str) -> None:
        self._warnings += 1
        if self._warnings <= _MOST_WARNINGS:
            self._log.warn(text)

    def _check_count(self, locations: list[str]) -> None:
        most = self._configuration.threshold
        if most and len(locations) > most:
            for location in locations:
                self._log.info(f"Detected table at {location}")
            raise CrawlFailed(
                f"The number of tables detected by crawler: {len(locations)} is greater than the table threshold value "
                f"provided: {most}. Failing crawler without writing to Data Catalog."
            )

    def _begin_writing(self, database: str) -> None:
        self._log.benchmark(f"Classification complete, writing results to database {database}")
        policy = msgspec.json.encode(self._body["SchemaChangePolicy"]).decode()
        configured = self._body.get("Configuration")
        self._log.info(
            f"Crawler configured with Configuration {configured} and SchemaChangePolicy {policy}. Note that values in "
            "the Configuration override values in the SchemaChangePolicy for S3 Targets."
            if configured
            else f"Crawler configured with SchemaChangePolicy {policy}."
        )

    def _writer(self, database: str) -> Writer:
        policy = self._body["SchemaChangePolicy"]
        return Writer(
            self._rooms,
            self._scope,
            database,
            self._author,
            self._body.get("TablePrefix", ""),
            self._configuration,
            policy["UpdateBehavior"] == "UPDATE_IN_DATABASE",
            policy["DeleteBehavior"],
            self._log,
            self._changes,
            self._crawl,
        )

    def _sum_up(self) -> None:
        counts = {
            "PARTITION": dict(self._changes.partitions),
            "TABLE": {kind: len(names) for kind, names in self._changes.tables.items()},
        }
        for kind, rows in counts.items():
            if any(rows.values()):
                self._log.info(f"Run Summary For {kind}:")
                for change, count in rows.items():
                    self._log.info(f"{change}: {count}")


def _lies_in(places: Iterable[Place], table: dict[str, Any]) -> bool:
    """Whether a table lies in one of the places."""
    location = str((table.get("StorageDescriptor") or {}).get("Location", "")).rstrip("/")
    return any(f"{location}/".startswith(place.url) or location == place.url for place in places)


def _without_keys(found: Table) -> Table:
    """The table without partitions."""
    return Table(found.folder, found.schema, [Leaf(found.folder, found.files)])
