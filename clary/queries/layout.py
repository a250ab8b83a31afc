"""How a query's rows are to lie in files: columns and their types, partitions, buckets, format, compression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clary.errors import ClientError
from clary.queries.assignment import assign, fits
from clary.queries.errors import QueryError
from clary.queries.spec import Target
from clary.sql.contract import Column
from clary.sql.types import hive_to_trino, of_hive, parse_type, trino_to_hive
from clary.tables.bucketing import check_bucket_type
from clary.tables.duck_types import quote, to_duck
from clary.tables.hive_types import HiveType, parse_hive_type

Columns = list[tuple[str, HiveType]]

_DEFAULT = {"PARQUET": "GZIP", "ORC": "ZLIB", "AVRO": "DEFLATE", "JSON": "GZIP", "TEXTFILE": "GZIP"}
_KNOWN = {
    "PARQUET": ("GZIP", "SNAPPY", "ZSTD", "LZ4", "NONE"),
    "ORC": ("ZLIB", "SNAPPY", "ZSTD", "LZ4", "NONE"),
    "AVRO": ("DEFLATE", "GZIP", "ZLIB", "SNAPPY", "BZIP2", "NONE"),
    "JSON": ("GZIP", "BZIP2", "ZSTD", "SNAPPY", "LZ4", "NONE"),
    "TEXTFILE": ("GZIP", "BZIP2", "ZSTD", "SNAPPY", "LZ4", "NONE"),
}
_DUCK_CODECS = {"NONE": "uncompressed", "LZ4": "lz4_raw"}


@dataclass(frozen=True)
class Layout:
    """`chosen`: SQL for `data` and the partition keys out of the query's `given` columns g0, g1 ...; [] is these."""

    format: str
    compression: str
    data: Columns
    partitions: Columns
    bucketed_by: list[str]
    buckets: int
    field_delimiter: str
    properties: dict[str, str]
    chosen: list[str]
    given: int

    @property
    def partitioned_by(self) -> list[str]:
        """The names of the partition keys."""
        return [name for name, _ in self.partitions]

    def source(self, sql: str) -> str:
        """The query in a FROM, its columns named c0, c1 ... in the order of `data` and `partitions`."""
        names = ", ".join(f"c{number}" for number in range(len(self.data) + len(self.partitions)))
        if self.chosen:
            given = ", ".join(f"g{number}" for number in range(self.given))
            sql = f"SELECT {', '.join(self.chosen)} FROM ({sql}) AS clary_given({given})"  # noqa: S608 - names of ours
        return f"({sql}) AS clary_result({names})"

    def typed(self) -> list[str]:
        """SQL for the columns of the files, with their names."""
        return [f"CAST(c{number} AS {to_duck(kind)}) AS {quote(name)}" for number, (name, kind) in enumerate(self.data)]

    def keys(self) -> list[str]:
        """SQL for the partition values as their folders tell them."""
        first = len(self.data)
        return [
            f"{_key(f'c{number}', kind)} AS {quote(name)}" for number, (name, kind) in enumerate(self.partitions, first)
        ]

    def split_names(self, bucket: str) -> list[str]:
        """The columns whose values divide the rows among files."""
        return [*self.partitioned_by, *([bucket] if self.buckets else [])]

    def bucket_columns(self) -> Columns:
        """The columns that the files are bucketed by."""
        kinds = dict(self.data)
        return [(name, kinds[name]) for name in self.bucketed_by]

    def bucket_duck_types(self) -> list[str]:
        """Their types in DuckDB."""
        return [to_duck(kind) for _, kind in self.bucket_columns()]

    def bucket_call(self) -> str:
        """SQL for the bucket of a row."""
        places = {name: (number, kind) for number, (name, kind) in enumerate(self.data)}
        chosen = [places[name] for name in self.bucketed_by]
        return f"clary_bucket_of({', '.join(f'CAST(c{number} AS {to_duck(kind)})' for number, kind in chosen)})"

    def parquet_codec(self) -> str:
        """DuckDB's name of the compression."""
        return _DUCK_CODECS.get(self.compression, self.compression.lower())


