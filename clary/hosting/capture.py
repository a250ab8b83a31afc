"""Data capture: a sample of what endpoints are asked and answer, put into S3 as JSON Lines in the background."""

import base64
import logging
import os
import random
import threading
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from clary.clock import Clock
from clary.errors import ServiceError
from clary.formats import parse_media_type
from clary.hosting.invocation import Answer, Invocation
from clary.hosting.spec import CaptureSpec, VariantSpec
from clary.jobs.follow import is_passing
from clary.jobs.host import Host

log = logging.getLogger("clary.hosting")

FLUSH_SECONDS = 10.0
FLUSH_BYTES = 4 << 20  # what waits is written sooner when there is more of it than this
MOST_BYTES = 64 << 20  # and what comes then is not captured


class Event(NamedTuple):
    """One request and its answer; None for the side that isn't captured."""

    spec: CaptureSpec
    endpoint: str
    variant: str
    time: float
    id: str
    question: Invocation
    answer: Answer | None
    size: int

    @property
    def folder(self) -> str:
        """The URI below which its file lies: one for every hour."""
        return f"{self.spec.uri.rstrip('/')}/{self.endpoint}/{self.variant}/{_utc(self.time):%Y/%m/%d/%H}"


class Captures:
    """What is captured of all endpoints; `take` costs a request next to nothing and never fails it."""

    def __init__(self, host: Host, clock: Clock, folder: Path) -> None:
        self._host = host
        self._clock = clock
        self._folder = folder
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._size = 0
        self._lost = 0
        self._writing = threading.Lock()
        self._due = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def take(self, endpoint: str, variant: VariantSpec, question: Invocation, answer: Answer) -> None:
        """Note a request that was answered, if the variant's share of them says so."""
        spec = variant.capture
        if spec is None or random.random() * 100 >= spec.percentage:
            return
        size = len(question.body) * spec.input + len(answer.body) * spec.output
        question = question if spec.input else question._replace(body=b"")
        said = answer if spec.output else None
        event = Event(spec, endpoint, variant.name, self._clock.now(), self._clock.uuid(), question, said, size)
        with self._lock:
            if self._closed or self._size + size > MOST_BYTES:
                self._lost += 1
                return
            self._events.append(event)
            self._size += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="capture", daemon=True)
                self._thread.start()
        if self._size >= FLUSH_BYTES:
            self.flush_soon()

    def flush_soon(self) -> None:
        """Let what has been taken be written now."""
        self._due.set()

    def flush(self) -> None:
        """Write what has been taken until now."""
        with self._writing:
            with self._lock:
                events, self._events, self._size = self._events, [], 0
                lost, self._lost = self._lost, 0
            if lost:
                log.error("%d requests were not captured: more came than could be written", lost)
            files: dict[str, list[Event]] = defaultdict(list)
            for event in events:
                files[event.folder].append(event)
            for folder, found in files.items():
                self._write(folder, found)

    def close(self) -> None:
        """Write the rest and take no more."""
        with self._lock:
            self._closed = True
        self._due.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _write_on(self) -> None:
        while not self._closed:
            self._due.wait(FLUSH_SECONDS)
            self._due.clear()
            self.flush()

    def _write(self, folder: str, events: list[Event]) -> None:
        bucket, _, prefix = folder.removeprefix("s3://").partition("/")
        began = _utc(events[0].time)
        key = f"{prefix}/{began:%M-%S}-{began.microsecond // 1000:03}-{events[0].id}.jsonl"
        path = self._folder / f"capture-{events[0].id}"
        try:
            with path.open("wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.writelines(msgspec.json.encode(_line(event)) + b"\n" for event in events)
            self._host.put_object(bucket, key, path)
        except (ServiceError, OSError) as problem:
            if is_passing(problem):
                self._keep(events)
            else:
                log.error("%d captured requests could not be put into s3://%s: %s", len(events), bucket, problem)
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _keep(self, events: list[Event]) -> None:
        """For another try: the disk is full."""
        with self._lock:
            self._events = events + self._events
            self._size += sum(event.size for event in events)


def _line(event: Event) -> dict[str, Any]:
    spec, question, answer = event.spec, event.question, event.answer
    data: dict[str, Any] = {}
    if spec.input:
        data["endpointInput"] = _side(spec, "INPUT", question.content_type, question.body)
    if answer is not None:
        data["endpointOutput"] = _side(spec, "OUTPUT", answer.content_type, answer.body)
    metadata: dict[str, Any] = {"eventId": event.id}
    if question.custom_attributes:
        metadata["customAttributes"] = [question.custom_attributes]
    if question.inference_id:
        metadata["inferenceId"] = question.inference_id
    metadata["inferenceTime"] = f"{_utc(event.time):%Y-%m-%dT%H:%M:%SZ}"
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}


def _side(spec: CaptureSpec, mode: str, content_type: str, body: bytes) -> dict[str, str]:
    encoding, data = "BASE64", ""
    media_type = parse_media_type(content_type).name
    if media_type in spec.csv_types:
        encoding = "CSV"
    elif media_type in spec.json_types:
        encoding = "JSON"
    try:
        data = body.decode() if encoding != "BASE64" else base64.b64encode(body).decode()
    except UnicodeDecodeError:  # it isn't what its content type says
        encoding, data = "BASE64", base64.b64encode(body).decode()
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


def _utc(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC)
