"""Linear Learner: steps worked by hand, scikit-learn as the judge, and the container's log, artefact and errors."""

import json
import logging
import re
import threading
import zipfile

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.preprocessing import StandardScaler

from clary.algorithms import linear_learner
from clary.algorithms.base import ArrayBatches, Run, Stopped
from clary.algorithms.linear_learner import LinearLearner
from clary.algorithms.linear_learner_ensemble import Ensemble
from clary.algorithms.linear_learner_hyperparameters import HYPERPARAMETERS, Candidate, candidates, with_autos
from clary.algorithms.linear_learner_losses import loss_of
from clary.algorithms.linear_learner_scaler import Moments, Scaler, moments
from clary.algorithms.linear_learner_scores import calibrate
from clary.errors import ClientError
from clary.formats import Batch, Sparse, mxnet

BINARY, MULTICLASS, REGRESSOR = "binary_classifier", "multiclass_classifier", "regressor"


class Epochs:
    """Re-iterable batches that count how often they were read."""

    def __init__(self, x, y, parts=1):
        self.parts, self.epochs = list(zip(np.array_split(x, parts), np.array_split(y, parts), strict=True)), 0

    def __iter__(self):
        self.epochs += 1
        yield from (Batch(x.astype(np.float32), y.astype(np.float32)) for x, y in self.parts)


def settings_of(kind=REGRESSOR, **more):
    return with_autos(HYPERPARAMETERS.parse({"predictor_type": kind, **more}))


def sparse_of(x):
    rows = scipy.sparse.csr_matrix(x)
    return Sparse(rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data.astype(np.float32), x.shape[1])


@pytest.fixture(scope="module")
def tumours():
    """Train and test rows of the breast cancer data, shuffled; 1 is benign."""
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order].astype(np.float32), y[order].astype(np.float32)
    return x[:400], y[:400], x[400:], y[400:]


# Steps


def zeros(width, models, **more):
    """An ensemble that begins at 0 and takes rows as they are."""
    settings = settings_of(bias_lr_mult=1, **more)
    scaler = Scaler(None, np.ones(width))
    ensemble = Ensemble(models, scaler, settings, None)
    ensemble.weights[:] = 0
    return ensemble


def model(rate=0.1, l1=0.0, wd=0.0, step=1, factor=1.0, minimum=0.0):
    return Candidate(rate, l1, wd, step, factor, minimum)


def test_a_step_of_three_models_by_hand():
    """Rows 1 and 3 with labels 2 and 4: slopes 2 (0 - y) / 2 = -2 and -4, gradient -2 * 1 - 4 * 3 = -14, bias' -6.

    Then scores of w = 1.4, b = 0.6 are 2 and 4.8, gradient 0.8 * 3 = 2.4 (the second model's wd adds 0.5 * 1.4), bias'
    0.8, the rate is halved. The third model's l1 takes 0.1 * 2 off the weight of 1.4, 0.05 * 2 off the next.
    """
    ensemble = zeros(1, [model(factor=0.5), model(factor=0.5, wd=0.5), model(factor=0.5, l1=2.0)], optimizer="sgd")
    batch, labels = Batch(np.array([[1], [3]], np.float32)), np.array([2, 4], np.float32)
    losses, weights = ensemble.learn(batch, labels)
    assert losses.tolist() == [20, 20, 20]
    assert weights.tolist() == [2, 2, 2]
    assert ensemble.weights[0] == pytest.approx([1.4, 1.4, 1.2])
    assert ensemble.bias[0] == pytest.approx([0.6, 0.6, 0.6])
    ensemble.learn(batch, labels)
    third = (1.2 + 0.6 - 2) + 3 * (3.6 + 0.6 - 4)
    expected = [1.4 - 0.05 * 2.4, 1.4 - 0.05 * (2.4 + 0.7), 1.2 - 0.05 * third - 0.05 * 2]
    assert ensemble.weights[0] == pytest.approx(expected)
    assert ensemble.bias[0, 0] == pytest.approx(0.6 - 0.05 * 0.8)


