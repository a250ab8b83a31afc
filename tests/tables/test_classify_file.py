"""What a file is, told from its bytes."""

import bz2
import gzip
import io
import json
import struct
import zipfile

import cramjam
import fastavro
import pyarrow as pa
import pytest
from pyarrow import orc
from pyarrow import parquet as pq

from clary.errors import ClientError
from clary.tables.classify_file import SAMPLE, Classifier, classify
from clary.tables.infer_csv import CsvOptions
from clary.tables.infer_types import settle

CSV = "id,name,weight\n1,Ada,2.5\n2,Bob,3\n"
LOG = '10.0.0.1 - - [01/Dec/2026:10:00:00 +0000] "GET /a.html HTTP/1.1" 200 512'


def look(content, name="file", *classifiers):
    content = content if isinstance(content, bytes) else content.encode()
    return classify(io.BytesIO(content), name, len(content), [classifier.prepare() for classifier in classifiers])


def columns(schema):
    return [f"{name}:{settle(kind)}" for name, kind in schema.columns]


@pytest.mark.parametrize("delimiter", [",", "|", "\t", ";", "\x01"])
def test_csv_of_every_delimiter(delimiter):
    found = look(CSV.replace(",", delimiter))
    assert columns(found) == ["id:bigint", "name:string", "weight:double"]
    assert found.parameters == {
        "delimiter": delimiter,
        "columnsOrdered": "true",
        "areColumnsQuoted": "false",
        "skip.header.line.count": "1",
    }
    assert (found.classification, found.library, found.serde) == ("csv", "LazySimpleSerDe", {"field.delim": delimiter})
    assert found.records == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,a\n2,b\n", ["col0:bigint", "col1:string"]),
        ("name,city\nAda,Rome\nBob,Oslo\n", ["col0:string", "col1:string"]),  # all words: no header to be seen
        ("a," + "x" * 150 + ",n\nq,r,1\n", ["col0:string", "col1:string", "col2:string"]),
        ("a,b,\n1,2,\n3,4,\n", ["a:bigint", "b:bigint", "col2:string"]),
        ("Id,ID,x\n1,2,3\n", ["id:bigint", "id_1:bigint", "x:bigint"]),
        ("a,b\r\n1,2\r\n", ["a:bigint", "b:bigint"]),
        ("\ufeffa,b\n1,2\n", ["a:bigint", "b:bigint"]),
        ('a,b\n"1",2\n', ["a:string", "b:bigint"]),  # LazySimpleSerDe leaves the quotes in the value
        ('a,b\n"x,y",2\n', ["a:string", "b:string"]),
    ],
)
def test_headers_and_quotes(text, expected):
    assert columns(look(text)) == expected


@pytest.mark.parametrize(
    "text", ["a,b\n", "only\none\ncolumn\n", "", "a,b\n1,2,3\n1\n5,6\n1,2,3,4\n", "a\0b,1\n2,3\n", b"\xff\xfe,1\n2,3\n"]
)
def test_what_is_no_csv(text):
    assert look(text).classification == "UNKNOWN"


def test_a_custom_csv_classifier():
    options = CsvOptions(";", "'", "ABSENT", ("Name", "Weight"), serde="None")
    found = look("'Ada;B';2\n'Eve';3\n", "file", Classifier(csv=options))
    assert columns(found) == ["name:string", "weight:bigint"]
    assert found.library == "OpenCSVSerDe"
    assert found.serde == {"separatorChar": ";", "quoteChar": "'", "serialization.format": "1"}
    assert found.parameters["areColumnsQuoted"] == "true"
    typed = CsvOptions(",", header="PRESENT", types=("LONG", "DECIMAL", "DATE"))
    assert columns(look("a,b,c\nx,y,z\n", "f", Classifier(csv=typed))) == ["a:bigint", "b:decimal(10,0)", "c:date"]
    single = Classifier(csv=CsvOptions("|", single_column=True))
    assert columns(look("word\nother\n", "f", single)) == ["col0:string"]
    assert look("a|b\nc|d\n", "f", Classifier(csv=typed)).parameters["delimiter"] == "|"  # the built-in one knows it


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"Id":1,"s":"x"}\n{"Id":3000000000,"t":null}\n', ["id:bigint", "s:string", "t:string"]),
        ('{"a":1}{"a":2.5}', ["a:double"]),
        ('{"a":\n  {"b": [1, 2.5],\n "c": {"D": true}}}', ["a:struct<b:array<double>,c:struct<d:boolean>>"]),
        ('{"a":[{"x":1},{"y":"q"}]}', ["a:array<struct<x:int,y:string>>"]),
        ('[{"a":1},{"a":2}]', ["array:array<struct<a:int>>"]),
        ('{"a":{},"b":[]}', ["a:string", "b:array<string>"]),
        ('{"a":{"x y":1}}', ["a:struct<x_y:int>"]),
        ('{"a":{"X":1,"x":2.5}}', ["a:struct<x:double>"]),
        ('{"a":1}\n{"a":"x"}\n', ["a:string"]),
        ('{"a":"\u2028"}\n', ["a:string"]),
    ],
)
def test_json(text, expected):
    found = look(text)
    assert columns(found) == expected
    assert (found.classification, found.library) == ("json", "JsonSerDe")