def plan_layout(target: Target, columns: Sequence[Column]) -> Layout:
    """What the target and the query's columns make of each other; QueryError where they don't fit."""
    form = {"TEXT": "TEXTFILE", "CSV": "TEXTFILE"}.get(target.format.upper(), target.format.upper())
    if form not in _DEFAULT:
        raise QueryError(f"NOT_SUPPORTED: Clary does not write the format {target.format!r}")
    compression = target.compression.upper() or _DEFAULT[form]
    compression = {"UNCOMPRESSED": "NONE"}.get(compression, compression)
    if compression not in _KNOWN[form]:
        raise QueryError(
            f"INVALID_TABLE_PROPERTY: Clary does not write {form} with the compression {target.compression!r}; "
            f"it knows {', '.join(_KNOWN[form])}"
        )
    wanted = _inserted(target, columns) if target.columns else _made(columns)
    keys = [name.lower() for name in target.partitioned_by]
    data, partitions = wanted[: len(wanted) - len(keys)], wanted[len(wanted) - len(keys) :]
    if [name for name, _ in partitions] != keys:
        raise QueryError(
            "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns in the table and in the same order "
            f"as the table properties: [{', '.join(keys)}]"
        )
    if not data:
        raise QueryError("INVALID_TABLE_PROPERTY: Table contains only partition columns")
    layout = Layout(
        form,
        compression,
        data,
        partitions,
        [name.lower() for name in target.bucketed_by],
        target.bucket_count if target.bucketed_by else 0,
        target.field_delimiter,
        target.properties,
        _chosen(target, columns, wanted) if target.columns else [],
        len(columns),
    )
    _check_buckets(layout)
    return layout


def _made(columns: Sequence[Column]) -> Columns:
    """The columns of a new table."""
    found: Columns = []
    seen: set[str] = set()
    for column in columns:
        name = column.name.lower()
        if name in seen:
            raise QueryError(f"DUPLICATE_COLUMN_NAME: Column name '{name}' specified more than once")
        seen.add(name)
        try:
            found.append((name, trino_to_hive(column.type)))
        except ClientError:
            raise QueryError(f"NOT_SUPPORTED: Unsupported Hive type: {column.type} of the column '{name}'") from None
    return found


def _inserted(target: Target, columns: Sequence[Column]) -> Columns:
    """Those of the table that is inserted into, which the query's must fit."""
    wanted = [(name.lower(), parse_hive_type(kind)) for name, kind in target.columns]
    kinds = dict(wanted)
    theirs = [hive_to_trino(kinds[name]) for name in target.given or kinds]
    ours = [column.type for column in columns]
    fit = len(ours) == len(theirs) and all(
        fits(parse_type(own), parse_type(their)) for own, their in zip(ours, theirs, strict=True)
    )
    if not fit:
        raise QueryError(
            f"TYPE_MISMATCH: Insert query has mismatched column types: Table: [{', '.join(theirs)}], "
            f"Query: [{', '.join(ours)}]"
        )
    return wanted


def _chosen(target: Target, columns: Sequence[Column], wanted: Columns) -> list[str]:
    """SQL for the columns of the table that is inserted into."""
    given = target.given or [name for name, _ in wanted]

    def value(name: str, hive: HiveType) -> str:
        if name not in given:
            return "NULL"
        place = given.index(name)
        return assign(f"g{place}", parse_type(columns[place].type), of_hive(hive))

    return [value(name, hive) for name, hive in wanted]


def _check_buckets(layout: Layout) -> None:
    names = [name for name, _ in layout.data]
    for name in layout.bucketed_by:
        if name not in names:
            raise QueryError(f"INVALID_TABLE_PROPERTY: Bucketing columns [{name}] not present in schema")
    if layout.bucketed_by and layout.buckets < 1:
        raise QueryError("INVALID_TABLE_PROPERTY: bucket_count must be greater than zero when bucketed_by is specified")
    for _, kind in layout.bucket_columns():
        check_bucket_type(kind)


def _key(value: str, kind: HiveType) -> str:
    """A partition value of which the text is what its folder tells."""
    if kind.children or kind.name in ("float", "double", "binary"):
        raise QueryError(f"NOT_SUPPORTED: Unsupported type [{kind}] for partition")
    if kind.name == "decimal":
        return f"clary_decimal_text(CAST({value} AS {to_duck(kind)}))"
    if kind.name == "timestamp":
        return f"strftime({value}, '%Y-%m-%d %H:%M:%S.%g')"
    typed = f"CAST({value} AS {to_duck(kind)})"
    # Numbers stay numbers: DuckDB's COPY divides rows by them in three quarters of the time.
    return f"nullif({typed}, '')" if to_duck(kind) == "VARCHAR" else typed