@pytest.mark.parametrize("name", ["sgd", "adam", "adagrad", "rmsprop"])
def test_optimizers_follow_their_papers(name):
    """Three steps of one weight, without bias, on one row: x = 2, label 3, gradient 2 (2 w - 3) 2."""
    ensemble = zeros(1, [model(rate=0.1)], optimizer=name, momentum=0.5, use_bias=False)
    w = first = second = 0.0
    for time in range(1, 4):
        ensemble.learn(Batch(np.array([[2]], np.float32)), np.array([3], np.float32))
        g = 4 * (2 * w - 3)
        if name == "sgd":
            first = 0.5 * first + g
            w -= 0.1 * first
        elif name == "adam":
            first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g * g
            w -= 0.1 * (first / (1 - 0.9**time)) / np.sqrt(second / (1 - 0.999**time))
        else:
            second = second + g * g if name == "adagrad" else 0.9 * second + 0.1 * g * g
            w -= 0.1 * g / np.sqrt(second)
        assert ensemble.weights[0, 0] == pytest.approx(w, rel=1e-4)
    assert ensemble.bias[0, 0] == 0


ERRORS = np.array([-2, -0.5, 0.05, 0.5, 2])
"""Scores less label."""


@pytest.mark.parametrize(
    ("loss", "more", "expected"),
    [
        ("squared_loss", {}, [4, 0.25, 0.0025, 0.25, 4]),
        ("absolute_loss", {}, [2, 0.5, 0.05, 0.5, 2]),
        ("eps_insensitive_squared_loss", {"loss_insensitivity": 0.1}, [3.61, 0.16, 0, 0.16, 3.61]),
        ("eps_insensitive_absolute_loss", {"loss_insensitivity": 0.1}, [1.9, 0.4, 0, 0.4, 1.9]),
        ("quantile_loss", {"quantile": 0.9}, [1.8, 0.45, 0.005, 0.05, 0.2]),
        ("huber_loss", {"huber_delta": 1}, [1.5, 0.125, 0.00125, 0.125, 1.5]),
    ],
)
def test_losses_of_numbers(loss, more, expected):
    found, slopes = loss_of(settings_of(loss=loss, **more))(ERRORS[:, None] + 3, np.full(5, 3.0))
    assert found[:, 0] == pytest.approx(expected)
    assert_slopes(loss_of(settings_of(loss=loss, **more)), ERRORS[:, None] + 3, np.full(5, 3.0), slopes)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("logistic", np.log(1 + np.exp([-2, 0.5, -0.05, 0.5, 100]))),
        ("hinge_loss", [0, 1.5, 0.95, 1.5, 101]),
    ],
)
def test_losses_of_two_classes(loss, expected):
    """A score of 100 for the wrong class costs 100, not infinity."""
    scores, labels = np.array([[2], [-0.5], [0.05], [0.5], [100]]), np.array([1, 1, 1, 0, 0.0])
    function = loss_of(settings_of(BINARY, loss=loss))
    found, slopes = function(scores, labels)
    assert found[:, 0] == pytest.approx(expected)
    assert_slopes(function, scores, labels, slopes)


def test_the_loss_of_many_classes():
    scores, labels = np.random.default_rng(0).normal(size=(6, 2, 4)), np.array([0, 1, 2, 3, 0, 1.0])
    function = loss_of(settings_of(MULTICLASS, num_classes=4))
    found, slopes = function(scores, labels)
    chances = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    for number in range(2):
        assert found[:, number].mean() == pytest.approx(log_loss(labels, chances[:, number]))
    assert_slopes(function, scores, labels, slopes)


def assert_slopes(function, scores, labels, slopes):
    """The slopes are the differences of the losses."""
    for place in np.ndindex(*scores.shape[1:]):
        nudge = np.zeros(scores.shape)
        nudge[(slice(None), *place)] = 1e-5
        rise = (function(scores + nudge, labels)[0] - function(scores - nudge, labels)[0]) / 2e-5
        assert slopes[(slice(None), *place)] == pytest.approx(rise[:, place[0]], abs=1e-6)


# The first rows


def test_moments_of_parts_join():
    x = np.random.default_rng(0).normal([0, 1e6, 5], [1, 0.5, 0], (3000, 3)).astype(np.float32)
    parts = [moments(part, 3) for part in np.split(x, [10, 10, 1700])]
    found = Moments.none(3)
    for part in parts:
        found = found.join(part)
    assert found.means == pytest.approx(x.astype(float).mean(axis=0))
    assert found.deviations == pytest.approx([*x[:, :2].astype(float).std(axis=0), 1])
    x[:, 0] *= np.random.default_rng(1).random(3000) < 0.1
    x[:, 2] = 0
    found = moments(sparse_of(x[:2000]), 3).join(moments(sparse_of(x[2000:]), 3))
    used = x[x[:, 0] != 0, 0].astype(float)
    assert found.deviations == pytest.approx([np.sqrt(np.square(used).mean()), 1e6, 1], rel=1e-6)