def test_json_paths_keep_the_names_of_the_file():
    assert look('{"Id":1,"aB":2}').serde == {"paths": "Id,aB"}


@pytest.mark.parametrize("text", ['{"a":1', '{"a":1}\n{"a":\n', "{a:1}", "1\n2\n", "[" * 100_000])
def test_what_is_no_json(text):
    assert look(text).classification == "UNKNOWN"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$[*]", ["type:string", "id:int"]),
        ("$[0].id", ["record:int"]),
        ("$[*].tags[*]", ["record:string"]),
        ("$[*]['id']", ["record:int"]),
    ],
)
def test_a_custom_json_classifier(path, expected):
    text = '[{"type":"x","id":1},{"type":"y","id":2}]'
    text = text.replace("}]", ',"tags":["a","b"]}]') if "tags" in path else text
    found = look(text, "f", Classifier(json_path=path))
    assert columns(found) == expected
    assert found.parameters == {"jsonPath": path}


def test_the_beginning_of_a_large_file_is_enough():
    line = json.dumps({"a": 1, "b": "x" * 100}) + "\n"
    count = 3 * SAMPLE // len(line)
    found = look(line * count)
    assert columns(found) == ["a:int", "b:string"]
    assert found.records == pytest.approx(count, rel=0.01)
    assert columns(look("[" + ",".join([line] * count) + "]")) == ["array:array<struct<a:int,b:string>>"]


def snappy_frames(content):
    return bytes(cramjam.snappy.compress(content))


def snappy_hadoop(content):
    chunk = bytes(cramjam.snappy.compress_raw(content))
    return struct.pack(">II", len(content), len(chunk)) + chunk


def lz4_hadoop(content):
    chunk = bytes(cramjam.lz4.compress_block(content, store_size=False))
    return struct.pack(">II", len(content), len(chunk)) + chunk


def lz4_frames(content):
    return bytes(cramjam.lz4.compress(content))


def zipped(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv", content)
    return packed.getvalue()


def test_lz4_of_either_framing():
    for compress in (lz4_frames, lz4_hadoop):
        found = look(compress(CSV.encode()), "file.csv.lz4")
        assert (found.compression, found.classification) == ("lz4", "csv")
        assert look(compress(CSV.encode())[:20], "file.csv.lz4").classification == "UNKNOWN"
        assert look(b"\xff" * 40, "file.csv.lz4").classification == "UNKNOWN"
    lines = b"".join(b'{"a":%d,"b":"%s"}\n' % (n, str(n * n).encode()) for n in range(200_000))
    assert columns(look(lz4_frames(lines))) == ["a:int", "b:string"]


@pytest.mark.parametrize(
    ("kind", "compress"),
    [
        ("gzip", gzip.compress),
        ("gzip", lambda content: gzip.compress(content[:15]) + gzip.compress(content[15:])),
        ("bzip2", bz2.compress),
        ("zip", zipped),
        ("snappy", snappy_frames),
        ("snappy", snappy_hadoop),
    ],
)
def test_compressed_text(kind, compress):
    found = look(compress(CSV.encode()), "file.csv.snappy")
    assert (found.compression, found.classification) == (kind, "csv")
    assert columns(found) == ["id:bigint", "name:string", "weight:double"]
    broken = look(compress(CSV.encode())[:20], "file.csv.snappy")
    assert broken.classification == "UNKNOWN"


def test_a_bomb_is_opened_only_a_little():
    for compress in (gzip.compress, lz4_frames):
        assert columns(look(compress(b'{"a":1}\n' * 8_000_000))) == ["a:int"]


TABLE = pa.table(
    {
        "Id": pa.array([1, 2], pa.int32()),
        "at": pa.array([1, 2], pa.timestamp("us")),
        "tags": pa.array([[{"Name": "a"}], []], pa.list_(pa.struct({"Name": pa.string()}))),
    }
)
TYPES = ["id:int", "at:timestamp", "tags:array<struct<name:string>>"]


def test_parquet_and_orc():
    for write, name, library in ((pq.write_table, "parquet", "ParquetHiveSerDe"), (orc.write_table, "orc", "OrcSerde")):
        file = io.BytesIO()
        write(TABLE, file)
        found = look(file.getvalue())
        assert (found.classification, found.library, found.records, found.compression) == (name, library, 2, "none")
        assert columns(found) == TYPES


def test_avro():
    schema = {
        "type": "record",
        "name": "belt",
        "fields": [
            {"name": "belt_id", "type": ["null", "int"]},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "parts", "type": {"type": "map", "values": "double"}},
            {"name": "kind", "type": {"type": "enum", "name": "kinds", "symbols": ["A", "B"]}},
            {"name": "cost", "type": {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}},
        ],
    }
    file = io.BytesIO()
    rows = [{"belt_id": 1, "at": 0, "parts": {"x": 1.0}, "kind": "A", "cost": b"\1"}] * 3
    fastavro.writer(file, schema, rows, codec="deflate")
    found = look(file.getvalue())
    assert columns(found) == [
        "belt_id:int",
        "at:timestamp",
        "parts:map<string,double>",
        "kind:string",
        "cost:decimal(8,2)",
    ]
    assert found.records == 3
    assert json.loads(found.parameters["avro.schema.literal"]) == schema


