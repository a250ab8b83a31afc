"""What DataProcessing does to a payload before the model sees it, and to its answer."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from clary.errors import ClientError
from clary.transform import csv_rows, json_path
from clary.transform.capture import append_to_records, append_to_rows
from clary.transform.spec import TransformSpec

OUTPUT, INPUT = "SageMakerOutput", "SageMakerInput"


class Processing:
    """The filters and the join of a transform, and the ids where it is asked for them, with its start."""

    def __init__(self, spec: TransformSpec, start: datetime | None = None) -> None:
        self._spec = spec
        self._input = json_path.parse(spec.input_filter)
        self._output = json_path.parse(spec.output_filter)
        self.filters = bool(self._input.steps)
        self._start = start if spec.inference_ids else None
        self.finishes = spec.join or bool(self._output.steps) or self._start is not None

    def prepare(self, payload: bytes) -> bytes:
        """What the model gets of a payload."""
        if self._spec.input_content == "csv":
            return csv_rows.cut(payload, self._input)
        return _write(self._spec.input_content, [self._find(self._input, record) for record in self._read(payload)])

    def finish(self, payload: bytes, answer: bytes) -> bytes:
        """What goes into the output of a payload and its answer."""
        content = self._spec.output_content
        if content == "csv":
            path = self._output
            rows = csv_rows.join(payload, answer, path) if self._spec.join else csv_rows.cut(answer, path)
            return append_to_rows(rows, self._start) if self._start else rows
        records = _read(content, answer, "the model's answer")
        if self._spec.join:
            records = _join(self._read(payload), records)
        records = [self._find(self._output, record) for record in records]
        return _write(content, append_to_records(records, self._start) if self._start else records)

    def _read(self, payload: bytes) -> list[Any]:
        return _read(self._spec.input_content, payload, "the input")

    @staticmethod
    def _find(path: json_path.Path, record: Any) -> Any:
        return json_path.find(path, record)


def _join(inputs: list[Any], outputs: list[Any]) -> list[Any]:
    """Each record with the model's answer to it in a member of its own."""
    if len(inputs) != len(outputs):
        raise ClientError(f"{csv_rows.MISMATCH}: {len(inputs)} and {len(outputs)}")
    return [
        {**(record if isinstance(record, dict) else {INPUT: record}), OUTPUT: output}
        for record, output in zip(inputs, outputs, strict=True)
    ]


def _read(content: str, data: bytes, what: str) -> list[Any]:
    """The records of a payload: a line each, or the document that it is."""
    decoder = msgspec.json.Decoder()
    read: Callable[[bytes], list[Any]] = (
        decoder.decode_lines if content == "lines" else lambda data: [decoder.decode(data)]
    )
    try:
        return read(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ClientError(f"Unable to parse data as JSON: {what}: {error}") from None


def _write(content: str, records: list[Any]) -> bytes:
    return msgspec.json.Encoder().encode_lines(records) if content == "lines" else msgspec.json.encode(records[0])
