"""Factorization Machines against sums and steps worked out by hand or by their definition, and against scikit-learn."""

import json
import logging
import re
import threading
import tracemalloc
import zipfile
from itertools import combinations

import numba
import numpy as np
import pytest
import scipy.sparse
from algorithm_jobs import job_in
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clary import algorithms
from clary.algorithms import factorization_machines as module
from clary.algorithms import factorization_machines_kernels as kernels
from clary.algorithms import factorization_machines_training
from clary.algorithms.base import ArrayBatches, Run, Stopped
from clary.algorithms.factorization_machines import FactorizationMachines
from clary.algorithms.factorization_machines_artifact import symbol
from clary.algorithms.inference import Responder
from clary.errors import ClientError
from clary.formats import Batch, Sparse, mxnet, recordio

REGRESSOR, BINARY = "regressor", "binary_classifier"
PLAIN = {"bias_wd": 0, "linear_wd": 0, "factors_wd": 0}


def constant(bias=0.0, linear=0.0, factors=0.0):
    """Settings with which every weight begins as said."""
    parts = {"bias": bias, "linear": linear, "factors": factors}
    return {f"{part}_init_method": "constant" for part in parts} | {
        f"{part}_init_value": value for part, value in parts.items()
    }


def machine(bias, linear, factors, predictor_type=REGRESSOR):
    """A model of given weights."""
    model = FactorizationMachines(predictor_type=predictor_type)
    model._take(bias, np.column_stack([linear, factors]).astype(np.float32), predictor_type)
    return model


def define(model, x):
    """The score by its definition: every pair of columns on its own, in float64."""
    x, linear, factors = x.astype(float), model.linear_.astype(float), model.factors_.astype(float)
    pairs = sum((factors[i] @ factors[j]) * x[:, i] * x[:, j] for i, j in combinations(range(x.shape[1]), 2))
    return model.bias_ + x @ linear + pairs


def sparse_rows(count=400, width=30, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, width)) * (rng.random((count, width)) < 0.2)).astype(np.float32)


def rated(count=20000, users=60, items=40, factors=3, noise=0.1, seed=0):
    """One-hot users and items and ratings from a known machine: the rows, the ratings, and these without noise."""
    rng = np.random.default_rng(seed)
    width = users + items
    truth = machine(3.0, rng.normal(0, 0.3, width), rng.normal(0, 0.6, (width, factors)))
    columns = np.column_stack([rng.integers(0, users, count), users + rng.integers(0, items, count)])
    rows = Sparse(np.arange(0, 2 * count + 1, 2), columns.reshape(-1), np.ones(2 * count, np.float32), width)
    clean = truth.predict(rows)
    return rows, (clean + rng.normal(0, noise, count)).astype(np.float32), clean


class Channel:
    """Re-iterable batches; `stops`: raise Stopped at the end of an epoch, as the frame's do."""

    def __init__(self, *batches, stops=False):
        self.batches, self.stops = batches, stops

    def __iter__(self):
        yield from self.batches
        if self.stops:
            raise Stopped


def test_a_score_by_hand():
    """.5 + (1 - 2) + <(1, 0), (3, 1)> * 1 * 2 = 5.5; the third column isn't in the row."""
    model = machine(0.5, [1, -1, 4], [[1, 0], [3, 1], [9, 9]])
    assert model.predict([[1, 2, 0]]).tolist() == [5.5]


@pytest.mark.parametrize("factors", [1, 2, 7, 8, 16, 33])
def test_scores_are_the_sum_over_all_pairs(factors):
    rng = np.random.default_rng(factors)
    model, x = machine(0.3, rng.normal(size=30), rng.normal(size=(30, factors))), sparse_rows()
    assert model.predict(x) == pytest.approx(define(model, x), rel=1e-4, abs=1e-4)
    assert np.array_equal(model.predict(scipy.sparse.csr_matrix(x)), model.predict(x))


