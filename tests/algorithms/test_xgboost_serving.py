"""An XGBoost endpoint's answers, in the container's forms."""

import json
import math

import numpy as np
import pytest
import xgboost
from algorithm_jobs import as_csv

from clary.algorithms import load
from clary.algorithms.inference import Refusal
from clary.algorithms.xgboost import XGBoost
from clary.algorithms.xgboost_row import RowPredictor
from clary.algorithms.xgboost_serving import XGBoostResponder
from clary.formats.records import encode_rows

RANDOM = np.random.default_rng(5)
FEATURES = RANDOM.normal(size=(120, 4)).astype(np.float32)
VALUES = FEATURES @ np.array([2, -1, 0.5, 1], np.float32)
LABELS = {"binary": VALUES > 0, "multi": np.digitize(VALUES, [-1, 1])}
ROWS = FEATURES[:3]


def model_of(objective, **settings):
    kind = objective.partition(":")[0]
    classes = {"num_class": 3} if kind == "multi" else {}
    model = XGBoost(**{"num_round": 5, "nthread": 1, "objective": objective, **classes, **settings})
    return model.fit(FEATURES, np.asarray(LABELS.get(kind, abs(VALUES)), np.float32))


def responder(objective="binary:logistic", *, settings=(), **environment):
    return XGBoostResponder(load("xgboost"), model_of(objective, **dict(settings)), environment)


def ask(endpoint, accept="", rows=ROWS, content_type="text/csv"):
    return endpoint.answer(as_csv(rows).encode() if isinstance(rows, np.ndarray) else rows, content_type, accept)


def refusal(endpoint, **request):
    with pytest.raises(Refusal) as refused:
        ask(endpoint, **request)
    return refused.value.answer.status, refused.value.answer.body.decode()


# Without a selection


def test_csv_is_a_score_a_line():
    endpoint = responder()
    answer = ask(endpoint)
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.body.decode() == "".join(f"{score!r}\n" for score in endpoint.model.predict(ROWS).tolist())


def test_csv_of_several_classes_has_commas():
    endpoint = responder("multi:softprob")
    assert ask(endpoint).body.decode() == as_csv(endpoint.model.predict(ROWS))


def test_json_json_lines_and_recordio():
    endpoint = responder()
    scores = endpoint.model.predict(ROWS)
    listed = [{"score": score} for score in scores.tolist()]
    assert json.loads(ask(endpoint, "application/json").body) == {"predictions": listed}
    assert [json.loads(line) for line in ask(endpoint, "application/jsonlines").body.splitlines()] == listed
    assert ask(endpoint, "application/x-recordio-protobuf").body == encode_rows({}, {"score": scores})


def test_the_environment_chooses_the_default_type():
    endpoint = responder(SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="application/json")
    assert ask(endpoint, rows=ROWS[:1]).content_type == "application/json"
    assert ask(endpoint, "text/csv").content_type == "text/csv; charset=utf-8"


def test_batch_transform_gets_a_list_a_line_for_several_classes():
    endpoint = responder("multi:softprob", SAGEMAKER_BATCH="true")
    expected = "".join(f"{row}\n" for row in endpoint.model.predict(ROWS).tolist())
    assert ask(endpoint).body.decode() == expected


@pytest.mark.parametrize("objective", ["binary:logistic", "multi:softprob", "multi:softmax", "reg:squarederror"])
@pytest.mark.parametrize("booster", ["gbtree", "dart", "gblinear"])
def test_one_row_answers_as_several_do(objective, booster):
    endpoint = responder(objective, settings={"booster": booster})
    together = ask(endpoint, rows=FEATURES).body.splitlines(keepends=True)
    assert [ask(endpoint, rows=FEATURES[at : at + 1]).body for at in range(len(FEATURES))] == together


def test_an_empty_cell_is_missing_and_the_trees_know_where_to_go():
    endpoint = responder()
    rows = ROWS[:1].copy()
    rows[0, 2] = np.nan
    for missing in (b"", b"nan", b"NaN"):
        cells = as_csv(ROWS[:1]).strip().encode().split(b",")
        cells[2] = missing
        body = ask(endpoint, rows=b",".join(cells)).body
        assert float(body) == endpoint.model.predict(rows)[0]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_other_than_commas_are_found(separator):
    endpoint = responder()
    assert ask(endpoint, rows=as_csv(ROWS).replace(",", separator).encode()).body == ask(endpoint).body


def test_several_models_are_averaged_unless_told_otherwise():
    model = model_of("binary:logistic", _kfold=3)
    single = [booster.predict(xgboost.DMatrix(ROWS)) for booster in model.boosters]
    body = ask(XGBoostResponder(load("xgboost"), model, {})).body
    np.testing.assert_allclose([float(line) for line in body.split()], np.mean(single, axis=0), rtol=1e-6)
    body = ask(XGBoostResponder(load("xgboost"), model, {"SAGEMAKER_INFERENCE_ENSEMBLE": "false"})).body
    np.testing.assert_allclose([float(line) for line in body.split()], single[0], rtol=1e-6)


# Requests that can't be answered


def test_an_empty_request_has_an_empty_answer():
    assert ask(responder(), rows=b"") == (204, b"", "text/plain")


