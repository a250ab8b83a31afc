"""The container's added metrics against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from clary.algorithms.xgboost_metrics import evaluator, own_metrics, predicted_classes
from clary.errors import ClientError

RANDOM = np.random.default_rng(3)
BINARY = RANDOM.integers(0, 2, 200)
PROBABILITIES = np.clip(BINARY * 0.3 + RANDOM.random(200) * 0.7, 0, 1).astype(np.float32)
THREE = RANDOM.integers(0, 3, 200)
TABLE = RANDOM.random((200, 3)).astype(np.float32) + np.eye(3)[THREE] * 0.3

SKLEARN = {
    "accuracy": sklearn_metrics.accuracy_score,
    "balanced_accuracy": sklearn_metrics.balanced_accuracy_score,
    "f1": lambda y, p: sklearn_metrics.f1_score(y, p, average="macro"),
    "f1_macro": lambda y, p: sklearn_metrics.f1_score(y, p, average="macro"),
    "precision_macro": lambda y, p: sklearn_metrics.precision_score(y, p, average="macro"),
    "precision_micro": lambda y, p: sklearn_metrics.precision_score(y, p, average="micro"),
    "recall_macro": lambda y, p: sklearn_metrics.recall_score(y, p, average="macro"),
    "recall_micro": lambda y, p: sklearn_metrics.recall_score(y, p, average="micro"),
}
SKLEARN_BINARY = {
    "f1_binary": sklearn_metrics.f1_score,
    "precision": sklearn_metrics.precision_score,
    "recall": sklearn_metrics.recall_score,
}


class Labels:
    """What of a DMatrix the metrics look at."""

    def __init__(self, labels):
        self.labels = np.asarray(labels, np.float32)

    def get_label(self):
        return self.labels


def score(name, labels, predictions, objective):
    ((found, value),) = evaluator([name], objective)(predictions, Labels(labels))
    assert found == name
    return value


@pytest.mark.parametrize("name", [*SKLEARN, *SKLEARN_BINARY])
def test_two_classes(name):
    expected = {**SKLEARN, **SKLEARN_BINARY}[name](BINARY, PROBABILITIES > 0.5)
    assert score(name, BINARY, PROBABILITIES, "binary:logistic") == pytest.approx(expected)


@pytest.mark.parametrize("name", SKLEARN)
def test_three_classes(name):
    expected = SKLEARN[name](THREE, TABLE.argmax(axis=1))
    assert score(name, THREE, TABLE, "multi:softprob") == pytest.approx(expected)
    assert score(name, THREE, TABLE.argmax(axis=1), "multi:softmax") == pytest.approx(expected)


def test_a_class_that_never_appears_does_not_count():
    labels, predictions = [0, 0, 2, 2], [0, 2, 2, 2]
    expected = sklearn_metrics.f1_score(labels, predictions, average="macro")
    assert score("f1", labels, np.array(predictions), "multi:softmax") == pytest.approx(expected)


@pytest.mark.parametrize("name", SKLEARN_BINARY)
def test_metrics_of_two_classes_refuse_three(name):
    with pytest.raises(ClientError, match=f"Target is multiclass but metric {name} is for two classes"):
        score(name, THREE, TABLE, "multi:softprob")


def test_errors_of_numbers():
    labels, predictions = RANDOM.normal(size=50), RANDOM.normal(size=50)
    expected = sklearn_metrics.mean_squared_error(labels, predictions)
    assert score("mse", labels, predictions, "reg:squarederror") == pytest.approx(expected, rel=1e-5)
    expected = sklearn_metrics.r2_score(labels, predictions)
    assert score("r2", labels, predictions, "reg:squarederror") == pytest.approx(expected, rel=1e-5)


def test_thresholds_follow_the_objective():
    values = np.array([-1.0, 0.2, 0.7])
    assert predicted_classes(values, "binary:logitraw").tolist() == [0, 1, 1]
    assert predicted_classes(values, "binary:logistic").tolist() == [0, 0, 1]
    assert predicted_classes(np.array([0.0, 1.0]), "binary:hinge").tolist() == [0, 1]


def test_only_what_xgboost_lacks_is_computed_here():
    assert own_metrics(["rmse", "f1", "auc", "mse", "error@0.3"]) == ["f1", "mse"]