def test_the_scale_and_the_place_of_columns_do_not_matter(tumours):
    x, y, *_ = tumours
    plain = StandardScaler().fit_transform(x).astype(np.float32)
    moved = plain * np.float32([1e4, 1e-4] * 15) + np.float32([1e6, 3] * 15)
    found = [LinearLearner(predictor_type=BINARY, mini_batch_size=50).fit(rows, y) for rows in (plain, moved)]
    assert found[0].respond(Batch(plain))["score"] == pytest.approx(found[1].respond(Batch(moved))["score"], abs=0.02)


# Against scikit-learn


def test_as_good_as_logistic_regression(tumours):
    x, y, test, labels = tumours
    scale = StandardScaler().fit(x)
    judge = LogisticRegression(C=1.0).fit(scale.transform(x), y)
    expected = roc_auc_score(labels, judge.decision_function(scale.transform(test)))
    found = LinearLearner(predictor_type=BINARY, mini_batch_size=40).fit(x, y)
    assert roc_auc_score(labels, found.respond(Batch(test))["score"]) > expected - 0.005
    assert (found.predict(test) == labels).mean() > 0.94
    assert log_loss(labels, found.predict_proba(test)) < 0.15


def test_as_good_as_linear_regression():
    """Within 1 % of least squares, in the label's units, though labels and columns are scaled."""
    x, y = load_diabetes(return_X_y=True)
    best = np.square(LinearRegression().fit(x, y).predict(x) - y).mean()
    found = LinearLearner(predictor_type=REGRESSOR, epochs=60, mini_batch_size=50).fit(x, y)
    assert np.square(found.predict(x) - y).mean() < 1.01 * best


def test_breast_cancer_by_regression_as_in_the_notebook(tumours):
    """The real container's mean absolute error on these data is 0.183 to 0.201."""
    x, y, test, labels = tumours
    found = LinearLearner(predictor_type=REGRESSOR, loss="absolute_loss", mini_batch_size=100).fit(x, y)
    assert np.abs(found.predict(test) - labels).mean() < 0.201


def test_digits():
    x, y = load_digits(return_X_y=True)
    found = LinearLearner(predictor_type=MULTICLASS, num_classes=10, mini_batch_size=50).fit(x[:1200], y[:1200])
    judge = LogisticRegression(max_iter=200).fit(x[:1200] / 16, y[:1200])
    assert (found.predict(x[1200:]) == y[1200:]).mean() > judge.score(x[1200:] / 16, y[1200:]) - 0.02
    assert found.predict_proba(x).sum(axis=1) == pytest.approx(1)
    assert found.predict_proba(x).shape == (len(x), 10)


def test_a_quantile_has_its_share_of_labels_below():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 2))
    y = x @ [2, -1] + rng.exponential(size=4000) * 10 + 100
    for quantile in (0.2, 0.8):
        found = LinearLearner(predictor_type=REGRESSOR, loss="quantile_loss", quantile=quantile, mini_batch_size=100)
        assert (y < found.fit(x, y).predict(x)).mean() == pytest.approx(quantile, abs=0.02)


def test_hinge_loss_gives_scores_and_labels(tumours):
    x, y, test, labels = tumours
    found = LinearLearner(predictor_type=BINARY, loss="hinge_loss", mini_batch_size=40).fit(x, y)
    answer = found.respond(Batch(test))
    assert (answer["predicted_label"] == labels).mean() > 0.94
    assert answer["score"].min() < -1
    assert answer["score"].max() > 1
    with pytest.raises(ClientError, match="knows no chances"):
        found.predict_proba(test)


# Thresholds


@pytest.mark.parametrize(
    "criterion", ["accuracy", "f1", "f_beta", "precision_at_target_recall", "recall_at_target_precision"]
)
def test_the_cut_is_the_best_there_is(criterion):
    rng = np.random.default_rng(3)
    labels = (rng.random(60) < 0.4).astype(float)
    scores = np.round(rng.normal(labels, 1), 1)
    settings = settings_of(
        BINARY,
        binary_classifier_model_selection_criteria=criterion,
        f_beta=2,
        target_recall=0.7,
        target_precision=0.6,
    )

    def value(cut):
        called = scores >= cut
        hits = (called & (labels > 0)).sum()
        precision, recall = hits / max(called.sum(), 1), hits / labels.sum()
        if criterion == "accuracy":
            return (called == (labels > 0)).mean()
        if criterion in ("f1", "f_beta"):
            beta = 2 if criterion == "f_beta" else 1
            return (1 + beta**2) * precision * recall / max(beta**2 * precision + recall, 1e-12)
        if criterion == "precision_at_target_recall":
            return precision if recall >= 0.7 else 0
        return recall if precision >= 0.6 else 0

    found = calibrate(scores, labels, settings)
    assert found.value == pytest.approx(max(map(value, [-9, *(np.unique(scores) + 0.05)])))
    assert value(found.score) == pytest.approx(found.value)


