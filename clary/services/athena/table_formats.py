"""The formats of tables: what Hive calls their readers and writers."""

from __future__ import annotations

from typing import NamedTuple

_HIVE = "org.apache.hadoop.hive"
_TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUTPUT = f"{_HIVE}.ql.io.HiveIgnoreKeyTextOutputFormat"
LAZY_SIMPLE = f"{_HIVE}.serde2.lazy.LazySimpleSerDe"


class Format(NamedTuple):
    """The classes of one format."""

    input: str
    output: str
    serde: str


TEXT = Format(_TEXT_INPUT, _TEXT_OUTPUT, LAZY_SIMPLE)

FORMATS = {
    "TEXTFILE": TEXT,
    "JSON": Format(_TEXT_INPUT, _TEXT_OUTPUT, "org.apache.hive.hcatalog.data.JsonSerDe"),
    "PARQUET": Format(
        f"{_HIVE}.ql.io.parquet.MapredParquetInputFormat",
        f"{_HIVE}.ql.io.parquet.MapredParquetOutputFormat",
        f"{_HIVE}.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
    "ORC": Format(
        f"{_HIVE}.ql.io.orc.OrcInputFormat", f"{_HIVE}.ql.io.orc.OrcOutputFormat", f"{_HIVE}.ql.io.orc.OrcSerde"
    ),
    "AVRO": Format(
        f"{_HIVE}.ql.io.avro.AvroContainerInputFormat",
        f"{_HIVE}.ql.io.avro.AvroContainerOutputFormat",
        f"{_HIVE}.serde2.avro.AvroSerDe",
    ),
}

# What STORED AS takes.
STORED = {"TEXTFILE": "TEXTFILE", "JSONFILE": "JSON", "PARQUET": "PARQUET", "PARQUETFILE": "PARQUET"}
STORED |= {"ORC": "ORC", "ORCFILE": "ORC", "AVRO": "AVRO", "AVROFILE": "AVRO"}

_BY_SERDE = {made.serde: name for name, made in FORMATS.items()} | {"org.openx.data.jsonserde.JsonSerDe": "JSON"}
_BY_SERDE |= {"com.amazon.ionhiveserde.IonHiveSerDe": "", f"{_HIVE}.serde2.JsonSerDe": "JSON"}


def format_of(serde: str) -> str:
    """The format that rows for a table of this SerDe are written in; "" where Clary writes none for it."""
    return _BY_SERDE.get(serde, "")