@pytest.mark.parametrize("content", [b"PAR1" + b"x" * 50 + b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1", b"ORC" + b"\xff" * 80])
def test_footers_that_lie(content):
    with pytest.raises((pa.ArrowInvalid, OSError, pa.ArrowException)):
        look(content)


def test_logs():
    found = look(LOG + "\n" + LOG.replace("512", "-") + "\n")
    assert found.classification == "apache"
    assert [name for name, _ in found.columns] == [
        "clientip", "ident", "auth", "timestamp", "verb", "request", "httpversion", "rawrequest", "response", "bytes",
    ]  # fmt: skip
    combined = look(f'{LOG} "http://x/" "curl/8"\n' * 3)
    assert combined.classification == "combined_apache"
    assert combined.serde == {"input.format": "%{COMBINEDAPACHELOG}"}


def test_a_custom_grok_classifier():
    pattern = r"%{TIMESTAMP_ISO8601:Time} \[%{LEVEL:level}\] %{NUMBER:took:int} %{GREEDYDATA:message}"
    custom = "LEVEL (INFO|BENCHMARK)"
    belts = Classifier(grok=("belts", pattern, custom))
    found = look("2026-12-01T10:00:00Z [BENCHMARK] 12 done, well\n2026-12-01 10:00 [INFO] 3 x, y\n", "f", belts)
    assert (found.classification, found.library) == ("belts", "GrokSerDe")
    assert columns(found) == ["time:string", "level:string", "took:int", "message:string"]
    assert found.serde == {"input.format": pattern, "input.grokCustomPatterns": custom}
    # less certain than a built-in one that fits, and more than nothing
    assert look("2026-12-01 10:00 [INFO] 3 x\nother\n", "f", belts).classification == "belts"
    assert look('{"a":1}\n', "f", belts).classification == "json"


@pytest.mark.parametrize(
    ("pattern", "custom", "reason"),
    [
        ("%{NOPE:x}", "", "There is no grok pattern 'NOPE'"),
        ("%{NUMBER:x:money}", "", "'money' is none of"),
        ("(", "", "is no regular expression"),
        ("(" * 900 + ")" * 900, "", "is no regular expression"),
        ("%{A:x}", "A %{A}", "refers to itself"),
        ("%{L0:x}", "\n".join(f"L{n} " + f"%{{L{n + 1}}}" * 40 for n in range(18)) + "\nL18 x", "is too large"),
        ("%{A:x}", "A", "not a name, a blank and a regular expression"),
    ],
)
def test_grok_patterns_that_cannot_be(pattern, custom, reason):
    with pytest.raises(ClientError, match=reason):
        Classifier(grok=("x", pattern, custom)).prepare()


def test_a_pattern_that_would_take_for_ever_ends():
    with pytest.raises(ClientError, match="took longer"):
        look("a" * 60 + "!\n", "f", Classifier(grok=("x", "(a|aa)+$", "")))