def test_a_cut_of_0_is_kept_where_it_is_as_good_as_any():
    settings = settings_of(BINARY)
    assert calibrate(np.array([-3, 9.0]), np.array([0, 1.0]), settings) == (1, 0)
    assert calibrate(np.array([2, 9.0]), np.array([0, 1.0]), settings) == (1, 5.5)
    assert calibrate(np.array([2, 9.0]), np.array([0, 0.0]), settings).score > 9


def test_the_threshold_is_chosen_on_the_validation_channel(tumours):
    x, y, test, labels = tumours
    criterion = {"binary_classifier_model_selection_criteria": "recall_at_target_precision", "target_precision": 0.999}
    found = LinearLearner(predictor_type=BINARY, mini_batch_size=50, **criterion).fit(
        x, y, validation=Epochs(test, labels)
    )
    called = found.predict(test) > 0
    assert labels[called].all()
    assert found.threshold_ > 0.5
    default = LinearLearner(predictor_type=BINARY, binary_classifier_model_selection_criteria="loss_function")
    assert default.fit(x, y, validation=Epochs(test, labels)).threshold_ == 0.5


# Settings


def grid(**more):
    return candidates(settings_of(BINARY, **more), 30, 1, 4.0)


def test_what_is_given_stays_and_what_is_auto_is_tried():
    assert len(set(grid())) == 32
    some = grid(learning_rate=0.5, l1=0.25)
    assert len(some) == 4
    assert {(each.learning_rate, each.l1) for each in some} == {(0.5, 0.25)}
    assert len(grid(learning_rate=0.5, l1=0, wd=0, use_lr_scheduler=False)) == 1
    assert len(set(grid(num_models=50))) == 50
    assert len(set(grid(num_models=3))) == 3
    assert grid(num_models=1) == grid()[:1]
    assert len(grid(_tuning_objective_metric="validation:objective_loss", num_models=9)) == 1
    assert {each.positive_weight for each in grid(positive_example_weight_mult="auto")} == {1.0, 4.0}
    assert {each.positive_weight for each in grid(positive_example_weight_mult="balanced")} == {4.0}
    assert {each.lr_scheduler_step for each in grid(lr_scheduler_step=7)} == {7}
    others = candidates(settings_of(REGRESSOR, positive_example_weight_mult=5), 30, 1, 4.0)
    assert {each.positive_weight for each in others} == {1.0}
    assert len(candidates(settings_of(BINARY), 8 << 20, 1, 1.0)) == 4
    assert len(candidates(settings_of(MULTICLASS, num_classes=1000), 30, 1000, 1.0)) == 16


def test_settings_do_what_they_say(tumours):
    x, y, *_ = tumours
    plain = {"predictor_type": BINARY, "mini_batch_size": 50, "num_models": 1, "wd": 0}
    strong = LinearLearner(**plain, l1=0.1).fit(x, y)
    assert 0 < np.count_nonzero(strong.weights_) < 25
    small = LinearLearner(**plain | {"wd": 1.0}, l1=0).fit(x, y)
    free = LinearLearner(**plain, l1=0).fit(x, y)
    assert np.linalg.norm(small.weights_ * x.std(axis=0)) < 0.25 * np.linalg.norm(free.weights_ * x.std(axis=0))
    bare = LinearLearner(**plain, use_bias=False, normalize_data=False).fit(x / x.max(axis=0), y)
    assert bare.bias_.tolist() == [0]
    far = LinearLearner(**plain, learning_rate=1e-9, init_method="normal", init_sigma=3, init_bias=2).fit(x, y)
    assert np.abs(far.weights_ * x.std(axis=0)).mean() == pytest.approx(3 * np.sqrt(2 / np.pi), rel=0.3)
    assert far.bias_ + x.mean(axis=0) @ far.weights_[0] == pytest.approx([2], rel=1e-3)


