import pytest

from clary.tuning.progress import has_converged, not_improving
from clary.tuning.stopping import brackets, is_below_median, is_left_behind, rungs

OTHERS = [[1.0, 0.2], [1.0, 0.4], [1.0, 0.6], [1.0, 0.8], [1.0, 1.0]]
"""Running averages at the second epoch: 0.6, 0.7, 0.8, 0.9, 1.0."""


@pytest.mark.parametrize(
    ("costs", "others", "stops"),
    [
        ([1.0, 0.81], OTHERS, True),
        ([1.0, 0.8], OTHERS, False),
        ([2.0, 0.7], OTHERS, False),  # its own past doesn't matter
        ([1.01], OTHERS, True),
        ([1.0], OTHERS, False),
        ([1.0, 0.9, 0.81], OTHERS, True),  # the others had two epochs
        ([9.0], OTHERS[:4], False),
        ([9.0], [*OTHERS[:4], []], False),
        ([], OTHERS, False),
    ],
)
def test_the_median_rule(costs, others, stops):
    assert is_below_median(costs, others) is stops


def test_rungs_and_brackets():
    assert rungs(1, 27, 0) == [1, 3, 9]
    assert rungs(1, 27, 1) == [3, 9]
    assert rungs(1, 27, 3) == []
    assert brackets(1, 27) == 4
    assert brackets(5, 5) == 1


def test_hyperband_stops_all_but_the_best_third_at_a_rung():
    def behind(costs, others):
        return is_left_behind(costs, others, rungs=[2, 6], most=10)

    others = [[0.5, 0.1], [0.5, 0.2], [0.5, 0.3], [0.5, 0.4], [0.5, 0.5]]
    assert not behind([0.9], others)
    assert not behind([0.9, 0.15], others)
    assert behind([0.9, 0.25], others)
    assert behind([0.9, 0.25, 0.25], others)  # and still after the rung
    assert not behind([0.1, 0.9], others)  # the best so far counts
    assert not behind([0.9, 0.9], [])
    assert behind([0.9, 0.2], [[0.1, 0.1]])
    assert behind([0.0] * 10, [])


def test_an_improvement_is_one_of_a_hundredth():
    assert not_improving([]) == 0
    assert not_improving([1.0]) == 0
    assert not_improving([1.0, 0.995, 0.992, 1.5]) == 3
    assert not_improving([1.0, 0.995, 0.98, 0.975]) == 1
    assert not_improving([-0.9, -0.901, -0.95]) == 0
    assert not_improving([0.0, 0.0, -1.0, -1.0]) == 1


def test_convergence():
    assert not has_converged([1.0] * 10)
    assert has_converged([1.0] * 11)
    falling = [1.0 / number for number in range(1, 30)]
    assert not has_converged([*falling, *[1.0] * 20])
    assert has_converged([*falling, *[1.0] * 30])
