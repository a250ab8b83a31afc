"""The tables of a query: found in the catalog, pruned to the partitions it needs, staged, and put before DuckDB."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from clary.queries.errors import QueryError
from clary.queries.federation import Attached
from clary.queries.information import NAME as INFORMATION
from clary.queries.information import Described, Source, columns_of, table_of
from clary.queries.partitions import Conjuncts, Part, find_parts, texts_of
from clary.queries.readers import check_partition, scan
from clary.queries.table_record import data_columns, described, is_view, key_columns, typed_columns, view_text
from clary.sql.contract import Column
from clary.sql.contract import Relation as SqlRelation
from clary.sql.types import hive_to_trino, trino_to_duckdb
from clary.tables.duck_types import literals, quote, to_duck
from clary.tables.hive_types import HiveType
from clary.tables.serde import ReadColumn, Relation, TableFile

if TYPE_CHECKING:
    import duckdb

    from clary.queries.front import Front
    from clary.queries.places import Places
    from clary.queries.spec import QuerySpec
    from clary.sql.contract import TableUse

_PATH = "$path"
_PARTITIONS = "$partitions"
_ONE_BY_ONE = 100  # tables that information_schema asks for by name; of more, it is given all of their database

Name = tuple[str, str, str]  # catalog, database, table


class Lake:
    """What `translate` asks for tables, and what makes those that it uses."""

    def __init__(self, spec: QuerySpec, front: Front, connection: duckdb.DuckDBPyConnection, places: Places) -> None:
        self._spec = spec
        self._front = front
        self._connection = connection
        self._places = places
        self._attached: dict[str, Attached | None] = {}
        self._tables: dict[Name, dict[str, Any] | None] = {}
        self._numbers = itertools.count()
        self.scanned_bytes = 0
        self.used: list[Name] = []
        self.names: dict[str, str] = {}  # the objects by the paths of their files

    def relation(self, catalog: str, database: str, name: str) -> SqlRelation | None:
        """The columns of a table, or the text of a view; None where there is none."""
        if database == INFORMATION:
            known = columns_of(name)
            return SqlRelation(known[0], hidden=known[1]) if known and not self.missing(catalog, database) else None
        other = self._other(catalog)
        if other is not None:
            found = other.columns(database, name)
            return SqlRelation(found) if found else None
        table = self._table(catalog, database, name)
        if table is None and name.endswith(_PARTITIONS):
            return self._partitions_relation(catalog, database, name)
        if table is None:
            return None
        columns = [Column(name, hive_to_trino(kind)) for name, kind in typed_columns(table)]
        if not is_view(table):
            return SqlRelation(columns, hidden=[Column(_PATH, "varchar")])
        self.used.append((catalog or self._spec.catalog, database, name))
        return SqlRelation(columns, view_text(table))

    def _partitions_relation(self, catalog: str, database: str, name: str) -> SqlRelation | None:
        """The partitions of a table, as rows of its keys."""
        table = self._table(catalog, database, name.removesuffix(_PARTITIONS))
        if table is None or not table.get("PartitionKeys"):
            return None
        return SqlRelation([Column(name, hive_to_trino(kind)) for name, kind in key_columns(table)])

    def missing(self, catalog: str, database: str) -> Literal["catalog", "database", ""]:
        """What of the two isn't there."""
        other = self._other(catalog)
        if other is not None:
            return "" if database == INFORMATION or other.has(database) else "database"
        known = self._front.databases(catalog or self._spec.catalog)
        if known is None:
            return "catalog"
        return "" if database in (INFORMATION, *known) else "database"

    def open(self, use: TableUse) -> None:
        """Make a view by the name of the table's alias, over the files that the query has to read."""
        self.used.append((use.catalog or self._spec.catalog, use.database, use.name))
        if use.database == INFORMATION:
            self._open_information(use)
            return
        other = self._other(use.catalog)
        if other is not None:
            kinds = {column.name: trino_to_duckdb(column.type) for column in other.columns(use.database, use.name)}
            self._make_view(use, other.select(use.database, use.name, use.columns), kinds)
            return
        table = self._table(use.catalog, use.database, use.name)
        if table is None:
            self._open_partitions(use)
            return
        keys = key_columns(table)
        parts = find_parts(self._connection, self._front, self._spec, table, keys, use.filter)
        selects = []
        for group in _alike(parts, table):
            files, owners = self._stage(group)
            if files:
                selects += self._selects(table, group[0], files, dict(zip(files, owners, strict=True)), keys, use)
        if not selects:
            selects = [_nothing(table, keys, use)]
        self._make_view(use, " UNION ALL ".join(selects), {name: to_duck(kind) for name, kind in typed_columns(table)})

    def _open_partitions(self, use: TableUse) -> None:
        table = self._table(use.catalog, use.database, use.name.removesuffix(_PARTITIONS))
        assert table is not None
        keys = key_columns(table)
        parts = find_parts(self._connection, self._front, self._spec, table, keys, use.filter)
        name = f"clary_partitions_{next(self._numbers)}"
        self._connection.register(name, texts_of(keys, [part.values for part in parts]))
        shown = [f"CAST({quote(key)} AS {to_duck(kind)}) AS {quote(key)}" for key, kind in keys]
        self._connection.execute(f"CREATE TEMP VIEW {quote(use.alias)} AS SELECT {', '.join(shown)} FROM {name}")  # noqa: S608

    def _open_information(self, use: TableUse) -> None:
        conjuncts = Conjuncts(self._connection, use.filter)
        databases, tables = conjuncts.constants("table_schema"), conjuncts.constants("table_name")
        name = f"clary_information_{next(self._numbers)}"
        self._connection.register(name, table_of(self._source(use.catalog), use.name, databases, tables))
        self._connection.execute(f"CREATE TEMP VIEW {quote(use.alias)} AS SELECT * FROM {name}")  # noqa: S608

    def _source(self, catalog: str) -> Source:
        shown = (catalog or self._spec.catalog).lower()
        other = self._other(catalog)
        if other is not None:
            return Source(shown, other.databases, other.tables)
        return Source(shown, lambda: self._front.databases(shown) or [], partial(self._described, shown))

    def _described(self, catalog: str, database: str, names: list[str] | None) -> list[Described]:
        if names is None or len(names) > _ONE_BY_ONE:
            return [described(table) for table in self._front.tables(database)]
        found = [self._table(catalog, database, name) for name in names]
        return [described(table) for table in found if table]

    def _make_view(self, use: TableUse, sql: str, kinds: Mapping[str, str]) -> None:
        """The table as the query sees it: columns that it names without a use for them are not read, but null."""
        used = {name.lower() for name in use.columns}
        unread = [f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in kinds.items() if name not in used]
        if unread:
            sql = f"SELECT *, {', '.join(unread)} FROM ({sql})"  # noqa: S608 - names of the catalog, quoted
        self._connection.execute(f"CREATE TEMP VIEW {quote(use.alias)} AS {sql}")

    def _other(self, catalog: str) -> Attached | None:
        """The other database that a catalog's name stands for; None for the Glue catalog."""
        name = (catalog or self._spec.catalog).lower()
        if name in ("", "awsdatacatalog"):
            return None
        if name not in self._attached:
            found = self._front.federated(name)
            self._attached[name] = Attached(self._connection, self._places, name, found) if found else None
        return self._attached[name]

    def _table(self, catalog: str, database: str, name: str) -> dict[str, Any] | None:
        key = (catalog or self._spec.catalog, database.lower(), name.lower())
        if key not in self._tables:
            self._tables[key] = self._front.table(*key)
        return self._tables[key]

    def _stage(self, parts: Sequence[Part]) -> tuple[list[TableFile], list[Part]]:
        """The files of these parts, and whose each is."""
        number = next(self._numbers)
        prefixes = [split_location(part.location) for part in parts]
        listings = self._front.objects(prefixes)
        found = [
            (part, bucket, key, size)
            for part, (bucket, prefix), listing in zip(parts, prefixes, listings, strict=True)
            for key, size in listing
            if size and not _is_hidden(key[len(prefix) :])
        ]
        asked = [(bucket, key, f"{number}/{place}") for place, (_, bucket, key, _) in enumerate(found)]
        if asked:
            self._front.stage(asked)
        files = [
            TableFile(str(Path(self._places.staged, place)), f"s3://{bucket}/{key}", size)
            for (_, bucket, key, size), (_, _, place) in zip(found, asked, strict=True)
        ]
        self.names |= {file.path: file.name for file in files}
        return files, [part for part, *_ in found]

    def _selects(
        self,
        table: dict[str, Any],
        part: Part,
        files: list[TableFile],
        owners: dict[TableFile, Part],
        keys: list[tuple[str, HiveType]],
        use: TableUse,
    ) -> list[str]:
        used = {name.lower() for name in use.columns}
        columns = [
            ReadColumn(name, kind, position)
            for position, (name, kind) in enumerate(data_columns(table))
            if name in used
        ]
        name = f"clary_scan_{next(self._numbers)}"
        found = scan(self._connection, name, part.storage, table, files, columns)
        self.scanned_bytes += found.scanned_bytes
        return [self._select(relation, owners, columns, keys, used) for relation in found.relations]

    def _select(
        self,
        relation: Relation,
        owners: dict[TableFile, Part],
        columns: Sequence[ReadColumn],
        keys: list[tuple[str, HiveType]],
        used: set[str],
    ) -> str:
        shown = [f"{relation.columns[column.name]} AS {quote(column.name)}" for column in columns]
        for position, (name, kind) in enumerate(keys):
            if name in used:
                values = [owners[file].values[position] for file in relation.files]
                shown.append(f"{self._by_file(values, to_duck(kind))} AS {quote(name)}")
        if _PATH in used:
            shown.append(f"{self._by_file([file.name for file in relation.files], 'VARCHAR')} AS {quote(_PATH)}")
        return f"SELECT {', '.join(shown) or '1 AS nothing'} FROM {relation.sql}"  # noqa: S608

    def _by_file(self, values: Sequence[str | None], kind: str) -> str:
        """A column that is constant within each file."""
        variable = f"clary_values_{next(self._numbers)}"
        texts = literals([value or "" for value in values])
        if None in values:
            texts = "[" + ", ".join("NULL" if value is None else literals([value])[1:-1] for value in values) + "]"
        self._connection.execute(f"SET VARIABLE {variable} = CAST({texts} AS {kind}[])")
        return f"getvariable('{variable}')[CAST(file_index AS BIGINT) + 1]"