def test_weights_of_classes():
    """One row in ten is 1, and nothing tells them apart: the chance is 1/10, or 1/2 where both weigh the same."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4000, 1)), (np.arange(4000) % 10 == 0).astype(float)
    for given, chance in ((1, 0.1), (9, 0.5), ("balanced", 0.5)):
        found = LinearLearner(predictor_type=BINARY, positive_example_weight_mult=given, mini_batch_size=200)
        assert found.fit(x, y).predict_proba(x)[:, 1].mean() == pytest.approx(chance, abs=0.03)
    y = np.repeat([0, 0, 0, 0, 0, 0, 0, 0, 1, 2], 400)[rng.permutation(4000)]
    for balance, chances in ((False, [0.8, 0.1, 0.1]), (True, [1 / 3] * 3)):
        found = LinearLearner(
            predictor_type=MULTICLASS, num_classes=3, mini_batch_size=200, balance_multiclass_weights=balance
        )
        assert found.fit(x, y).predict_proba(x).mean(axis=0) == pytest.approx(chances, abs=0.03)


def test_epochs_end_when_nothing_improves(tumours):
    x, y, *_ = tumours
    channel = Epochs(x, y, 3)
    LinearLearner(predictor_type=BINARY, early_stopping_tolerance=0.9, early_stopping_patience=2).fit(channel)
    assert channel.epochs == 1 + 2 + 1  # the first, two without improvement, one for the scores
    channel = Epochs(x, y, 3)
    LinearLearner(predictor_type=BINARY, epochs=7, early_stopping_patience=8).fit(channel)
    assert channel.epochs == 7 + 1


def test_runs_are_repeatable(tumours):
    x, y, *_ = tumours
    first, again, other = (
        LinearLearner(predictor_type=BINARY, epochs=2, seed=seed).fit(x, y).weights_ for seed in (4, 4, 5)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_models_that_diverge_are_left_behind(caplog):
    """Steps of 0.1 are too large for columns of deviation 4 (2 / 0.1 < 2 * 16), steps of 0.01 aren't."""
    caplog.set_level(logging.INFO, "clary.algorithms.linear_learner")
    rng, said = np.random.default_rng(0), []
    x = rng.normal(0, 4, (2000, 5))
    y = x @ [1, -2, 3, 0.5, 0] + 4
    plain = {"optimizer": "sgd", "normalize_data": False, "normalize_label": False, "unbias_label": False}
    found = LinearLearner(predictor_type=REGRESSOR, mini_batch_size=20, **plain)
    found.fit(x, y, validation=Epochs(x, y), run=Run(say=said.append))
    assert found.predict(x) == pytest.approx(y, abs=0.2)
    assert '"learning_rate": 0.1,' not in caplog.text
    assert not any("NaN" in line or "Infinity" in line for line in said)


# Sparse rows


def test_sparse_rows_give_what_dense_ones_give():
    x, y = load_digits(return_X_y=True)
    given = {"predictor_type": MULTICLASS, "num_classes": 10, "mini_batch_size": 100, "epochs": 3}
    given |= {"optimizer": "sgd", "unbias_data": False, "normalize_data": False, "l1": 0, "wd": 0}
    dense = LinearLearner(**given).fit(x, y)
    sparse = LinearLearner(**given).fit(scipy.sparse.csr_matrix(x), y)
    assert sparse.weights_ == pytest.approx(dense.weights_, abs=1e-3)
    answers = [model.respond(Batch(rows))["score"] for model, rows in ((dense, x), (sparse, sparse_of(x)))]
    assert answers[0] == pytest.approx(answers[1], abs=1e-3)


def test_wide_sparse_rows():
    """A million columns, of which each row names ten: the one that matters is found."""
    rng = np.random.default_rng(0)
    columns = rng.integers(1, 1_000_000, (3000, 10))
    y = (rng.random(3000) < 0.5).astype(np.float32)
    columns[y > 0, 0] = 0
    rows = Sparse(np.arange(0, 30001, 10), columns.ravel(), np.ones(30000, np.float32), 1_000_000)
    found = LinearLearner(predictor_type=BINARY, mini_batch_size=100, epochs=2, num_models=2).fit(
        ArrayBatches(Batch(rows, y))
    )
    assert np.abs(found.weights_[0]).argmax() == 0
    assert (found.respond(Batch(rows))["predicted_label"] == y).mean() > 0.99


class Parts(Epochs):
    """Batches as they are."""

    def __init__(self, *parts):
        self.given = parts

    def __iter__(self):
        yield from self.given


