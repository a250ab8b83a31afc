"""Data capture of a batch transform: manifests of what went in and what came out, ids behind the records of the output.

Source: the developer guide, "Capture data from batch transform job".
"""

import os.path
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from clary.transform import csv_rows
from clary.transform.plan import Object
from clary.transform.spec import TransformSpec

ID, TIME, OUTPUT = "SageMakerInferenceId", "SageMakerInferenceTime", "SageMakerOutput"


def began(folder: Path) -> datetime:
    """When a transform began, whichever server goes on with it: when its objects were staged."""
    return datetime.fromtimestamp((folder / "plan.json").stat().st_mtime, UTC)


def manifests(spec: TransformSpec, objects: list[Object], start: datetime) -> dict[str, bytes]:
    """The manifests of a transform that is completed, by their URIs."""
    inputs = [f"s3://{item.name}" for item in objects]
    common = os.path.commonprefix(inputs).rpartition("/")[0] + "/"  # noqa: RUF071 - cut back to a whole part
    sides = {
        "input": [{"prefix": common}, *(uri.removeprefix(common) for uri in inputs)],
        "output": [{"prefix": f"{spec.output_uri.rstrip('/')}/"}, *(item.key for item in objects)],
    }
    below = f"{start:%Y/%m/%d/%H}/{spec.name}.jsonl"
    return {
        f"{spec.capture_uri.rstrip('/')}/{side}/{below}": msgspec.json.encode(content) + b"\n"
        for side, content in sides.items()
    }


def append_to_rows(answer: bytes, start: datetime) -> bytes:
    """CSV rows, each with an id of its own and the time behind it."""
    end = _text(start)
    return csv_rows.write([b"%b,%b,%b" % (row, str(uuid.uuid4()).encode(), end) for row in csv_rows.rows(answer)])


def append_to_records(records: list[Any], start: datetime) -> list[Any]:
    """JSON records, each with an id of its own and the time as members."""
    time = _text(start).decode()
    return [
        {**(record if isinstance(record, dict) else {OUTPUT: record}), ID: str(uuid.uuid4()), TIME: time}
        for record in records
    ]


def _text(start: datetime) -> bytes:
    return f"{start:%Y-%m-%dT%H:%M:%SZ}".encode()
