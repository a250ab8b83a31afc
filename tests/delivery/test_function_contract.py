"""The contract between a delivery stream and its function, with a function that answers what a test wants."""

import base64
import json

import pytest

from clary.clock import MovedClock
from clary.delivery.host import Answer
from clary.delivery.plan import Function, Place, Plan
from clary.delivery.records import Record
from clary.delivery.scope import Scope
from clary.delivery.transform import Transformer
from clary.errors import ServiceError

ARN = "arn:aws:lambda:us-east-1:000000000000:function:change"


class FakeHost:
    """A host whose function is a Python function of the event."""

    def __init__(self, function):
        self.function, self.events = function, []

    def count(self, scope, stream, values):
        assert stream == "hose"

    def invoke(self, scope, arn, payload):
        assert (scope.region, arn) == ("us-east-1", ARN)
        self.events.append(json.loads(payload))
        answer = self.function(self.events[-1])
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(json.dumps(answer).encode(), "")


def transform(function, data, told=None, **options):
    """What is delivered, what failed as (data, code, attempts), and the events; `told` gets what the log is told."""
    plan = Plan(
        id="id",
        name="hose",
        arn="arn:aws:firehose:us-east-1:000000000000:deliverystream/hose",
        scope=Scope("000000000000", "us-east-1"),
        version=1,
        place=Place(bucket="lake"),
        function=Function(arn=ARN, **options),
    )
    host, told = FakeHost(function), [] if told is None else told
    transformer = Transformer(plan, host, MovedClock(), lambda code, message: told.append((code, message)))
    records = [Record(item, 1000 + number) for number, item in enumerate(data)]
    outcomes = [*transformer.take(records), transformer.finish()]
    delivered = [record.data for found, _ in outcomes for record in found]
    failed = [(item.record.data, item.code, item.attempts) for _, failed in outcomes for item in failed]
    return delivered, failed, host.events


def each(change):
    """A function that answers for each record what `change` makes of it."""
    return lambda event: {"records": [change(record) for record in event["records"]]}


def ok(record, data=None):
    text = base64.b64decode(record["data"]).upper() if data is None else data
    return {"recordId": record["recordId"], "result": "Ok", "data": base64.b64encode(text).decode()}


def test_records_come_back_as_the_function_made_them_in_their_order():
    answer = lambda event: {"records": [ok(record) for record in reversed(event["records"])]}  # noqa: E731
    delivered, failed, [event] = transform(answer, [b"a", b"b"])
    assert (delivered, failed) == ([b"A", b"B"], [])
    assert event["deliveryStreamArn"].endswith("deliverystream/hose")
    assert event["region"] == "us-east-1"
    assert event["invocationId"]
    assert [(row["approximateArrivalTimestamp"], row["data"]) for row in event["records"]] == [
        (1000, "YQ=="),
        (1001, "Yg=="),
    ]


def test_records_are_dropped_and_failed():
    results = iter(["Dropped", "ProcessingFailed", "Ok"])
    changing, told = each(lambda record: {**ok(record), "result": next(results)}), []
    delivered, failed, _ = transform(changing, [b"a", b"b", b"c"], told)
    assert told == []  # the function knows
    assert delivered == [b"C"]
    assert failed == [(b"b", "Lambda.FunctionError", 1)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda row: None, "Lambda.MissingRecordId"),
        (lambda row: {**row, "recordId": "unknown"}, "Lambda.MissingRecordId"),
        (lambda row: {**row, "result": "Fine"}, "Lambda.JsonProcessingException"),
        (lambda row: {"recordId": row["recordId"], "data": row["data"]}, "Lambda.JsonProcessingException"),
        (lambda row: {**row, "data": "not base64!"}, "Lambda.JsonProcessingException"),
        (lambda row: {"recordId": row["recordId"], "result": "Ok"}, "Lambda.JsonProcessingException"),
        (lambda row: {**row, "metadata": {"partitionKeys": [1]}}, "Lambda.JsonProcessingException"),
    ],
)
def test_a_record_that_is_answered_wrongly_fails_alone(change, code):
    def answer(event):
        first, *others = [ok(record) for record in event["records"]]
        changed = change(first)
        return {"records": [*others, *([changed] if changed else [])]}

    told = []
    delivered, failed, _ = transform(answer, [b"a", b"b"], told)
    assert delivered == [b"B"]
    assert failed == [(b"a", code, 1)]
    assert [code for code, _ in told] == [code]


def test_a_record_that_is_answered_twice_fails():
    double = lambda event: {"records": [ok(event["records"][0])] * 2 + [ok(event["records"][1])]}  # noqa: E731
    delivered, failed, _ = transform(double, [b"a", b"b"])
    assert (delivered, failed) == ([b"B"], [(b"a", "Lambda.DuplicatedRecordId", 1)])


@pytest.mark.parametrize(
    "payload", [b"nonsense", b"null", b"[]", b'{"records": 1}', b"{}", b'"\xff"', pytest.param(b"[" * 5000, id="deep")]
)
def test_an_answer_of_another_form_fails_all(payload):
    delivered, failed, _ = transform(lambda event: Answer(payload, ""), [b"a", b"b"])
    assert delivered == []
    assert failed == [(b"a", "Lambda.JsonProcessingException", 1), (b"b", "Lambda.JsonProcessingException", 1)]


def test_a_function_that_raises_is_tried_again():
    raises = Answer(b'{"errorMessage": "boom", "errorType": "ValueError"}', "Unhandled")
    delivered, failed, events = transform(lambda event: raises, [b"a"], retries=2)
    assert (delivered, failed, len(events)) == ([], [(b"a", "Lambda.FunctionError", 3)], 3)
    answers = iter([ServiceError("slow down", code="TooManyRequestsException", status=429), None])
    delivered, failed, events = transform(lambda event: next(answers) or each(ok)(event), [b"a"])
    assert (delivered, failed, len(events)) == ([b"A"], [], 2)


def test_an_invocation_has_no_more_than_its_buffer_and_its_payload():
    _, _, events = transform(each(ok), [bytes(400)] * 10, size=1000)
    assert [len(event["records"]) for event in events] == [3, 3, 3, 1]
    data = [bytes(1_000_000)] * 9
    delivered, failed, events = transform(each(lambda record: ok(record, b"x")), data, size=10**9)
    assert (len(delivered), failed) == (9, [])
    assert [len(event["records"]) for event in events] == [4, 4, 1]
