"""Crawls of new folders only: what earlier crawls saw is left alone, new folders of a table become its partitions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from clary.errors import ClientError
from clary.services.glue import inside
from clary.services.glue.crawler_catalog import Writer
from clary.services.glue.crawler_files import Place
from clary.tables.hive_types import parse_hive_type
from clary.tables.infer_schema import UNRECOGNISED
from clary.tables.infer_tables import ALIKE, File, Leaf, merge_schemas
from clary.tables.infer_types import Column, similarity
from clary.tables.partition_paths import NULL, parse_folder


class Known:
    """The tables that a crawler wrote before, and the folders that it has seen: those of its tables and partitions."""

    def __init__(self, writer: Writer, tables: Iterable[dict[str, Any]]) -> None:
        self._writer = writer
        self._tables = list(tables)
        self._folders = set(map(_location, filter(lambda table: not table["PartitionKeys"], self._tables)))
        for table in self._tables:
            partitions = inside.get_partitions(writer.rooms, writer.scope, writer.database, table["Name"])
            self._folders.update(map(_location, partitions))

    def has(self, location: str) -> bool:
        """Whether an object lies in a folder, however deep, that was seen."""
        return any(folder in self._folders for folder in _folders_above(location))

    def adopt(self, place: Place, files: list[File]) -> list[File]:
        """Make new folders of partitioned tables their partitions; the answer is the files of other folders."""
        folders = defaultdict(list)
        for file in files:
            folders[file.key[: file.key.rfind("/") + 1]].append(file)
        fresh, rest = defaultdict(list), []
        for folder, members in folders.items():
            location = f"s3://{place.bucket}/{folder}"
            table = next((table for table in self._tables if location.startswith(_location(table))), None)
            if table is None:
                rest += members
            elif leaf := _leaf_of(table, location, folder, members):
                fresh[table["Name"]].append(self._writer.describe(place, leaf, table))
            else:
                self._writer.log.info(f"The schema of {location} doesn't fit table {table['Name']}; it is left out")
        for name, inputs in fresh.items():
            self._writer.create_partitions(name, inputs)
        return rest


def _location(found: dict[str, Any]) -> str:
    """Where a table or partition lies, with a slash at its end."""
    return str(found["StorageDescriptor"]["Location"]).rstrip("/") + "/"


def _folders_above(location: str) -> Iterator[str]:
    at = len(location)
    while (at := location.rfind("/", 0, at)) > 0:
        yield location[: at + 1]


def _leaf_of(table: dict[str, Any], location: str, folder: str, files: list[File]) -> Leaf | None:
    """The new partition of a table that a folder is; None where its depth, format or columns don't fit."""
    keys = [key["Name"] for key in table["PartitionKeys"]]
    parts = location.removeprefix(_location(table)).strip("/").split("/")
    known = [file for file in files if file.schema.classification != UNRECOGNISED]
    if len(parts) != len(keys) or not known:
        return None
    schema = merge_schemas([file.schema for file in known])
    if schema.classification != table["Parameters"].get("classification"):
        return None
    with suppress(ClientError):
        columns = [Column(row["Name"], parse_hive_type(row["Type"])) for row in table["StorageDescriptor"]["Columns"]]
        if similarity([column for column in schema.columns if column.name not in keys], columns) >= ALIKE:
            return Leaf(folder, known, [(key, _value(key, part)) for key, part in zip(keys, parts, strict=True)])
    return None


def _value(key: str, part: str) -> str:
    pair = parse_folder(part)
    if pair is None or pair[0].lower() != key:
        return part
    return NULL if pair[1] is None else pair[1]
