"""What the labels of neighbours come to, and how often that is right."""

from __future__ import annotations

import numpy as np

from clary.algorithms.scores import count_classes, multiclass_scores_of


def most_frequent(labels: np.ndarray) -> np.ndarray:
    """The label that most of each row, (n, k), have; of equally many the one that comes first: (n,).

    Sorted, equal labels are runs, and the longest wins. The sort is stable: a run begins with its label's first place.
    """
    n, k = labels.shape
    order = labels.argsort(axis=1, kind="stable")
    ranked = np.take_along_axis(labels, order, axis=1)
    begins = np.ones((n, k), bool)
    begins[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    starts = np.flatnonzero(begins)
    votes = np.diff(starts, append=n * k)
    merit = np.full(n * k, -1)
    merit[starts] = votes * k - order.reshape(-1)[starts]
    return np.asarray(ranked[np.arange(n), merit.reshape(n, k).argmax(axis=1)])


def mean(labels: np.ndarray) -> np.ndarray:
    """The mean of each row, (n, k): (n,) float32."""
    return np.asarray(labels.mean(axis=1, dtype=np.float64), np.float32)


class Scores:
    """The scores of a test channel, added up batch by batch; `known` are the classes that there are, ascending."""

    def __init__(self, known: np.ndarray) -> None:
        self.known = known
        self.counts = np.zeros((3, len(known) + 1), np.int64)
        self.squares = 0.0
        self.rows = 0

    def add(self, labels: np.ndarray, predicted: np.ndarray) -> None:
        """Count in true and predicted labels, (n,) each."""
        self.rows += len(labels)
        self.squares += float(((labels.astype(np.float64) - predicted) ** 2).sum())
        self.counts += count_classes(self._classes(labels), self._classes(predicted), len(self.known) + 1)

    def of_classifier(self) -> dict[str, float]:
        """Accuracy and macro F1, by the names of the log. Labels that no neighbour has count as one more class."""
        found = multiclass_scores_of(self.counts)
        return {"accuracy": found["accuracy"], "macro_f_1.000": found["macro_f_beta"]}

    def of_regressor(self) -> dict[str, float]:
        """The mean squared error."""
        return {"mse": self.squares / self.rows}

    def _classes(self, labels: np.ndarray) -> np.ndarray:
        """Each label's place among the known ones; the place after them for any other."""
        places = np.searchsorted(self.known, labels)
        return np.asarray(np.where(np.append(self.known, np.nan)[places] == labels, places, len(self.known)))
