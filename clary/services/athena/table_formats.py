"""The formats of tables as statements name them."""

from __future__ import annotations

from clary.tables.hive_formats import AVRO, DELIMITED, HIVE_JSON, OPENX_JSON, ORC, PARQUET

FORMATS = {"TEXTFILE": DELIMITED, "JSON": HIVE_JSON, "PARQUET": PARQUET, "ORC": ORC, "AVRO": AVRO}

# What STORED AS takes.
STORED = {"TEXTFILE": "TEXTFILE", "JSONFILE": "JSON", "PARQUET": "PARQUET", "PARQUETFILE": "PARQUET"}
STORED |= {"ORC": "ORC", "ORCFILE": "ORC", "AVRO": "AVRO", "AVROFILE": "AVRO"}

_BY_SERDE = {made.serde: name for name, made in FORMATS.items()} | {OPENX_JSON.serde: "JSON"}
_BY_SERDE |= {"com.amazon.ionhiveserde.IonHiveSerDe": "", "org.apache.hadoop.hive.serde2.JsonSerDe": "JSON"}


def format_of(serde: str) -> str:
    """The format that rows for a table of this SerDe are written in; "" where Clary writes none for it."""
    return _BY_SERDE.get(serde, "")
