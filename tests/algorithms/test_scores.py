"""The scores of predictions: one worked by hand, scikit-learn as the judge of all."""

import math

import numpy as np
import pytest
from sklearn import metrics

from clary.algorithms import scores


def test_binary_scores_by_hand():
    """True positives 2, false ones 1, missed ones 2: precision 2/3, recall 1/2, F2 = 5 * 1/3 / (4 * 2/3 + 1/2)."""
    found = scores.binary_scores(np.array([1, 1, 1, 1, 0, 0]), np.array([1, 1, 0, 0, 1, 0]), beta=2)
    assert found == pytest.approx({"accuracy": 0.5, "precision": 2 / 3, "recall": 0.5, "f_beta": 10 / 19})


def test_what_divides_by_nothing_is_zero():
    found = scores.binary_scores(np.zeros(3), np.zeros(3))
    assert found == {"accuracy": 1, "precision": 0, "recall": 0, "f_beta": 0}
    assert math.isnan(scores.roc_auc(np.zeros(3), np.arange(3.0)))


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def test_multiclass_scores_are_scikit_learns(rng):
    """Class 4 of 6 is true nowhere, class 5 neither true nor predicted."""
    labels, predicted = rng.integers(0, 4, 300), rng.integers(0, 5, 300)
    found = scores.multiclass_scores(labels, predicted, 6, beta=0.5)
    macro = {"average": "macro", "zero_division": 0}
    recalls = metrics.recall_score(labels, predicted, average=None, labels=range(4))
    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(labels, predicted),
            "balanced_accuracy": recalls.mean(),
            "macro_precision": metrics.precision_score(labels, predicted, **macro),
            "macro_recall": metrics.recall_score(labels, predicted, **macro),
            "macro_f_beta": metrics.fbeta_score(labels, predicted, beta=0.5, **macro),
        }
    )


def test_roc_auc_counts_equal_scores_half(rng):
    labels, values = rng.integers(0, 2, 500), rng.integers(0, 20, 500) / 8
    assert scores.roc_auc(labels, values) == pytest.approx(metrics.roc_auc_score(labels, values), abs=1e-12)
    assert scores.roc_auc(np.array([0, 1, 1]), np.array([0.5, 0.5, 0.9])) == 0.75


def test_cross_entropy_is_scikit_learns(rng):
    labels, chances = rng.integers(0, 2, 200), rng.random(200)
    assert scores.cross_entropy(labels, chances) == pytest.approx(metrics.log_loss(labels, chances))
    labels, chances = rng.integers(0, 3, 200), rng.dirichlet(np.ones(3), 200)
    assert scores.cross_entropy(labels, chances) == pytest.approx(metrics.log_loss(labels, chances))
    assert scores.cross_entropy(np.array([1.0]), np.array([0.0])) < 40


def test_ranks_give_top_k_and_gain(rng):
    labels, values = rng.integers(0, 6, 200), rng.random((200, 6))
    ranks = scores.ranks_of_true(labels, values)
    assert (ranks <= 2).mean() == pytest.approx(metrics.top_k_accuracy_score(labels, values, k=2))
    relevance = np.eye(6)[labels]
    assert (1 / np.log2(1 + ranks)).mean() == pytest.approx(metrics.dcg_score(relevance, values))
    assert scores.ranks_of_true(np.array([0, 2]), np.ones((2, 3))).tolist() == [1, 3]