def test_the_first_step_by_hand():
    """Adam's first step is the learning rate, against the gradient's sign; the column without entry stays."""
    settings = {"bias_lr": 0.1, "linear_lr": 0.01, "factors_lr": 0.001, **PLAIN, **constant(0, 0, 1)}
    model = FactorizationMachines(num_factors=2, predictor_type=REGRESSOR, **settings).fit([[2, 0, 1]], [9])
    assert model.bias_ == pytest.approx(0.1)  # the score was <(1, 1), (1, 1)> * 2 * 1 = 4: too low, all go up
    assert model.linear_ == pytest.approx([0.01, 0, 0.01])
    assert model.factors_ == pytest.approx(np.array([[1.001, 1.001], [1, 1], [1.001, 1.001]]))


def steps_by_definition(x, y, model, settings, logistic):
    """Lazy Adam in float64, a weight at a time: the bias, then the linear terms and factors, (d, 1 + k)."""
    bias, table = model.bias_, model.weights_.astype(float)
    moments, bias_moments = np.zeros((2, *table.shape)), np.zeros(2)
    size, rates = settings["mini_batch_size"], [settings[f"{part}_lr"] for part in module.PARTS]
    decays = [settings[f"{part}_wd"] for part in module.PARTS]

    def move(weight, mean, square, gradient, rate, decay, step):
        gradient = np.clip(gradient + decay * weight, -settings["clip_gradient"], settings["clip_gradient"])
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        rate *= np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        return weight - rate * mean / (np.sqrt(square) + settings["eps"]), mean, square

    for step, start in enumerate(range(0, len(x), size), 1):
        rows, labels = x[start : start + size].astype(float), y[start : start + size]
        scores = define(machine(bias, table[:, 0], table[:, 1:]), rows)
        errors = (1 / (1 + np.exp(-scores)) if logistic else scores) - labels
        sums, scale = rows @ table[:, 1:], settings["rescale_grad"]
        gradients = np.zeros(table.shape)
        gradients[:, 0] = scale * errors @ rows
        gradients[:, 1:] = scale * ((errors[:, None] * rows).T @ sums - (errors @ rows**2)[:, None] * table[:, 1:])
        bias, *bias_moments = move(bias, *bias_moments, scale * errors.sum(), rates[0], decays[0], step)
        for column, lane in zip(*np.nonzero((rows != 0).any(axis=0)[:, None] & (gradients == gradients)), strict=True):
            at = (column, lane)
            part = 1 + (lane > 0)
            table[at], moments[0][at], moments[1][at] = move(
                table[at], moments[0][at], moments[1][at], gradients[at], rates[part], decays[part], step
            )
    return bias, table


@pytest.mark.parametrize("predictor_type", [REGRESSOR, BINARY])
def test_steps_are_lazy_adams(predictor_type):
    """Every setting of the optimiser at once, over 25 mini-batches, the last one short."""
    x = sparse_rows(490)
    y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(np.float32)
    settings = {"mini_batch_size": 20, "clip_gradient": 0.05, "rescale_grad": 0.02, "eps": 0.003, "factors_lr": 0.02}
    settings |= {"bias_lr": 0.1, "linear_lr": 0.03, "bias_wd": 0.1, "linear_wd": 0.05, "factors_wd": 0.02}
    settings |= {"factors_init_sigma": 0.3, "predictor_type": predictor_type, "num_factors": 5}
    frozen = {**settings, "bias_lr": 0, "linear_lr": 0, "factors_lr": 0}
    begin = FactorizationMachines(**frozen).fit(x, y)
    model = FactorizationMachines(**settings).fit(x, y)
    bias, table = steps_by_definition(x, y, begin, settings, predictor_type == BINARY)
    assert model.bias_ == pytest.approx(bias, rel=1e-3)
    assert model.weights_ == pytest.approx(table, abs=2e-4)
    assert abs(model.weights_ - begin.weights_).max() > 0.1


