"""Bayesian search: optuna's tree-structured Parzen estimator over the scales of the ranges.

Costs are ranked, not measured, so one far-off trial does no harm; trials that still run count as bad ones nearby
(a constant liar), which keeps those that run beside each other apart. Papers: Bergstra et al., Algorithms for
Hyper-Parameter Optimization, NIPS 2011; Falkner et al., BOHB, ICML 2018, for looking at all ranges together.
"""

import random
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clary.tuning.ranges import Categorical, Continuous, Integer, Space
from clary.tuning.strategies import Known, draw

if TYPE_CHECKING:
    import optuna

FIRST = 8
"""Trials at random places, before there is something to learn from."""
ASKS, DRAWS = 5, 50
"""How often another suggestion, and then another random place, is asked for where one was tried before."""


def improve(space: Space, seed: int, number: int, known: Sequence[Known]) -> dict[str, Any]:
    """The values that promise most, given what is known."""
    tried = [trial.values for trial in known]
    ended = [trial for trial in known if trial.cost is not None]
    if len(ended) >= FIRST:
        for attempt in range(ASKS):
            values = _ask(space, _seed(seed, number, attempt), known)
            if values not in tried:
                return values
    drawn = (draw(space, seed, number, attempt) for attempt in range(DRAWS))
    return next((values for values in drawn if values not in tried), draw(space, seed, number))


def _seed(*parts: int) -> int:
    return random.Random(" ".join(map(str, parts))).randrange(2**32)


def _ask(space: Space, seed: int, known: Sequence[Known]) -> dict[str, Any]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, multivariate=True, constant_liar=True)
    study = optuna.create_study(sampler=sampler)
    distributions = _distributions(space)
    complete, running = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.RUNNING
    for trial in known:
        study.add_trial(
            optuna.trial.create_trial(
                state=running if trial.cost is None else complete,
                value=trial.cost,
                params=_inward(space, trial.values),
                distributions=distributions,
            )
        )
    return _outward(space, study.ask(distributions).params)


def _distributions(space: Space) -> dict[str, "optuna.distributions.BaseDistribution"]:
    from optuna import distributions

    return {
        row.name: distributions.CategoricalDistribution(row.values)
        if isinstance(row, Categorical)
        else distributions.IntDistribution(row.low, row.high, log=row.scaling == "Logarithmic")
        if isinstance(row, Integer)
        else distributions.FloatDistribution(0.0, 1.0)
        for row in space
    }


def _inward(space: Space, values: dict[str, Any]) -> dict[str, Any]:
    """Values as optuna has them: real numbers by their place on the scale."""
    return {
        row.name: row.place_of(values[row.name]) if isinstance(row, Continuous) else values[row.name] for row in space
    }


def _outward(space: Space, values: dict[str, Any]) -> dict[str, Any]:
    return {row.name: row.at(values[row.name]) if isinstance(row, Continuous) else values[row.name] for row in space}