def test_rows_that_name_no_width():
    """The first rows tell the width; narrower ones are fine later, wider ones need feature_dim."""
    narrow, wide = (
        Batch(Sparse(np.array([0, 1, 2]), np.array([0, last]), np.ones(2, np.float32), last + 1, exact=False), labels)
        for last, labels in ((2, np.array([0, 1], np.float32)), (4, np.array([1, 0], np.float32)))
    )
    given = {"predictor_type": BINARY, "num_point_for_scaler": 2, "epochs": 1}
    assert LinearLearner(**given).fit(Parts(wide, narrow)).weights_.shape == (1, 5)
    assert LinearLearner(**given, feature_dim=9).fit(Parts(narrow, wide)).weights_.shape == (1, 9)
    with pytest.raises(ClientError, match=r"the data has 5 columns, its first rows have 3: set the hyperparameter"):
        LinearLearner(**given).fit(Parts(narrow, wide))


# The container


FORMS = (
    r"#quality_metric: host=algo-1, epoch=0, train \S+_objective <loss>=[0-9.e-]+",
    r"#quality_metric: host=algo-1, epoch=1, validation \S+_objective <loss>=[0-9.e-]+",
    r"Epoch 0: Loss improved\. Updating best model",
    r"#progress_metric: host=algo-1, completed 100 % of epochs",
    r"#throughput_metric: host=algo-1, train throughput=[0-9.]+ records/second",
    r'Best model found for hyperparameters: \{"optimizer": "adam", "learning_rate": [0-9.e-]+, "l1": .*\}',
)


@pytest.mark.parametrize(
    ("kind", "criterion", "names"),
    [
        (BINARY, "sampled_accuracy", "binary_classification_accuracy binary_f_beta precision recall roc_auc_score"),
        (
            MULTICLASS,
            "multiclass_cross_entropy_objective",
            "multiclass_accuracy multiclass_top_k_accuracy dcg macro_f_beta macro_precision macro_recall",
        ),
        (REGRESSOR, "mse_objective", "mse absolute_loss rmse"),
    ],
)
def test_the_log_is_the_containers(kind, criterion, names, caplog):
    """Forms of real containers' logs of 2020 and 2024; the metric patterns find every score in it."""
    caplog.set_level(logging.INFO, "clary.algorithms.linear_learner")
    x, y = load_iris(return_X_y=True)
    y = (y == 1).astype(float) if kind == BINARY else y
    said, more = [], {"num_classes": 3} if kind == MULTICLASS else {}
    found = LinearLearner(predictor_type=kind, epochs=2, mini_batch_size=10, num_models=2, **more)
    found.fit(x, y, validation=Epochs(x, y), test=Epochs(x[:40], y[:40]), run=Run(say=said.append))
    forms = (*FORMS, rf"#early_stopping_criteria_metric: host=algo-1, epoch=1, criteria={criterion}, value=[0-9.]+")
    for form in forms:
        assert any(re.fullmatch(form, line) for line in caplog.messages), form
    assert sum('"model": 1, "epoch": 1' in line and "validation_" in line for line in said) == 1
    metrics = {
        metric.name: float(match[1])
        for metric in linear_learner.METRICS
        for line in caplog.messages
        if (match := re.search(metric.pattern, line))
    }
    wanted = {f"validation:{name}" for name in names.split()} | {f"test:{name}" for name in names.split()}
    if kind == BINARY:
        wanted -= {"test:roc_auc_score"}  # the test channel holds one class
    always = {"train:objective_loss", "train:objective_loss:final", "train:progress", "train:throughput"}
    assert metrics.keys() - {"train:objective_loss:final"} == wanted | (
        always | {"validation:objective_loss", "validation:objective_loss:final", "test:objective_loss"}
    ) - {"train:objective_loss:final"}
    scored = found.predict(x)
    if kind == REGRESSOR:
        assert metrics["validation:mse"] == pytest.approx(np.square(scored - y).mean(), rel=1e-4)
        assert metrics["validation:objective_loss:final"] == pytest.approx(metrics["validation:mse"])
    else:
        name = "binary_classification_accuracy" if kind == BINARY else "multiclass_accuracy"
        assert metrics[f"validation:{name}"] == pytest.approx((scored == y).mean())


def test_without_a_validation_channel_the_scores_are_of_train(tumours, caplog):
    caplog.set_level(logging.INFO, "clary.algorithms.linear_learner")
    x, y, *_ = tumours
    found = LinearLearner(predictor_type=BINARY, epochs=2).fit(x, y)
    accuracy = (found.predict(x) == y).mean()
    assert f"#quality_metric: host=algo-1, train binary_classification_accuracy <score>={accuracy}" in caplog.text
    assert "Test data is not provided." in caplog.messages


