"""A lake of plain dicts, and queries that run in this process over it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

from clary.queries import QuerySpec, Target
from clary.queries.engine import connect, run
from clary.queries.places import Places

SERDES = {
    "parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    "orc": "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    "avro": "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
    "text": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    "csv": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
    "json": "org.openx.data.jsonserde.JsonSerDe",
    "grok": "com.amazonaws.glue.serde.GrokSerDe",
    "regex": "org.apache.hadoop.hive.serde2.RegexSerDe",
}


def columns(text: str) -> list[dict[str, str]]:
    """`a int, b array<int>` as Glue has it."""
    found, depth, start = [], 0, 0
    for at, sign in enumerate(text + ","):
        depth += (sign in "<(") - (sign in ">)")
        if sign == "," and depth == 0:
            name, _, kind = text[start:at].strip().partition(" ")
            found.append({"Name": name, "Type": kind})
            start = at + 1
    return found


class Lake:
    """Objects and a catalog; answers what a query asks of the server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects: dict[tuple[str, str], bytes] = {}
        self.tables: dict[tuple[str, str], dict[str, Any]] = {}
        self.parts: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.staged: list[str] = []
        self.listed: list[str] = []
        self.functions: dict[str, Any] = {}
        self.catalogs: dict[str, dict[str, str]] = {}
        self._runs = 0

    def put(self, key: str, data: bytes | Path) -> None:
        self.objects["lake", key] = data if isinstance(data, bytes) else data.read_bytes()

    def add_table(
        self, name: str, text: str, form: str, keys: str = "", parameters: dict[str, str] | None = None, **serde: str
    ) -> dict[str, Any]:
        table = {
            "Name": name,
            "DatabaseName": "db",
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": {
                "Columns": columns(text),
                "Location": f"s3://lake/{name}/",
                "SerdeInfo": {"SerializationLibrary": SERDES[form], "Parameters": serde},
            },
            "PartitionKeys": columns(keys) if keys else [],
            "Parameters": parameters or {},
        }
        self.tables["db", name] = table
        return table

    def add_partition(self, name: str, *values: str, location: str = "", text: str = "") -> None:
        table = self.tables["db", name]
        folder = "/".join(f"{key['Name']}={value}" for key, value in zip(table["PartitionKeys"], values, strict=True))
        storage = {**table["StorageDescriptor"], "Location": location or f"s3://lake/{name}/{folder}"}
        if text:
            storage["Columns"] = columns(text)
        self.parts.setdefault(("db", name), []).append({"Values": list(values), "StorageDescriptor": storage})

    # What `Front` offers.

    def table(self, catalog: str, database: str, name: str) -> dict[str, Any] | None:
        return self.tables.get((database, name))

    def databases(self, catalog: str) -> list[str] | None:
        return ["db", "empty"] if catalog == "awsdatacatalog" else None

    def tables_of(self, database: str) -> list[dict[str, Any]]:
        return [table for (of, _), table in self.tables.items() if of == database]

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        return self.parts.get((database, name), [])

    def list_objects(self, bucket: str, prefix: str) -> list[tuple[str, int]]:
        self.listed.append(prefix)
        return sorted(
            (key, len(data)) for (of, key), data in self.objects.items() if of == bucket and key.startswith(prefix)
        )

    def stage(self, objects: list[tuple[str, str, str]]) -> None:
        for bucket, key, place in objects:
            target = self.folder / "staged" / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.objects[bucket, key])
            self.staged.append(key)

    def invoke(self, function: str, payload: str) -> str:
        answer: str = self.functions[function](payload)
        return answer

    def federated(self, catalog: str) -> dict[str, str] | None:
        return self.catalogs.get(catalog)

    # Queries.

    def run(self, query: str, target: Target | None = None, **fields: Any) -> Any:
        """The outcome; files lie in `work`, which is emptied before."""
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(self.folder / "staged", ignore_errors=True)
        self.staged.clear()
        self.listed.clear()
        work.mkdir(parents=True)
        here = Path.cwd()
        os.chdir(work)
        self._runs += 1
        fields = {"database": "db", "submitted": 1_700_000_000.0, **fields}
        spec = QuerySpec(id=f"query-{self._runs}", scope=("0" * 12, "us-east-1"), query=query, target=target, **fields)
        try:
            with connect(spec.memory_bytes) as connection:
                return run(spec, Asked(self), Places(str(work), str(self.folder / "staged"), ""), connection)
        finally:
            os.chdir(here)

    def text(self, query: str, **fields: Any) -> str:
        """The result's file without its head; the query must not fail."""
        outcome = self.run(query, **fields)
        assert outcome.ok, outcome.message
        self.outcome = outcome
        return (self.folder / "work" / outcome.result).read_text().partition("\n")[2]

    def rows(self, query: str, **fields: Any) -> list[tuple[str | None, ...]]:
        """The values as texts, None for null."""
        return [tuple(_values(line)) for line in self.text(query, **fields).splitlines()]

    def problem(self, query: str, **fields: Any) -> str:
        outcome = self.run(query, **fields)
        assert not outcome.ok
        message: str = outcome.message
        return message


def _values(line: str) -> list[str | None]:
    """The values of a line of a result: an empty one that isn't quoted is null."""
    found = re.findall(r'(?:^|,)("(?:[^"]|"")*")?', line)
    return [value[1:-1].replace('""', '"') if value else None for value in found]


class Asked:
    """The lake as `Front` shows it."""

    def __init__(self, lake: Lake) -> None:
        self.databases, self.tables = lake.databases, lake.tables_of
        self.table, self.partitions, self.stage = lake.table, lake.partitions, lake.stage
        self.invoke, self.federated = lake.invoke, lake.federated
        self.objects = lambda prefixes: [lake.list_objects(bucket, prefix) for bucket, prefix in prefixes]