def split_location(location: str) -> tuple[str, str]:
    """The bucket and the prefix of a folder: `s3://bucket/a/b` is all below `a/b/`."""
    scheme, _, rest = location.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a", "s3n") or not bucket:
        raise QueryError(f"HIVE_UNKNOWN_ERROR: Path is not absolute or no S3 location: {location!r}")
    return bucket, key if not key or key.endswith("/") else key + "/"


def _is_hidden(path: str) -> bool:
    return any(name.startswith(("_", ".")) for name in path.split("/"))


def _alike(parts: Iterable[Part], table: dict[str, Any]) -> list[list[Part]]:
    """Parts that are read in the same way, together."""
    groups: dict[bytes, list[Part]] = {}
    for part in parts:
        storage = part.storage
        key = msgspec.json.encode([storage.get("SerdeInfo"), storage.get("InputFormat"), storage.get("Columns")])
        if key not in groups:
            check_partition(part, table)
        groups.setdefault(key, []).append(part)
    return list(groups.values())


def _nothing(table: dict[str, Any], keys: list[tuple[str, HiveType]], use: TableUse) -> str:
    """A table without a row."""
    kinds = {name: to_duck(kind) for name, kind in [*data_columns(table), *keys]} | {_PATH: "VARCHAR"}
    shown = [f"CAST(NULL AS {kinds[name.lower()]}) AS {quote(name.lower())}" for name in use.columns]
    return f"SELECT {', '.join(shown) or '1 AS nothing'} WHERE false"
