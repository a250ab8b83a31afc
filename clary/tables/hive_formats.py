"""The formats of tables: what Hive calls the classes that read and write their files."""

from typing import NamedTuple

_HIVE = "org.apache.hadoop.hive"


class Format(NamedTuple):
    """The classes of one format."""

    input: str
    output: str
    serde: str


def _text(serde: str) -> Format:
    return Format("org.apache.hadoop.mapred.TextInputFormat", f"{_HIVE}.ql.io.HiveIgnoreKeyTextOutputFormat", serde)


DELIMITED = _text(f"{_HIVE}.serde2.lazy.LazySimpleSerDe")
QUOTED_CSV = _text(f"{_HIVE}.serde2.OpenCSVSerde")
HIVE_JSON = _text("org.apache.hive.hcatalog.data.JsonSerDe")
OPENX_JSON = _text("org.openx.data.jsonserde.JsonSerDe")
GROK = _text("com.amazonaws.glue.serde.GrokSerDe")
PARQUET = Format(
    f"{_HIVE}.ql.io.parquet.MapredParquetInputFormat",
    f"{_HIVE}.ql.io.parquet.MapredParquetOutputFormat",
    f"{_HIVE}.ql.io.parquet.serde.ParquetHiveSerDe",
)
ORC = Format(f"{_HIVE}.ql.io.orc.OrcInputFormat", f"{_HIVE}.ql.io.orc.OrcOutputFormat", f"{_HIVE}.ql.io.orc.OrcSerde")
AVRO = Format(
    f"{_HIVE}.ql.io.avro.AvroContainerInputFormat",
    f"{_HIVE}.ql.io.avro.AvroContainerOutputFormat",
    f"{_HIVE}.serde2.avro.AvroSerDe",
)
