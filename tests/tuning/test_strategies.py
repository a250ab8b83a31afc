import statistics

import pytest

from clary.tuning import Categorical, Continuous, Integer, Known, Space, suggest

SPACE = Space(
    [Continuous("rate", 1e-4, 1.0, "Logarithmic"), Integer("depth", 1, 9), Categorical("kind", ("bad", "good"))]
)


def cost(values):
    far = abs(values["depth"] - 4) / 9 + (values["kind"] == "bad")
    return far + (1 if values["rate"] < 0.01 else 0) + values["rate"]


def search(strategy, seed, trials=25, space=SPACE):
    known = []
    for number in range(trials):
        values = suggest(strategy, space, seed=seed, number=number, known=known)
        known.append(Known(values, cost(values)))
    return known


def test_suggestions_are_a_function_of_seed_number_and_what_is_known():
    for strategy in ("Random", "Bayesian", "Hyperband"):
        assert search(strategy, 1, 12) == search(strategy, 1, 12) != search(strategy, 2, 12)
    assert search("Random", 1, 8) == search("Bayesian", 1, 8)


def test_values_stay_within_their_ranges_and_types():
    for trial in search("Random", 3, 200) + search("Bayesian", 3, 40):
        assert 1e-4 <= trial.values["rate"] <= 1.0 and isinstance(trial.values["rate"], float)
        assert 1 <= trial.values["depth"] <= 9 and type(trial.values["depth"]) is int
        assert trial.values["kind"] in ("bad", "good")


def test_bayesian_search_beats_random_search():
    best = {
        strategy: statistics.median(min(trial.cost for trial in search(strategy, seed)) for seed in range(7))
        for strategy in ("Random", "Bayesian")
    }
    assert best["Bayesian"] < best["Random"]


def test_bayesian_search_repeats_nothing_while_something_is_left():
    space = Space([Integer("k", 1, 12)])
    known = []
    for number in range(13):
        values = suggest("Bayesian", space, seed=0, number=number, known=known)
        known.append(Known(values, abs(values["k"] - 5)))
    assert len({trial.values["k"] for trial in known}) == 12


def test_trials_beside_each_other_are_kept_apart():
    known = search("Bayesian", 5, 15)
    first = suggest("Bayesian", SPACE, seed=5, number=15, known=known)
    second = suggest("Bayesian", SPACE, seed=5, number=16, known=[*known, Known(first)])
    assert first != second


def test_a_grid_is_walked_in_order():
    space = Space([Categorical("a", ("1", "2")), Categorical("b", ("x", "y", "z"))])
    found = [tuple(suggest("Grid", space, seed=0, number=number).values()) for number in range(space.combinations)]
    assert found == [("1", "x"), ("1", "y"), ("1", "z"), ("2", "x"), ("2", "y"), ("2", "z")]


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_a_range_of_one_value(strategy):
    space = Space([Continuous("a", 0.5, 0.5), Integer("b", 3, 3), Categorical("c", ("only",))])
    known = [Known(space.at([0.5] * 3), 1.0)] * 10
    assert suggest(strategy, space, seed=0, number=10, known=known) == {"a": 0.5, "b": 3, "c": "only"}
