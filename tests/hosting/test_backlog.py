"""The queue of an asynchronous endpoint, with real workers: order, concurrency, failures, expiry, updates, deletion."""

import json
import time
from collections.abc import Callable

import pytest

from clary.errors import ServiceError
from clary.hosting import Hosting, Invocation, InvocationRefused, backlog
from clary.hosting.queued import Payload, QueuedRequest, Ticket
from tests.hosting.conftest import ID, House, endpoint, until, variant


class Requests:
    """Keeps requests and objects in dicts."""

    def __init__(self, hosting: Hosting) -> None:
        self.hosting = hosting
        self.waiting: dict[str, QueuedRequest] = {}
        self.objects: dict[str, Payload] = {}
        self.written: list[str] = []
        self.problem: ServiceError | None = None

    def load(self, name: str) -> QueuedRequest | None:
        return self.waiting.get(name)

    def forget(self, name: str) -> None:
        self.waiting.pop(name, None)

    def read(self, uri: str) -> Payload:
        if uri not in self.objects:
            raise ServiceError("The specified key does not exist.", code="NoSuchKey", status=404)
        return self.objects[uri]

    def write(self, uri: str, payload: Payload) -> None:
        if self.problem:
            raise self.problem
        self.objects[uri] = payload
        self.written.append(uri)

    def ticket(self, name: str, body: str = "", source: str = "", ttl: float = 3600.0, seconds: float = 60.0) -> Ticket:
        invocation = Invocation(body.encode(), inference_id=f"id-{name}", seconds=seconds)
        self.waiting[name] = QueuedRequest(f"id-{name}", invocation, source, f"{name}.out", f"{name}-error")
        return Ticket(name, time.time(), time.time() + ttl)

    def ask(self, name: str, body: str = "", **fields) -> None:
        self.hosting.enqueue(ID, self.ticket(name, body, **fields))

    def wait(self, seconds: float = 20) -> None:
        until(lambda: not self.waiting, seconds)

    def failure(self, name: str) -> dict:
        return json.loads(self.objects[f"{name}-error"].body)


@pytest.fixture
def requests(hosting: Hosting) -> Requests:
    return Requests(hosting)


@pytest.fixture
def serving(hosting: Hosting, house: House, requests: Requests) -> Callable[..., None]:
    def serve(concurrent: int = 1, **fields) -> None:
        spec = endpoint(variant(concurrent=concurrent, **fields))
        hosting.create(spec)
        hosting.attend(spec, requests)
        house.wait_for_states(1)

    return serve


def test_answers_come_in_the_order_of_the_queue(serving: Callable[..., None], requests: Requests, house: House) -> None:
    serving()
    for number in range(20):
        requests.ask(f"r{number:02}", f"q{number}")
    requests.wait()
    assert requests.written == [f"r{number:02}.out" for number in range(20)]
    assert requests.objects["r07.out"] == Payload(b"(q7)", "text/x-tiny")
    until(lambda: "[id-r07] Inference request succeeded. ModelLatency: " in house.log())
    [stream] = [stream for stream in house.lines if stream.endswith("/data-log")]
    assert stream.startswith("/aws/sagemaker/Endpoints/tiny AllTraffic/i-")


def test_a_payload_in_s3(serving: Callable[..., None], requests: Requests) -> None:
    serving()
    requests.objects["in"] = Payload(b"headers", "text/csv")
    requests.ask("a", source="in")
    requests.wait()
    said = requests.objects["a.out"].body.decode()
    assert "('Content-Type', 'text/csv')" in said
    assert "('x-amzn-sagemaker-inference-id', 'id-a')" in said


def test_each_instance_takes_so_many_at_once(serving: Callable[..., None], requests: Requests) -> None:
    serving(concurrent=2, instance_count=2)
    began = time.monotonic()
    for number in range(8):
        requests.ask(f"r{number}", "sleep 0.3")
    [served] = requests.hosting._endpoints[ID]._traffic.fleets[0].variants.values()
    until(lambda: [instance.in_flight for instance in served.instances] == [2, 2])
    requests.wait()
    assert time.monotonic() - began >= 0.6  # at most four at once


def test_failures_say_why(serving: Callable[..., None], requests: Requests, house: House) -> None:
    serving(concurrent=4)
    requests.ask("a", "refuse 400")
    requests.ask("b", "sleep 5", seconds=0.1)
    requests.ask("c", source="nowhere")
    requests.wait()
    requests.ask("d", "crash")
    requests.wait()
    assert requests.failure("a") == {
        "InferenceId": "id-a",
        "FailureReason": 'Received client error (400) from primary with message "not with me".',
        "OriginalStatusCode": 400,
        "OriginalMessage": "not with me",
    }
    assert requests.failure("b")["FailureReason"].startswith("Your invocation timed out while waiting for a response")
    assert requests.failure("c")["FailureReason"] == (
        "The request could not be downloaded from nowhere: NoSuchKey: The specified key does not exist."
    )
    assert requests.failure("d")["FailureReason"].startswith("Amazon SageMaker could not get a response from the tiny")
    assert not [name for name in requests.objects if name.endswith(".out")]
    requests.ask("e", "well")  # once the worker is up again
    requests.wait()
    assert requests.objects["e.out"].body == b"(well)"


def test_a_request_expires_whether_or_not_there_is_an_instance(
    serving: Callable[..., None], requests: Requests
) -> None:
    serving()
    requests.ask("long", "sleep 1")
    requests.ask("late", "no", ttl=0.2)
    requests.ask("last", "yes")
    until(lambda: "late-error" in requests.objects)
    assert "long.out" not in requests.objects
    assert "longer than its RequestTTLSeconds" in requests.failure("late")["FailureReason"]
    requests.wait()
    assert requests.objects["last.out"].body == b"(yes)"


