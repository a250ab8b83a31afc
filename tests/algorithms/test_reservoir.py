"""A uniform sample of a stream."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse

from clary.algorithms.reservoir import Sample


def test_the_sample_is_uniform():
    """Each of 1,000 rows is kept with probability 1/10: over 400 runs 40 times, give or take 5 deviations."""
    rows, hits = np.arange(1000, dtype=np.float32)[:, None], np.zeros(1000)
    for number in range(400):
        sample = Sample(100, 1, np.random.default_rng(number))
        for part in np.split(rows, [30, 170, 171, 600]):
            sample.add(part)
        assert len(np.unique(sample.rows)) == 100
        hits[sample.rows[:, 0].astype(int)] += 1
    assert abs(hits - 40).max() < 5 * np.sqrt(40)
    for low, high in pairwise([0, 30, 170, 600, 1000]):
        assert hits[low:high].mean() == pytest.approx(40, rel=0.1)


def test_fewer_rows_than_places_are_all_kept():
    sample = Sample(10, 2, np.random.default_rng(0))
    sample.add(np.array([[1, 2], [3, 4]], np.float32))
    sample.add(scipy.sparse.csr_matrix([[0, 5]], dtype=np.float32))
    assert sample.rows.tolist() == [[1, 2], [3, 4], [0, 5]]
    assert sample.seen == 3


def test_room_is_taken_as_rows_come():
    """A petabyte is asked for, three rows come."""
    sample = Sample(10**14, 3, np.random.default_rng(0))
    for row in range(3):
        sample.add(np.full((1, 3), row, np.float32))
    assert sample.rows[:, 0].tolist() == [0, 1, 2]
    assert len(sample.kept) < 10