def test_without_factors_it_is_ridge_and_logistic_regression():
    """One mini-batch of everything: mean error and wd |w|^2 / 2 have the optimum of alpha = n wd, 1 / C = n wd."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 5)).astype(np.float32)
    y = (x @ [1, -2, 0.5, 0, 3] + 0.7 + rng.normal(size=300)).astype(np.float32)
    settings = {"num_factors": 1, **constant(), "bias_wd": 0, "linear_wd": 0.1, "linear_lr": 0.02, "bias_lr": 0.02}
    settings |= {"epochs": 1500, "mini_batch_size": 300}
    model, ridge = FactorizationMachines(predictor_type=REGRESSOR, **settings).fit(x, y), Ridge(alpha=30).fit(x, y)
    assert model.linear_ == pytest.approx(ridge.coef_, abs=1e-3)
    assert model.bias_ == pytest.approx(ridge.intercept_, abs=1e-3)
    model, logistic = FactorizationMachines(predictor_type=BINARY, **settings), LogisticRegression(C=1 / 30)
    model.fit(x, y > 0)
    assert model.linear_ == pytest.approx(logistic.fit(x, y > 0).coef_[0], abs=1e-3)
    assert model.predict_proba(x) == pytest.approx(logistic.predict_proba(x), abs=1e-3)
    assert np.array_equal(model.predict(x), logistic.predict(x))


def test_a_known_machine_is_found():
    """Ratings with noise .1: on rows it hasn't seen the model misses the clean ratings by a third of that at most."""
    rows, ratings, clean = rated()
    settings = {"num_factors": 3, "epochs": 40, "bias_lr": 0.05, "linear_lr": 0.02, "factors_lr": 0.02}
    settings |= {"factors_init_sigma": 0.1, "mini_batch_size": 500, **PLAIN}
    model = FactorizationMachines(predictor_type=REGRESSOR, **settings)
    model.fit(rows.slice(0, 16000), ratings[:16000])
    missed = model.predict(rows.slice(16000, 20000)) - clean[16000:]
    assert np.sqrt((missed**2).mean()) < 0.1 / 3
    assert clean[16000:].std() > 0.7


def test_runs_are_repeatable_on_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(factorization_machines_training, "WORTH_A_THREAD", 1)
    rows, ratings, _ = rated(3000)
    threads, found = numba.get_num_threads(), []
    try:
        for count in sorted({1, threads}):
            numba.set_num_threads(count)
            found += [fit_quickly(rows, ratings).weights_ for _ in range(2)]
    finally:
        numba.set_num_threads(threads)
    assert all(np.array_equal(found[0], weights) for weights in found)
    assert not np.array_equal(found[0], fit_quickly(rows, ratings, seed=1).weights_)


def fit_quickly(rows, ratings, **settings):
    given = {"predictor_type": REGRESSOR, "num_factors": 4, "mini_batch_size": 100, "epochs": 2, **settings}
    return FactorizationMachines(**given).fit(rows, ratings)


def test_batches_as_they_come_make_no_difference():
    """Mini-batches are cut from the rows, not from the blocks that a file is read in."""
    x = sparse_rows()
    y = x[:, 0] * x[:, 1]
    parts = Channel(Batch(x[:130], y[:130]), Batch(x[130:131], y[130:131]), Batch(x[131:], y[131:]))
    whole, pieces = fit_quickly(x, y), fit_quickly(parts, None, feature_dim=30)
    assert np.array_equal(whole.weights_, pieces.weights_)
    assert np.array_equal(whole.weights_, fit_quickly(scipy.sparse.csr_matrix(x), y).weights_)