def test_the_artefact_is_an_mxnet_module_in_a_zip(tmp_path, tumours):
    x, y, *_ = tumours
    model = LinearLearner(predictor_type=BINARY, epochs=3).fit(x, y)
    model.save(tmp_path)
    with zipfile.ZipFile(tmp_path / "model_algo-1") as archive:
        assert archive.namelist() == [
            "additional-params.json",
            "manifest.json",
            "mx-mod-symbol.json",
            "mx-mod-0000.params",
        ]
        archive.extractall(tmp_path)
    arrays = mxnet.load(tmp_path / "mx-mod-0000.params")
    assert {name: array.shape for name, array in arrays.items()} == {"arg:fc0_weight": (1, 30), "arg:fc0_bias": (1,)}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}
    network = json.loads((tmp_path / "mx-mod-symbol.json").read_text())
    assert run_network(network, {"data": x, **arrays})[:, 0] == pytest.approx(model.predict_proba(x)[:, 1], rel=1e-3)
    assert json.loads((tmp_path / "additional-params.json").read_text())["threshold"] == model.threshold_
    loaded = LinearLearner.load(tmp_path)
    assert np.array_equal(loaded.predict(x), model.predict(x))


def run_network(network, values):
    """What MXNet computes of a symbol file, for the layers that Linear Learner's has."""
    results = []
    for node in network["nodes"]:
        inputs = [results[number] for number, _, _ in node["inputs"]]
        if node["op"] == "null":
            results.append(values.get(node["name"], values.get(f"arg:{node['name']}")))
        elif node["op"] == "FullyConnected":
            assert inputs[1].shape[0] == int(node["attrs"]["num_hidden"])
            results.append(inputs[0] @ inputs[1].T + inputs[2])
        else:
            assert node["op"] == "LogisticRegressionOutput"
            results.append(1 / (1 + np.exp(-inputs[0])))
    assert [network["nodes"][number]["name"] for number in network["arg_nodes"]] == [
        "data",
        "fc0_weight",
        "fc0_bias",
        "out_label",
    ]
    return results[network["heads"][0][0]]


def test_answers():
    model = LinearLearner(predictor_type=BINARY)
    model._take(
        np.array([[1, 0]], np.float32), np.array([0], np.float32), {"predictor_type": BINARY, "loss": "logistic"}
    )
    model.threshold_ = 0.7
    answer = model.respond(Batch(np.array([[0, 5], [0.5, 5], [1, 5]], np.float32)))
    assert answer["score"] == pytest.approx([0.5, 0.62246, 0.73106], rel=1e-4)
    assert answer["predicted_label"].tolist() == [0, 0, 1]
    model._take(np.eye(3, dtype=np.float32), np.zeros(3), {"predictor_type": MULTICLASS, "loss": "softmax_loss"})
    answer = model.respond(Batch(np.array([[0, 1, 0]], np.float32)))
    assert answer["score"][0] == pytest.approx(np.array([1, np.e, 1]) / (2 + np.e))
    assert answer["predicted_label"].tolist() == [1]
    model._take(np.array([[2, 1]], np.float32), np.array([3]), {"predictor_type": REGRESSOR, "loss": "squared_loss"})
    assert model.respond(Batch(np.array([[1, 1]], np.float32))) == {"score": [6]}