@pytest.mark.parametrize(
    ("request_", "status", "start"),
    [
        ({"rows": b"1,2"}, 400, "Unable to evaluate payload provided: Feature size of inference data 2 is not consist"),
        ({"rows": b"1,2,3,x"}, 415, "Loading csv data failed with Exception, please ensure data is in csv format: "),
        ({"rows": b"1,2,3,inf"}, 415, "Loading csv data failed with Exception"),
        ({"rows": b"1,2,3,1_0"}, 415, "Loading csv data failed with Exception"),
        ({"rows": b"1:x", "content_type": "text/libsvm"}, 415, "Loading libsvm data failed with Exception"),
        ({"rows": b"abc", "content_type": "application/x-recordio-protobuf"}, 415, "Loading recordio-protobuf data f"),
        ({"rows": b"0 9:1", "content_type": "text/libsvm"}, 400, "Unable to evaluate payload provided: Feature size o"),
        ({"content_type": "image/png"}, 415, "image/png is not an accepted ContentType: text/csv, text/libsvm, "),
        ({"content_type": "application/x-parquet"}, 415, "application/x-parquet is not an accepted ContentType"),
        ({"accept": "image/png"}, 406, "Accept type image/png is not supported. Please use supported accept types: ["),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_refusals_carry_the_containers_status_and_words(request_, status, start):
    found, words = refusal(responder(), **request_)
    assert found == status
    assert words.startswith(start)


# Selectable inference


@pytest.mark.parametrize(
    ("objective", "key", "expected"),
    [
        ("binary:logistic", "predicted_label", lambda scores: [int(score > 0.5) for score in scores]),
        ("binary:logistic", "probability", lambda scores: scores),
        ("binary:logistic", "probabilities", lambda scores: [[1 - score, score] for score in scores]),
        ("binary:logistic", "raw_score", lambda scores: scores),
        ("binary:logistic", "labels", lambda scores: [[0, 1]] * len(scores)),
        ("binary:logitraw", "predicted_label", lambda scores: [int(score > 0) for score in scores]),
        ("binary:hinge", "predicted_label", lambda scores: scores),
        ("binary:hinge", "raw_scores", lambda scores: [[1 - score, score] for score in scores]),
        ("multi:softmax", "predicted_label", lambda scores: scores),
        ("multi:softmax", "labels", lambda scores: [[0, 1, 2]] * len(scores)),
        ("multi:softprob", "predicted_label", lambda scores: [int(np.argmax(row)) for row in scores]),
        ("multi:softprob", "probability", lambda scores: [max(row) for row in scores]),
        ("multi:softprob", "probabilities", lambda scores: scores),
        ("multi:softprob", "raw_scores", lambda scores: scores),
        ("reg:squarederror", "predicted_score", lambda scores: scores),
    ],
)
def test_each_objective_tells_what_it_can(objective, key, expected):
    endpoint = responder(objective, SAGEMAKER_INFERENCE_OUTPUT=key)
    rows = json.loads(ask(endpoint, "application/json").body)["predictions"]
    assert rows == [{key: value} for value in expected(endpoint.model.predict(ROWS).tolist())]


def test_a_selected_csv_row_quotes_lists_and_keeps_the_order():
    endpoint = responder(SAGEMAKER_INFERENCE_OUTPUT="probabilities, predicted_label")
    score = endpoint.model.predict(ROWS[:1]).tolist()[0]
    assert ask(endpoint, rows=ROWS[:1]).body.decode() == f'"{[1 - score, score]}",{int(score > 0.5)}'


def test_what_an_objective_cannot_tell_is_nan_and_logged(caplog):
    caplog.set_level("WARNING", "clary.algorithms")
    endpoint = responder("reg:squarederror", SAGEMAKER_INFERENCE_OUTPUT="predicted_score,probability")
    body = ask(endpoint, rows=ROWS[:1]).body.decode()
    assert math.isnan(float(body.split(",")[1]))
    assert "['probability'] incompatible for objective 'reg:squarederror'" in caplog.text


def test_an_objective_without_a_selection_is_an_error():
    status, words = refusal(responder("count:poisson", SAGEMAKER_INFERENCE_OUTPUT="predicted_score"))
    assert status == 500
    assert words == "Objective `count:poisson` unsupported for selectable inference predictions."


# The quick way for one row


@pytest.mark.parametrize("objective", ["binary:logistic", "multi:softprob", "reg:squarederror"])
def test_the_quick_way_gives_xgboosts_own_numbers(objective):
    booster = model_of(objective).boosters[0]
    row = RowPredictor(booster)
    expected = booster.inplace_predict(FEATURES).reshape(len(FEATURES), -1).tolist()
    assert [row.predict(cells) for cells in FEATURES.tolist()] == expected


@pytest.mark.parametrize("cells", [[1.0, 2, 3], [1.0, 2, 3, 4, 5], [1.0, 2, 3, math.nan], [1.0, 2, 3, math.inf]])
def test_the_quick_way_leaves_other_rows_to_the_careful_one(cells):
    assert RowPredictor(model_of("binary:logistic").boosters[0]).predict(cells) is None