def test_a_sparse_row_is_never_dense():
    """2,000 rows of 300,000 columns would be 2.4 GB; the weights are 11 MB, the entries less than one."""
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 300_000, 20_000)
    rows = Sparse(np.arange(0, 20_001, 10), columns, np.ones(20_000, np.float32), 300_000)
    ratings = rng.normal(size=2000).astype(np.float32)
    fit_quickly(rows, ratings, num_factors=2)
    tracemalloc.start()
    try:
        model = fit_quickly(rows, ratings, num_factors=2)
        model.predict(rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40e6


@pytest.mark.parametrize(
    ("part", "take"),
    [("bias", lambda m: np.array([m.bias_])), ("linear", lambda m: m.linear_), ("factors", lambda m: m.factors_)],
)
def test_each_way_to_begin(part, take):
    def begun(**settings):
        frozen = {"predictor_type": REGRESSOR, "bias_lr": 0, "linear_lr": 0, "factors_lr": 0, "num_factors": 50}
        settings = {f"{part}_init_{name}": value for name, value in settings.items()}
        return take(FactorizationMachines(**frozen, **settings).fit(np.ones((1, 2000)), [1]))

    assert (begun(method="constant", value=-2.5) == -2.5).all()
    uniform, normal = begun(method="uniform", scale=0.4), begun(method="normal", sigma=3)
    assert (abs(uniform) <= 0.4).all() and not np.array_equal(uniform, normal)
    if part != "bias":
        assert uniform.min() < -0.39 and uniform.max() > 0.39 and abs(uniform.mean()) < 0.05
        assert normal.std() == pytest.approx(3, rel=0.05) and abs(normal.mean()) < 0.3


def test_parts_that_are_not_used_stay_zero():
    x = sparse_rows()
    model = fit_quickly(x, x[:, 0] + 5, use_bias=False, use_linear="false")
    assert model.bias_ == 0
    assert not model.linear_.any()
    assert model.factors_.any()


def test_weight_decay_pulls_only_columns_that_take_part():
    """Labels that the model meets: nothing but decay moves it, in the one column that the rows have."""
    settings = {"linear_wd": 1, "linear_lr": 0.1, **constant(1, 1, 0), "bias_lr": 0, "factors_lr": 0}
    x = np.array([[1, 0]] * 50)
    model = FactorizationMachines(predictor_type=REGRESSOR, num_factors=1, mini_batch_size=10, **settings)
    linear = model.fit(x, np.full(50, 2)).linear_
    assert 0 < linear[0] < 0.95
    assert linear[1] == 1


def log_of(caplog, predictor_type, **settings):
    caplog.set_level(logging.INFO, "clary.algorithms.factorization_machines")
    rows, ratings, _ = rated(2000)
    labels = ratings if predictor_type == REGRESSOR else ratings > 3
    said = []
    test = Channel(Batch(rows.slice(1500, 2000), labels[1500:].astype(np.float32)))
    model = FactorizationMachines(predictor_type=predictor_type, num_factors=2, epochs=2, **settings)
    model.fit(rows.slice(0, 1500), labels[:1500], test=test, run=Run(say=said.append))
    found = {
        metric.name: float(match[1])
        for metric in module.METRICS
        for line in caplog.messages
        if (match := re.search(metric.pattern, line))
    }
    return caplog.messages, said, found, model.respond(Batch(rows.slice(1500, 2000)))["score"], labels[1500:]


def test_the_log_of_a_regressor_is_the_containers(caplog):
    """Forms of a real container's log of May 2023; the metrics' patterns find the scores in it."""
    settings = {"mini_batch_size": 100, "batch_metrics_publish_interval": 6}
    lines, said, found, scores, labels = log_of(caplog, REGRESSOR, **settings)
    start = r"#quality_metric: host=algo-1, "
    forms = [
        rf"{start}{words} {name} <loss>=[0-9.]+"
        for words in ("epoch=0, batch=0 train", "epoch=0, batch=12 train", "epoch=1, train", "train", "test")
        for name in ("rmse", "mse", "absolute_loss")
    ]
    forms += [
        r"#progress_metric: host=algo-1, completed 50\.0 % of epochs",
        r"#throughput_metric: host=algo-1, train throughput=[0-9.]+ records/second",
        r"#test_score \(algo-1\) : \('rmse', [0-9.]+\)",
    ]
    for form in forms:
        assert sum(bool(re.fullmatch(form, line)) for line in lines) in (1, 2), form
    assert sum("epoch=1, batch=" in line for line in lines) == 3 * 3
    errors = scores.astype(float) - labels
    assert found["test:mse"] == pytest.approx((errors**2).mean(), rel=1e-5)
    assert found["test:rmse"] == pytest.approx(found["test:mse"] ** 0.5)
    assert found["test:absolute_loss"] == pytest.approx(abs(errors).mean(), rel=1e-5)
    assert {"train:rmse", "train:mse", "train:absolute_loss"} < found.keys() and len(found) == 6
    assert all(line.startswith('#metrics {"StartTime": ') for line in said)
    assert any('"Algorithm": "factorization-machines"' in line and '"epoch": 1' in line for line in said)


def test_the_log_of_a_classifier(caplog):
    _, _, found, chances, labels = log_of(caplog, BINARY, linear_lr=0.05)
    guessed, true = chances >= 0.5, labels.astype(bool)
    entropy = -np.log(np.where(true, chances, 1 - chances)).mean()
    assert found["test:binary_classification_cross_entropy"] == pytest.approx(entropy, rel=1e-4)
    assert found["test:binary_classification_accuracy"] == pytest.approx((guessed == true).mean())
    hits = (guessed & true).sum()
    assert 0 < hits < true.sum()
    assert found["test:binary_f_beta"] == pytest.approx(2 * hits / (guessed.sum() + true.sum()))


def unzip(folder):
    with zipfile.ZipFile(folder / "model_algo-1") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(parts["symbol.json"]), mxnet.decode(parts["params"], "params"), json.loads(parts["meta.json"])


OPERATORS = {
    "dot": lambda a, b: a @ b,
    "broadcast_add": lambda a, b: a + b,
    "elemwise_add": lambda a, b: a + b,
    "elemwise_sub": lambda a, b: a - b,
    "square": np.square,
    "sum": lambda a, axis, keepdims: a.sum(axis=int(axis), keepdims=keepdims == "True"),
    "_mul_scalar": lambda a, scalar: a * float(scalar),
    "LinearRegressionOutput": lambda a, _: a,
    "LogisticRegressionOutput": lambda a, _: 1 / (1 + np.exp(-a)),
}


def run_network(network, arguments):
    """What MXNet would compute of a symbol, by the operators' documentation."""
    values = []
    for node in network["nodes"]:
        inputs = [values[source] for source, _, _ in node["inputs"]]
        known = node["op"] != "null"
        values.append(OPERATORS[node["op"]](*inputs, **node.get("attrs", {})) if known else arguments[node["name"]])
    return values[network["heads"][0][0]]


@pytest.mark.parametrize("predictor_type", [REGRESSOR, BINARY])
def test_the_artefact_is_mxnets_module(predictor_type, tmp_path):
    """The names that notebooks take the model apart by, and a network that computes the endpoint's score."""
    x = sparse_rows()
    model = fit_quickly(x, x[:, 0] > 0, predictor_type=predictor_type, num_factors=3)
    model.save(tmp_path)
    network, params, meta = unzip(tmp_path)
    assert {name: array.shape for name, array in params.items()} == {
        "arg:w0_weight": (1,),
        "arg:w1_weight": (30, 1),
        "arg:v": (30, 3),
    }
    assert meta["training_parameters"]["feature_dim"] == 30
    arguments = {name.removeprefix("arg:"): array for name, array in params.items()}
    assert {network["nodes"][place]["name"] for place in network["arg_nodes"]} == {"data", "out_label", *arguments}
    scores = run_network(network, {**arguments, "data": x, "out_label": None})
    assert scores[:, 0] == pytest.approx(model.respond(Batch(x))["score"], abs=1e-5)
    loaded = FactorizationMachines.load(tmp_path)
    assert np.array_equal(loaded.predict(x), model.predict(x))
    loaded.save(tmp_path)
    assert np.array_equal(FactorizationMachines.load(tmp_path).weights_, model.weights_)


def test_a_model_of_sagemakers_dense_network_is_read(tmp_path):
    params = {"arg:Linear_Plus_Bias_bias": [0.5], "arg:Linear_Plus_Bias_weight": [[1, -1, 4]]}
    params["arg:v"] = [[1, 3, 9], [0, 1, 9]]
    with zipfile.ZipFile(tmp_path / "model_algo-1", "w") as archive:
        archive.writestr("params", mxnet.encode({name: np.array(array, np.float32) for name, array in params.items()}))
        archive.writestr("meta.json", json.dumps({"training_parameters": {"predictor_type": REGRESSOR}}))
        archive.writestr("symbol.json", json.dumps(symbol("LinearRegressionOutput")))
    assert FactorizationMachines.load(tmp_path).predict([[1, 2, 0]]).tolist() == [5.5]


REQUESTS = {
    "dense": ("application/json", b'{"instances": [{"features": [1, 2, 0]}]}'),
    "sparse": (
        "application/json",
        b'{"instances": [{"data": {"features": {"keys": [0, 1], "shape": [3], "values": [1, 2]}}}]}',
    ),
    "lines": ("application/jsonlines", b'{"data": {"features": {"keys": [0, 1], "shape": [3], "values": [1, 2]}}}\n'),
}


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize(("predictor_type", "member"), [(REGRESSOR, '"score":5.5'), (BINARY, '"predicted_label":1')])
def test_answers(request_name, predictor_type, member):
    model = machine(0.5, [1, -1, 4], [[1, 0], [3, 1], [9, 9]], predictor_type)
    responder = Responder(algorithms.load("factorization-machines"), model, {})
    content_type, body = REQUESTS[request_name]
    answer = responder.answer(body, content_type, "application/json").body.decode()
    expected = rf"\{{{member}\}}" if predictor_type == REGRESSOR else rf'\{{"score":0\.9959\d*,{member}\}}'
    assert re.fullmatch(rf'\{{"predictions":\[{expected}\]\}}', answer)
    lines = responder.answer(body, content_type, "application/jsonlines").body.decode()
    assert re.fullmatch(expected + "\n", lines)


def test_a_score_of_one_half_is_label_one():
    """And chances far out are 0 and 1, without a warning."""
    model = machine(0, [1], [[0]], BINARY)
    answer = model.respond(Batch(np.array([[0], [-0.001], [3e38], [-3e38]], np.float32)))
    assert answer["predicted_label"].tolist() == [1, 0, 1, 0]
    assert answer["score"].tolist() == [0.5, pytest.approx(0.49975), 1, 0]


def test_a_score_that_is_no_number_is_refused():
    model = machine(0, [1, 1], [[1e10], [1e10]])
    with pytest.raises(ClientError, match="the score of row 2 is no finite number: its values are too large"):
        model.predict([[1, 0], [3e38, 3e38]])


@pytest.mark.parametrize(
    ("settings", "labels", "sentence"),
    [
        ({"feature_dim": 5}, None, "feature_dim is 5, but the data has 30 columns"),
        ({"num_factors": 0}, None, "Hyperparameter num_factors: 0 is not in [1, inf)"),
        ({"predictor_type": "multiclass"}, None, "Hyperparameter predictor_type: 'multiclass' is not in [binary_class"),
        ({"bias_init_method": "uniform"}, None, "Hyperparameter bias_init_method: 'uniform' needs bias_init_scale"),
        ({"factors_init_method": "constant"}, None, "Hyperparameter factors_init_method: 'constant' needs factors_in"),
        ({"clip_gradient": 0}, None, "Hyperparameter clip_gradient: 0.0 is not in (0, inf)"),
        ({}, np.arange(400), "the label is 2, but a binary_classifier needs labels 0 and 1"),
        ({}, np.full(400, -1), "the label is -1, but a binary_classifier needs labels 0 and 1"),
        ({}, np.ones(400), "all 400 records of the train channel have the label 1: a binary_classifier needs records"),
        ({}, np.zeros(400), "all 400 records of the train channel have the label 0: a binary_classifier needs records"),
        ({}, np.zeros((400, 2)), "the rows have 2 labels each; one is needed"),
        (
            {"predictor_type": REGRESSOR},
            np.full(400, np.nan),
            "the label is nan, but a regressor needs labels that are",
        ),
        (
            {"predictor_type": REGRESSOR, "factors_lr": 1e30, "epochs": 3},
            None,
            "the weights were no finite numbers any more after epoch",
        ),
    ],
)
def test_what_is_wrong_is_named(settings, labels, sentence):
    x = sparse_rows()
    labels = x[:, 0] > 0 if labels is None else labels
    with pytest.raises(ClientError) as error:
        FactorizationMachines(**{"num_factors": 2, "predictor_type": BINARY, **settings}).fit(x, labels)
    assert str(error.value).startswith(sentence)


def test_records_without_labels_and_no_records():
    model = FactorizationMachines(num_factors=2, predictor_type=REGRESSOR, feature_dim=30)
    with pytest.raises(ClientError, match="the rows have no labels"):
        model.fit(sparse_rows())
    with pytest.raises(ClientError, match="the train channel has no records"):
        model.fit(Channel())


@pytest.mark.parametrize(
    ("dtype", "label", "sentence"),
    [
        (np.float64, 0.0, "train/part-0: record 1 has a feature 'values' of another type than Float32Tensor"),
        (np.float32, 7.0, "train/part-0: row 3: the label is 7, but a binary_classifier needs labels 0 and 1"),
        (np.float32, np.nan, "train/part-0: record 3, the label is missing (NaN)"),
    ],
)
def test_a_job_that_cannot_be_ends_with_a_sentence(dtype, label, sentence, tmp_path, monkeypatch, capsys):
    with job_in(tmp_path, monkeypatch, capsys) as job:
        settings = {"feature_dim": "2", "num_factors": "2", "predictor_type": BINARY}
        job.configure(settings, {"train": "application/x-recordio-protobuf"})
        (tmp_path / "input/data/train").mkdir(parents=True)
        with (tmp_path / "input/data/train/part-0").open("wb") as stream:
            recordio.write_records(stream, np.ones((3, 2), dtype), np.array([1, 0, label], np.float32))
        status, log = job.train("factorization-machines")
        assert status == 2
        assert job.failure.startswith(f"ClientError: {sentence}")
        assert "Traceback" not in log


def test_a_stop_keeps_the_weights_of_the_rows_seen(monkeypatch):
    monkeypatch.setattr(factorization_machines_training, "BLOCK", 1)
    rows, ratings, _ = rated(3000)
    settings = {"predictor_type": REGRESSOR, "num_factors": 4, "mini_batch_size": 100, "epochs": 9, "feature_dim": 100}
    model = FactorizationMachines(**settings).fit(Channel(Batch(rows, ratings), stops=True))
    once = FactorizationMachines(**{**settings, "epochs": 1}).fit(rows, ratings)
    assert np.array_equal(model.weights_[:, 1:], once.weights_[:, 1:])
    with pytest.raises(Stopped):
        FactorizationMachines(**settings).fit(Channel(stops=True))


def test_scikit_learns_conventions():
    x = np.random.default_rng(0).normal(5, 3, (300, 4))
    y = x[:, 0] > 5
    settings = {"num_factors": 2, "predictor_type": BINARY, "epochs": 60, "linear_lr": 0.05, "mini_batch_size": 50}
    piped = make_pipeline(StandardScaler(), FactorizationMachines(**settings)).fit(x, y)
    assert (piped.predict(x) == y).mean() > 0.9
    model = FactorizationMachines(**settings).fit(x, y)
    assert model.fit(x[:, :2], y).weights_.shape == (2, 3)  # a second fit knows nothing of the first


def fit_on_hosts(shards, **settings):
    """A model from each host, all of which train at once."""
    hosts = tuple(f"127.0.0.{number}" for number in range(1, len(shards) + 1))
    models = [FactorizationMachines(**settings) for _ in hosts]
    threads = [
        threading.Thread(target=model.fit, args=(shard,), kwargs={"run": Run(host=host, hosts=hosts)})
        for model, shard, host in zip(models, shards, hosts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return models


@pytest.mark.usefixtures("exchange_port")
def test_hosts_with_a_shard_each_find_one_model():
    """Three hosts, one with an empty shard: they agree, and miss the clean ratings little more than one host does."""
    rows, ratings, clean = rated()
    settings = {"predictor_type": REGRESSOR, "num_factors": 3, "feature_dim": 100, "epochs": 40, "bias_lr": 0.05}
    settings |= {"linear_lr": 0.02, "factors_lr": 0.02, "factors_init_sigma": 0.1, "mini_batch_size": 500, **PLAIN}
    parts = [Channel(Batch(rows.slice(*span), ratings[slice(*span)])) for span in ((0, 9000), (9000, 16000))]
    first, *others = fit_on_hosts([*parts, Channel()], **settings)
    assert all(np.array_equal(first.weights_, other.weights_) and first.bias_ == other.bias_ for other in others)
    missed = first.predict(rows.slice(16000, 20000)) - clean[16000:]
    assert np.sqrt((missed**2).mean()) < 0.05


@pytest.mark.usefixtures("exchange_port")
def test_a_column_that_one_host_has_is_that_hosts():
    """Each host has a column of its own, and one class: the columns' weights are as if trained alone."""
    left, right = np.array([[1, 0]] * 40, np.float32), np.array([[0, 1]] * 40, np.float32)
    settings = {"predictor_type": BINARY, "num_factors": 1, "feature_dim": 2, "mini_batch_size": 10}
    shards = [Channel(Batch(left, np.ones(40, np.float32))), Channel(Batch(right, np.zeros(40, np.float32)))]
    model, _ = fit_on_hosts(shards, **settings, use_bias=False, epochs=1)
    both = Channel(Batch(left, np.ones(40, np.float32)), Batch(right, np.zeros(40, np.float32)))
    alone = FactorizationMachines(**settings, use_bias=False).fit(both)
    assert model.linear_[0] == alone.linear_[0] > 0
    assert model.linear_[1] < 0


def test_kernels_are_compiled_once(tmp_path):
    """Whatever arrays the readers make, read-only ones too: a job that compiles for itself takes seconds longer."""
    kernels.compile_kernels()
    compiled = [kernels.learn, kernels.turn_all, kernels.score]
    assert [len(kernel.signatures) for kernel in compiled] == [1, 1, 1]
    rows, labels = Sparse(*(np.array(part) for part in ([0, 1, 2], [1, 0], np.ones(2, np.float32))), 2), np.eye(2)[:, 1]
    for array in (rows.indptr, rows.indices, rows.values):
        array.flags.writeable = False
    model = fit_quickly(Channel(Batch(rows, labels.astype(np.float32))), None, feature_dim=2)
    fit_quickly(sparse_rows(), np.ones(400))
    fit_quickly(scipy.sparse.csc_matrix(sparse_rows()), np.ones(400))
    model.save(tmp_path)
    FactorizationMachines.load(tmp_path).predict(rows)
    assert [len(kernel.signatures) for kernel in compiled] == [1, 1, 1]


def test_one_batch_of_arrays_takes_its_width():
    batches = ArrayBatches(Batch(sparse_rows(), np.zeros(400, np.float32)))
    assert FactorizationMachines(num_factors=2, predictor_type=REGRESSOR).fit(batches).weights_.shape == (30, 3)
