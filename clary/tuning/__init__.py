"""The search for good hyperparameters: ranges, what to try next, when to stop. Knows no AWS service and no store.

    space = Space([Continuous("eta", 0.1, 0.5), Integer("max_depth", 1, 10)])
    values = suggest("Bayesian", space, seed=1, number=3, known=[Known({"eta": 0.2, "max_depth": 3}, 0.91)])

Objectives are costs here: the lower the better. Who maximises a metric passes its negative.
"""

from clary.tuning.ranges import Categorical, Continuous, Integer, Range, Space
from clary.tuning.strategies import Known, suggest

__all__ = ["Categorical", "Continuous", "Integer", "Known", "Range", "Space", "suggest"]
