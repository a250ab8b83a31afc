"""Files of columns: Parquet and ORC, written block by block with the options of AWS's serializers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_HELD = 32 * 1024 * 1024  # bytes of Arrow arrays: a row group is never larger, whatever BlockSizeBytes allows
_PARQUET_COMPRESSION = {"UNCOMPRESSED": "none", "GZIP": "gzip", "SNAPPY": "snappy"}
_ORC_COMPRESSION = {"NONE": "uncompressed", "ZLIB": "zlib", "SNAPPY": "snappy"}

Options = Mapping[str, Any]


class ColumnFile:
    """A new file that takes tables of one schema; `kind` is "parquet" or "orc", the options are AWS's, by name."""

    def __init__(self, path: Path, schema: pa.Schema, kind: str, options: Options) -> None:
        self._writer = (_open_parquet if kind == "parquet" else _open_orc)(path, schema, options)
        self._is_parquet, self._schema = kind == "parquet", schema
        self._held: list[pa.Table] = []

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        self._held.append(table)
        if sum(held.nbytes for held in self._held) >= _MOST_HELD:
            self._flush()

    def close(self) -> None:
        """Write what is held back, and the file's end."""
        self._flush()
        if not self._is_parquet:
            self._writer.write(self._schema.empty_table())  # a file that got no table would have no columns
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        rows = pa.concat_tables(self._held) if self._held else None
        self._held = []
        if rows is None or not rows.num_rows:
            return
        if self._is_parquet:
            self._writer.write_table(rows, row_group_size=rows.num_rows)
        else:
            self._writer.write(rows)


def _open_parquet(path: Path, schema: pa.Schema, options: Options) -> Any:
    from pyarrow import parquet

    return parquet.ParquetWriter(
        path,
        schema,
        compression=_PARQUET_COMPRESSION[options.get("Compression", "SNAPPY")],
        data_page_version="2.0" if options.get("WriterVersion") == "V2" else "1.0",
        data_page_size=options.get("PageSizeBytes", 1024 * 1024),
        use_dictionary=options.get("EnableDictionaryCompression", False),
    )


def _open_orc(path: Path, schema: pa.Schema, options: Options) -> Any:
    from pyarrow import orc

    filtered = _type_numbers(schema, options.get("BloomFilterColumns") or ())
    return orc.ORCWriter(
        path,
        file_version="0.11" if options.get("FormatVersion") == "V0_11" else "0.12",
        compression=_ORC_COMPRESSION[options.get("Compression", "SNAPPY")],
        stripe_size=options.get("StripeSizeBytes", 64 * 1024 * 1024),
        row_index_stride=options.get("RowIndexStride", 10_000),
        padding_tolerance=options.get("PaddingTolerance", 0.05) if options.get("EnablePadding") else 0.0,
        dictionary_key_size_threshold=options.get("DictionaryKeyThreshold", 0.0),
        bloom_filter_columns=filtered,
        bloom_filter_fpp=options.get("BloomFilterFalsePositiveProbability", 0.05) if filtered else 0.05,
    )


def _type_numbers(schema: pa.Schema, names: Collection[str]) -> list[int]:
    """The numbers that ORC gives the plain types in some columns: it counts all types, those within others too."""
    found: list[int] = []
    number = 1  # 0 is the row
    for field in schema:
        plain = _plain_types(field.type)
        if field.name in names:
            found += [number + place for place, is_plain in enumerate(plain) if is_plain]
        number += len(plain)
    return found


def _plain_types(kind: pa.DataType) -> list[bool]:
    """Of a type, and of those within it, in ORC's order: whether they have none within them."""
    from pyarrow import types

    children = [kind.key_type, kind.item_type] if types.is_map(kind) else []
    if types.is_struct(kind) or types.is_list(kind):
        children = [kind.field(number).type for number in range(kind.num_fields)]
    return [not children, *(plain for child in children for plain in _plain_types(child))]
