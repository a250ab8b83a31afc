"""Data capture without an endpoint: sampling, what a file holds, when it is written, what is given up."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from clary.clock import MovedClock
from clary.errors import ServiceError
from clary.hosting import Answer, CaptureSpec, Invocation, VariantSpec, capture
from clary.hosting.capture import Captures
from tests.hosting.conftest import House, container, until

QUESTION = Invocation(b"1,2", content_type="text/csv; charset=utf-8")
ANSWER = Answer(b'{"a": 3}', "application/json", "one")


class Files:
    """A host that keeps what is put."""

    def __init__(self) -> None:
        self.put: dict[str, list[dict]] = {}
        self.problem: ServiceError | None = None

    def put_object(self, bucket: str, key: str, path: Path) -> None:
        if self.problem:
            raise self.problem
        self.put[f"{bucket}/{key}"] = [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def captures(files: Files, tmp_path: Path) -> Iterator[Captures]:
    host = House().host()
    object.__setattr__(host, "put_object", files.put_object)
    found = Captures(host, MovedClock(), tmp_path)
    yield found
    found.close()
    assert list(tmp_path.iterdir()) == []


def variant(percentage: int = 100, **changes) -> VariantSpec:
    sides = {"input": True, "output": True, "csv_types": ["text/csv"], "json_types": ["application/json"], **changes}
    spec = CaptureSpec(uri="s3://bucket/below", percentage=percentage, **sides)
    return VariantSpec(name="one", containers=[container()], capture=spec)


def test_a_file(captures: Captures, files: Files) -> None:
    captures.take("endpoint", variant(), QUESTION, ANSWER)
    captures.flush()
    [(key, [line])] = files.put.items()
    assert key.startswith("bucket/below/endpoint/one/2023/11/14/22/13-20-000-")
    assert line["captureData"] == {
        "endpointInput": {
            "observedContentType": "text/csv; charset=utf-8",
            "mode": "INPUT",
            "data": "1,2",
            "encoding": "CSV",
        },
        "endpointOutput": {
            "observedContentType": "application/json",
            "mode": "OUTPUT",
            "data": '{"a": 3}',
            "encoding": "JSON",
        },
    }
    assert line["eventMetadata"].pop("eventId") in key
    assert line["eventMetadata"] == {"inferenceTime": "2023-11-14T22:13:20Z"}


def test_an_hour_has_a_folder_of_its_own(captures: Captures, files: Files) -> None:
    captures.take("endpoint", variant(), QUESTION, ANSWER)
    captures._clock.move(3600)
    captures.take("endpoint", variant(), QUESTION, ANSWER)
    captures.flush()
    assert [key.split("/")[-2] for key in files.put] == ["22", "23"]


@pytest.mark.parametrize(("side", "member"), [("input", "endpointInput"), ("output", "endpointOutput")])
def test_one_side_only(captures: Captures, files: Files, side: str, member: str) -> None:
    captures.take("endpoint", variant(**{"input": False, "output": False, side: True}), QUESTION, ANSWER)
    captures.flush()
    [[line]] = files.put.values()
    assert list(line["captureData"]) == [member]


def test_what_is_no_text_is_written_in_base64(captures: Captures, files: Files) -> None:
    captures.take("endpoint", variant(), Invocation(b"\xff", content_type="text/csv"), ANSWER)
    captures.flush()
    [[line]] = files.put.values()
    assert line["captureData"]["endpointInput"]["encoding"] == "BASE64"


def test_a_sample(captures: Captures, files: Files) -> None:
    for _ in range(2000):
        captures.take("endpoint", variant(25), QUESTION, ANSWER)
        captures.take("endpoint", variant(0), QUESTION, ANSWER)
    captures.flush()
    [lines] = files.put.values()
    assert 380 < len(lines) < 620  # five standard deviations and more


def test_much_is_written_at_once(captures: Captures, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "FLUSH_BYTES", 10)
    captures.take("endpoint", variant(), QUESTION, ANSWER)
    until(lambda: files.put)


def test_more_than_memory_holds_is_not_captured(
    captures: Captures, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "MOST_BYTES", 25)
    for _ in range(4):
        captures.take("endpoint", variant(), QUESTION, ANSWER)
    captures.flush()
    assert [len(lines) for lines in files.put.values()] == [2]


def test_a_full_disk_is_waited_for(captures: Captures, files: Files) -> None:
    files.problem = ServiceError("The disk is full.", status=503)
    captures.take("endpoint", variant(), QUESTION, ANSWER)
    captures.flush()
    files.problem = None
    captures.flush()
    assert len(files.put) == 1


def test_a_bucket_that_is_gone_is_not(captures: Captures, files: Files) -> None:
    files.problem = ServiceError("No such bucket.", code="NoSuchBucket", status=404)
    captures.take("endpoint", variant(), QUESTION, ANSWER)
    captures.flush()
    files.problem = None
    captures.flush()
    assert files.put == {}


def test_closing_writes_the_rest(captures: Captures, files: Files) -> None:
    captures.take("endpoint", variant(), QUESTION, ANSWER)
    captures.close()
    assert len(files.put) == 1
    captures.take("endpoint", variant(), QUESTION, ANSWER)
    captures.flush()
    assert len(files.put) == 1
