"""Tables and partitions as a crawler describes them to the catalog: formats, parameters, columns. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from clary.errors import ClientError
from clary.services.glue.crawler_files import Place
from clary.tables import hive_formats
from clary.tables.hive_types import HiveType, parse_hive_type
from clary.tables.infer_schema import Schema
from clary.tables.infer_tables import File, Table, merge_schemas
from clary.tables.infer_types import Column, from_struct, settle, to_struct

_FORMATS = {
    "LazySimpleSerDe": hive_formats.DELIMITED,
    "OpenCSVSerDe": hive_formats.QUOTED_CSV,
    "JsonSerDe": hive_formats.OPENX_JSON,
    "GrokSerDe": hive_formats.GROK,
    "ParquetHiveSerDe": hive_formats.PARQUET,
    "OrcSerde": hive_formats.ORC,
    "AvroSerDe": hive_formats.AVRO,
}
_LONGEST_NAME = 128
_LONGEST_TYPE = 131_072
RUN = "CRAWL_RUN_ID"
DEPRECATED = "DEPRECATED_BY_CRAWLER"
UPDATED_BY = "UPDATED_BY_CRAWLER"
FUNDAMENTAL = ("classification", "compressionType", "delimiter")
"""What can't change under MergeNewColumns."""


class Author(NamedTuple):
    """Who crawls."""

    crawler: str
    crawl_id: str


def name_table(prefix: str, place: Place, folder: str) -> str:
    """The name that a folder, or a file, gives its table: lower case, underscores for all but letters and digits."""
    last = folder.rstrip("/").rsplit("/", 1)[-1] or place.bucket
    return re.sub(r"[^a-z0-9_]", "_", f"{prefix}{last}".lower())[:_LONGEST_NAME]


def with_hash(name: str, location: str) -> str:
    """The name of a table whose own is taken by one that lies elsewhere."""
    digest = hashlib.md5(location.encode(), usedforsecurity=False).hexdigest()
    return f"{name[: _LONGEST_NAME - len(digest) - 1]}_{digest}"


def describe_table(
    author: Author, place: Place, table: Table, name: str, keys: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The TableInput of a table; `keys` are its partition keys."""
    taken = {key["Name"] for key in keys}
    parameters = _parameters(author, place, table.schema, table.files)
    if keys:
        parameters["partition_filtering.enabled"] = "true"
    location = f"s3://{place.bucket}/{table.folder}"
    return {
        "Name": name,
        "Owner": "owner",
        "Retention": 0,
        "StorageDescriptor": _storage(location, table.schema, parameters, taken),
        "PartitionKeys": list(keys),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
    }


def describe_partition(
    author: Author, place: Place, folder: str, files: Sequence[File], values: list[str], keys: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The PartitionInput of the files of one folder."""
    schema = merge_schemas([file.schema for file in files])
    parameters = _parameters(author, place, schema, files)
    taken = {key["Name"] for key in keys}
    location = f"s3://{place.bucket}/{folder}"
    return {
        "Values": values,
        "StorageDescriptor": _storage(location, schema, parameters, taken),
        "Parameters": parameters,
    }


def inherit(partition: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """The partition with its table's format and columns; its place and its counts stay its own."""
    counts = ("sizeKey", "objectCount", "recordCount", "averageRecordSize")
    parameters = {**table["Parameters"], **{name: partition["Parameters"][name] for name in counts}}
    own = {"Location": partition["StorageDescriptor"]["Location"], "Parameters": parameters}
    return {
        "Values": partition["Values"],
        "StorageDescriptor": {**table["StorageDescriptor"], **own},
        "Parameters": parameters,
    }


def keep_columns(found: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """The found table or partition with the columns, keys and formats of the old one; new columns are added."""
    before, now = old["StorageDescriptor"], found["StorageDescriptor"]
    fresh = {column["Name"]: column for column in now["Columns"]}
    columns = [_add_fields(column, fresh.pop(column["Name"].lower(), None)) for column in before.get("Columns") or ()]
    kept = {name: before[name] for name in ("InputFormat", "OutputFormat") if name in before}
    serde = {**before.get("SerdeInfo", {})}
    serde["Parameters"] = {**serde.get("Parameters", {}), **now["SerdeInfo"]["Parameters"]}
    keys = {"PartitionKeys": old.get("PartitionKeys", [])} if "PartitionKeys" in found else {}
    storage = {**now, **kept, "Columns": [*columns, *fresh.values()], "SerdeInfo": serde}
    return {**found, **keys, "StorageDescriptor": storage}


def _add_fields(old: dict[str, Any], found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None or "struct<" not in found["Type"]:
        return old
    try:
        kind = _add_to_type(parse_hive_type(old.get("Type", "")), parse_hive_type(found["Type"]))
    except ClientError:
        return old
    return {**old, "Type": str(kind)}


def _add_to_type(old: HiveType, found: HiveType) -> HiveType:
    """The old type; of structs with the fields that are new."""
    if old.name != found.name:
        return old
    if old.name == "struct":
        fresh = dict(from_struct(found))
        fields = [Column(name, _add_to_type(kind, fresh.pop(name, kind))) for name, kind in from_struct(old)]
        return to_struct([*fields, *(Column(name, kind) for name, kind in fresh.items())])
    if old.name == "array":
        return HiveType("array", children=(_add_to_type(old.children[0], found.children[0]),))
    return old


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two descriptions of a table or partition say the same, but for who said it when."""
    return _core(one) == _core(other)


def _core(found: dict[str, Any]) -> tuple[Any, ...]:
    storage = dict(found.get("StorageDescriptor") or {})
    parameters = {name: value for name, value in (found.get("Parameters") or {}).items() if name != RUN}
    storage.pop("Parameters", None)
    return storage, parameters, found.get("PartitionKeys") or []


def common_parameters(author: Author) -> dict[str, str]:
    """The parameters of each table and partition that a crawl writes."""
    return {
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        UPDATED_BY: author.crawler,
        RUN: author.crawl_id,
    }


def _parameters(author: Author, place: Place, schema: Schema, files: Sequence[File]) -> dict[str, str]:
    size, records = sum(file.size for file in files), sum(file.records for file in files)
    parameters = {
        **common_parameters(author),
        "averageRecordSize": str(size // records if records else 0),
        "classification": schema.classification,
        "compressionType": schema.compression,
        "objectCount": str(len(files)),
        "recordCount": str(records),
        "sizeKey": str(size),
        "typeOfData": "file",
        **schema.parameters,
    }
    if place.exclusions:
        excluded = [f"{place.url}{pattern}" for pattern in place.exclusions]
        parameters["exclusions"] = msgspec.json.encode(excluded).decode()
    return parameters


def _write_type(kind: HiveType) -> str:
    """The text of a type; string where it would be longer than the catalog takes."""
    text = str(settle(kind))
    return text if len(text) <= _LONGEST_TYPE else "string"


def _storage(location: str, schema: Schema, parameters: dict[str, str], taken: set[str]) -> dict[str, Any]:
    """The storage descriptor; a column that is a partition key, too, is left to the key."""
    form = _FORMATS[schema.library]
    columns = [{"Name": name, "Type": _write_type(kind)} for name, kind in schema.columns if name not in taken]
    return {
        "Columns": columns,
        "Location": location,
        "InputFormat": form.input,
        "OutputFormat": form.output,
        "Compressed": schema.compression != "none",
        "NumberOfBuckets": -1,
        "SerdeInfo": {"SerializationLibrary": form.serde, "Parameters": dict(schema.serde)},
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": parameters,
        "StoredAsSubDirectories": False,
    }