def test_trouble_that_passes_is_waited_for(
    serving: Callable[..., None], requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "_RETRY_SECONDS", 0.05)
    serving()
    requests.problem = ServiceError("The disk is full.", status=507)
    requests.ask("a", "x")
    until(lambda: requests.hosting.backlog_size(ID))
    requests.problem = None
    requests.wait()
    assert requests.written == ["a.out"]


def test_a_place_that_is_gone_ends_the_request(serving: Callable[..., None], requests: Requests, house: House) -> None:
    serving()
    requests.problem = ServiceError("The specified bucket does not exist.", code="NoSuchBucket", status=404)
    requests.ask("a", "x")
    requests.wait()
    until(lambda: "could not be uploaded to a.out: NoSuchBucket" in house.log())


def test_an_update_meanwhile_loses_nothing(serving: Callable[..., None], requests: Requests, house: House) -> None:
    serving(concurrent=2)
    for number in range(30):
        requests.ask(f"r{number:02}", "sleep 0.05")
    requests.hosting.update(endpoint(variant(concurrent=1, instance_count=2)))
    house.wait_for_states(2)
    requests.wait()
    assert sorted(requests.written) == [f"r{number:02}.out" for number in range(30)]


def test_requests_wait_for_an_instance(serving: Callable[..., None], requests: Requests, house: House) -> None:
    serving()
    requests.hosting.resize(endpoint(variant(concurrent=1, instance_count=0)))
    house.wait_for_states(2)
    requests.ask("a", "x")
    requests.ask("late", "y", ttl=0.1)
    until(lambda: "late-error" in requests.objects)
    until(lambda: requests.hosting.backlog_size(ID) == 1)  # a moment after its error is there
    readings = requests.hosting._measurements.readings
    readings._looked -= 60
    readings.flush()
    found = {datum.name: datum.summary.sum for datum in house.metrics if datum.summary}
    assert (found["HasBacklogWithoutCapacity"], found["ApproximateBacklogSizePerInstance"]) == (1, 1)
    requests.hosting.resize(endpoint(variant(concurrent=1, instance_count=1)))
    requests.wait()
    assert requests.objects["a.out"].body == b"(x)"


def test_deleting_ends_what_is_under_way(serving: Callable[..., None], requests: Requests) -> None:
    serving()
    for number in range(3):
        requests.ask(f"r{number}", "sleep 0.3")
    until(lambda: requests.hosting.backlog_size(ID) == 3)
    requests.hosting.delete(ID)
    assert requests.hosting.backlog_size(ID) == 0
    requests.hosting.close()
    assert (len(requests.waiting), requests.objects) == (3, {})  # dropping them is the keeper's business


def test_closing_leaves_what_is_not_done(serving: Callable[..., None], requests: Requests) -> None:
    serving(concurrent=2)
    requests.ask("fast", "x")
    until(lambda: "fast.out" in requests.objects)
    for number in range(3):
        requests.ask(f"r{number}", "sleep 5")
    until(lambda: requests.hosting.backlog_size(ID) == 3)
    requests.hosting.close()
    assert sorted(requests.waiting) == ["r0", "r1", "r2"]  # none of them has failed
    assert list(requests.objects) == ["fast.out"]


def test_what_a_former_server_left_comes_first(hosting: Hosting, house: House, requests: Requests) -> None:
    spec = endpoint(variant(concurrent=1))
    hosting.recover([spec])
    hosting.attend(spec, requests, [requests.ticket("old", "a"), requests.ticket("older", "b")])
    requests.ask("new", "c")
    requests.wait()
    assert requests.written == ["old.out", "older.out", "new.out"]


def test_it_takes_no_other_invocations(serving: Callable[..., None], ask: Callable[..., None]) -> None:
    serving()
    with pytest.raises(InvocationRefused, match="Endpoint tiny is asynchronous"):
        ask("x")


def test_metrics(serving: Callable[..., None], requests: Requests, house: House, hosting: Hosting) -> None:
    serving()
    requests.ask("a", "x")
    requests.ask("b", "refuse 500")
    requests.wait()

    def of(name: str) -> list[float]:
        return [value for datum in house.metrics if datum.name == name for value, _ in datum.summary.samples]

    until(lambda: of("InvocationFailures") and "Received server error (500)" in house.log())
    hosting._measurements.flush()
    assert sorted(of("InvocationFailures")) == sorted(of("Invocation5XXErrors")) == [0, 1]
    assert of("Invocation4XXErrors") == [0]
    names = {datum.name for datum in house.metrics}
    assert names >= {"TimeInBacklog", "TotalProcessingTime", "ModelLatency", "ResponseUploadLatency"}
    assert not names & {"Invocations", "InvocationsPerInstance", "OverheadLatency"}


def test_gauges(serving: Callable[..., None], requests: Requests, house: House, hosting: Hosting) -> None:
    serving(instance_count=2)
    for number in range(6):
        requests.ask(f"r{number}", "sleep 0.5")
    until(lambda: hosting.backlog_size(ID) == 6)
    readings = hosting._measurements.readings
    readings._looked -= 60
    readings.flush()
    found = {datum.name: datum for datum in house.metrics}
    assert found["ApproximateBacklogSize"].summary.sum == 6
    assert found["ApproximateBacklogSizePerInstance"].summary.sum == 3
    assert 0 <= found["ApproximateAgeOfOldestRequest"].summary.sum < 10
    assert found["HasBacklogWithoutCapacity"].summary.sum == 0
    assert found["ApproximateBacklogSize"].dimensions == {"EndpointName": "tiny"}
