"""Which format a file has, and its schema: custom classifiers in their order, then the built-in ones.

Source: AWS Glue Developer Guide, "Adding classifiers to a crawler". Of text only the first bytes are read, of Parquet,
ORC and Avro files the footer or header.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from clary.tables.grok import Grok, compile_grok, describe, infer_log, match_share
from clary.tables.infer_columnar import infer_avro, infer_orc, infer_parquet
from clary.tables.infer_compression import Unpacked, unpack
from clary.tables.infer_csv import CsvOptions, infer_csv
from clary.tables.infer_json import infer_json
from clary.tables.infer_json_path import JsonPath, parse_json_path
from clary.tables.infer_schema import UNRECOGNISED, Schema

SAMPLE = 1 << 20
"""Bytes that are read of a text file, and that are looked at of what a compressed one holds."""

_COLUMNAR = ((b"PAR1", infer_parquet), (b"ORC", infer_orc), (b"Obj\x01", infer_avro))
_MAGIC = max(len(magic) for magic, _ in _COLUMNAR)
_MARK = "\ufeff"


class Classifier(msgspec.Struct):
    """A custom classifier: one of the three is set."""

    csv: CsvOptions | None = None
    json_path: str = ""
    grok: tuple[str, str, str] | None = None  # classification, pattern, custom patterns

    def prepare(self) -> Prepared:
        """Compile what can be compiled; ClientError says what can't."""
        grok = compile_grok(*self.grok[1:]) if self.grok else None
        path = parse_json_path(self.json_path) if self.json_path else None
        return Prepared(self.csv, path, grok, self.grok[0] if self.grok else "")


class Prepared(msgspec.Struct):
    """A classifier that is ready for many files."""

    csv: CsvOptions | None
    path: JsonPath | None
    grok: Grok | None
    classification: str

    def classify(self, text: str, whole: bool) -> tuple[float, Schema | None]:
        """How certain it is, from 0 to 1, and the schema."""
        if self.grok is not None:
            lines = text.splitlines()
            share = match_share(self.grok, lines)
            return share, describe(self.grok, self.classification, len(lines)) if share else None
        found = infer_json(text, self.path, whole=whole) if self.csv is None else infer_csv(text, self.csv)
        return float(found is not None), found


def classify(file: BinaryIO, name: str, size: int, classifiers: Sequence[Prepared] = ()) -> Schema:
    """The schema of a file of so many bytes; its classification is UNKNOWN where nothing knows it.

    Errors of pyarrow and fastavro go through where a file only claims to be of their format, ClientError where a custom
    pattern takes too long.
    """
    head = file.read(_MAGIC)
    for magic, infer in _COLUMNAR:
        if head.startswith(magic):
            file.seek(0)
            return infer(file, size)
    head += file.read(SAMPLE - len(head))
    unpacked = unpack(head, name, SAMPLE, whole=len(head) == size)
    text = None if unpacked is None else _to_text(unpacked)
    if unpacked is None or text is None:
        return Schema(UNRECOGNISED, [])
    found = _classify_text(text, unpacked.whole, classifiers) or Schema(UNRECOGNISED, [])
    found.compression = unpacked.compression
    if not unpacked.whole:
        read = len(head) if unpacked.compression != "none" else len(unpacked.content)
        found.records = found.records * size // max(read, 1)
    return found


def _classify_text(text: str, whole: bool, classifiers: Sequence[Prepared]) -> Schema | None:
    certainty, best = 0.0, None
    for classifier in classifiers:
        certain, found = classifier.classify(text, whole)
        if found is not None and certain == 1.0:
            return found
        if certain > certainty:
            certainty, best = certain, found
    return infer_json(text, whole=whole) or infer_log(text) or infer_csv(text) or best


def _to_text(unpacked: Unpacked) -> str | None:
    """The text, without a line that is cut at its end; None where it is none."""
    content = unpacked.content
    if not unpacked.whole:
        cut = content.rfind(b"\n") + 1
        content = content[:cut] if cut else content
    if b"\0" in content:
        return None
    try:
        return content.decode().removeprefix(_MARK)
    except UnicodeDecodeError as problem:
        # One line, longer than the sample, may be cut within a character.
        if unpacked.whole or problem.start < len(content) - 4:
            return None
        return content[: problem.start].decode()
