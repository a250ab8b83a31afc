import random

import numpy as np
import pytest

from clary.services.cloudwatch.statistic import find_statistic, percentile
from clary.store.metrics import Summary


def summary(*values: float) -> Summary:
    return Summary(len(values), sum(values), min(values), max(values), [(value, 1.0) for value in values])


@pytest.mark.parametrize("percent", [0, 0.1, 10, 33.3, 50, 95, 99.9, 100])
def test_percentiles_are_those_of_numpy(percent: float) -> None:
    random.seed(1)
    for size in (1, 2, 3, 50):
        values = sorted(random.choice([1.0, 2.5, 7.0, 100.0]) for _ in range(size))
        expected = pytest.approx(np.percentile(values, percent))
        assert percentile([(value, 1.0) for value in values], percent) == expected
        counted = [(value, float(values.count(value))) for value in sorted(set(values))]
        assert percentile(counted, percent) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Average", 22.0),
        ("SampleCount", 5),
        ("p50", 3),
        ("P90", 61.6),
        ("tm80", 2.5),
        ("TM(20%:80%)", 3),
        ("TM(:90%)", (1 + 2 + 3 + 4 + 50) / 4.5),
        ("TM(2:100)", 107 / 3),
        ("tc80", 4),
        ("TC(1:4)", 3),
        ("ts80", 10),
        ("TS(3:)", 104),
        ("wm75", (1 + 2 + 3 + 4 + 4) / 5),
        ("WM(2:5)", (2 + 2 + 3 + 4 + 5) / 5),
        ("PR(:3)", 60),
        ("PR(3:1000)", 40),
        ("iqm", (0.75 * 2 + 3 + 0.75 * 4) / 2.5),
    ],
)
def test_by_hand(name: str, expected: float) -> None:
    statistic = find_statistic(name)
    assert statistic
    assert statistic(summary(3.0, 1.0, 100.0, 2.0, 4.0)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "name", ["", "p", "p101", "average", "tm", "TM(:)", "TM(1:2%)", "PR(1%:2%)", "tm101", "TM(:101%)"]
)
def test_what_is_no_statistic(name: str) -> None:
    assert find_statistic(name) is None


def test_nothing_between_the_boundaries() -> None:
    mean, count = find_statistic("TM(200:300)"), find_statistic("TC(200:300)")
    assert mean
    assert count
    assert (mean(summary(1.0, 2.0)), count(summary(1.0, 2.0))) == (None, 0)