# Bad input


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "Missing required hyperparameter: predictor_type"),
        ({"predictor_type": "classifier"}, "Hyperparameter predictor_type: 'classifier' is not in"),
        ({"predictor_type": MULTICLASS}, "Hyperparameter num_classes: 1 is not in [3, 1000000]"),
        (
            {"predictor_type": BINARY, "loss": "squared_loss"},
            "Hyperparameter loss: 'squared_loss' is not in [auto, log",
        ),
        ({"predictor_type": BINARY, "feature_dim": 7}, "feature_dim is 7, but the data has 4 columns"),
        ({"predictor_type": BINARY}, "the label is 2, but a binary_classifier needs labels 0 and 1"),
        ({"predictor_type": MULTICLASS, "num_classes": 1000001}, "Hyperparameter num_classes: 1000001 is not in"),
        ({"predictor_type": REGRESSOR, "quantile": 1}, "Hyperparameter quantile: 1.0 is not in (0, 1)"),
        (
            {"predictor_type": REGRESSOR, "learning_rate": 1e30, "optimizer": "sgd"},
            "the loss of every model is infinite",
        ),
    ],
)
def test_what_is_wrong_is_named(settings, sentence):
    with pytest.raises(ClientError) as error:
        LinearLearner(**settings).fit(*load_iris(return_X_y=True))
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize(
    ("features", "labels", "kind", "sentence"),
    [
        (np.ones((5, 2)), None, BINARY, "the rows have no labels"),
        (np.ones((5, 2)), np.ones(5), BINARY, "all 5 records of the train channel have the label 1"),
        (np.ones((5, 2)), np.full(5, 2.0), MULTICLASS, "all 5 records of the train channel have the label 2"),
        (np.ones((2, 2)), np.array([0, 0.5]), BINARY, "the label is 0.5, but a binary_classifier needs labels 0 and 1"),
        (
            np.ones((2, 2)),
            np.array([0, 3]),
            MULTICLASS,
            "the label is 3, but a multiclass_classifier of 3 classes needs",
        ),
        (np.ones((2, 2)), np.array([0, np.nan]), REGRESSOR, "the label is nan, but a regressor needs finite labels"),
        (np.array([[1, np.nan], [1, 2]]), np.array([0, 1]), REGRESSOR, "the features have a number that is missing"),
        (np.ones((2, 2)), np.ones((2, 3)), REGRESSOR, "the rows have 3 labels each; one is needed"),
        (np.empty((0, 2)), np.empty(0), REGRESSOR, "the train channel has no records"),
    ],
)
def test_data_that_is_wrong(features, labels, kind, sentence):
    with pytest.raises(ClientError) as error:
        LinearLearner(predictor_type=kind, num_classes=3).fit(features, labels)
    assert str(error.value).startswith(sentence)


def test_wrong_labels_are_shown_with_their_file_and_row():
    batch = Batch(np.ones((3, 1), np.float32), np.array([0, 1, 7], np.float32), source="train/part-0", first_row=11)
    with pytest.raises(ClientError, match=r"^train/part-0: row 13: the label is 7, but"):
        LinearLearner(predictor_type=BINARY).fit(ArrayBatches(batch))


def test_an_empty_validation_channel_is_named(tumours):
    x, y, *_ = tumours
    with pytest.raises(ClientError, match="the validation channel has no records"):
        LinearLearner(predictor_type=BINARY).fit(x, y, validation=Epochs(x[:0], y[:0]))


def test_labels_that_are_all_alike_are_no_trouble_for_a_regressor():
    x = np.random.default_rng(0).normal(size=(100, 2))
    found = LinearLearner(predictor_type=REGRESSOR, mini_batch_size=10).fit(x, np.full(100, 5.0))
    assert found.predict(x) == pytest.approx(np.full(100, 5.0), abs=0.05)


# Stops and hosts


class Interrupted(Epochs):
    """A channel that is stopped after its batches, as the frame's are."""

    def __iter__(self):
        yield from super().__iter__()
        raise Stopped


def test_a_stop_keeps_the_best_model_so_far(tumours):
    x, y, test, labels = tumours
    found = LinearLearner(predictor_type=BINARY, mini_batch_size=10, num_point_for_scaler=100).fit(Interrupted(x, y, 3))
    assert (found.predict(test) == labels).mean() > 0.9
    with pytest.raises(Stopped):
        LinearLearner(predictor_type=BINARY).fit(Interrupted(x[:0], y[:0]))


@pytest.mark.usefixtures("exchange_port")
def test_hosts_with_a_shard_each_find_one_model(tumours):
    """Three hosts, one with an empty shard: all have the same model, as good as one host's with everything."""
    x, y, test, labels = tumours
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    shards = (Epochs(x[:250], y[:250], 2), Epochs(x[250:], y[250:]), Epochs(x[:0], y[:0]))
    models = [LinearLearner(predictor_type=BINARY, feature_dim=30, mini_batch_size=20, epochs=6) for _ in hosts]
    threads = [
        threading.Thread(
            target=model.fit,
            args=(shard,),
            kwargs={"run": Run(host=host, hosts=hosts), "validation": Epochs(test, labels), "test": Epochs(x, y)},
        )
        for model, host, shard in zip(models, hosts, shards, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    first, *others = models
    for other in others:
        assert np.array_equal(first.weights_, other.weights_)
        assert first.threshold_ == other.threshold_
    assert roc_auc_score(labels, first.respond(Batch(test))["score"]) > 0.99
