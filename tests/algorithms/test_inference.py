"""The frame of an endpoint's answers: what the Accept header asks for."""

import json

import pytest

from clary import algorithms
from clary.algorithms.base import Estimator
from clary.algorithms.inference import Responder


class Talkative(Estimator):
    """Says how wide the rows are, and if asked also what they hold."""

    def respond(self, batch):
        return {"width": [batch.width] * len(batch)}

    def respond_verbosely(self, batch):
        return {**self.respond(batch), "values": batch.features}


class Curt(Talkative):
    """Knows no more than it says anyway."""

    respond_verbosely = Estimator.respond_verbosely


def rows(model, accept, environment=()):
    responder = Responder(algorithms.load("kmeans"), model(), dict(environment))
    answer = responder.answer(b"1,2", "text/csv", accept)
    assert answer.content_type == "application/json"
    return json.loads(answer.body)["predictions"]


VERBOSE = {"width": 2, "values": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", {"width": 2}),
        ("application/json; verbose=true", VERBOSE),
        ("application/json;verbose=True", VERBOSE),
        ("image/png, application/json; verbose=true", VERBOSE),
        ("application/json; verbose=false", {"width": 2}),
    ],
)
def test_verbose_answers_are_asked_for_in_the_accept_header(accept, expected):
    assert rows(Talkative, accept) == [expected]
    assert rows(Curt, accept) == [{"width": 2}]


def test_verbose_answers_may_be_an_endpoints_default():
    environment = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/json; verbose=true"}
    assert rows(Talkative, "", environment) == [VERBOSE]
