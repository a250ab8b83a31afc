"""Random cut trees that change: inserted and deleted points, samples by weight, shingles."""

import math

import numpy as np
import pytest

from clary.algorithms.randomcutforest_kernels import build, score
from clary.algorithms.randomcutforest_stream import Forest
from clary.algorithms.randomcutforest_stream_kernels import delete, insert
from clary.algorithms.randomcutforest_trees import FREE, make_room
from clary.errors import ClientError


def draw(rows, width=3, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def with_room(trees, size):
    """Copies of trees, with room for so many points."""
    roomy = make_room(len(trees.roots), size, trees.points.shape[2])
    for name, array in trees._asdict().items():
        whole = getattr(roomy, name)
        whole[(slice(None), *map(slice, array.shape[1:]))] = array
    return roomy


def samples(forest):
    """Each tree's points, (T, size, d)."""
    return np.stack([points[leaves] for points, leaves in zip(forest.trees.points, forest._leaves, strict=True)])


def assert_same_trees(left, right):
    """Equal wherever a leaf or a node is in use."""
    assert np.array_equal(left.roots, right.roots) and np.array_equal(left.masses, right.masses)
    for names, used in (
        (("counts", "points"), left.counts > 0),
        (("cuts", "children", "boxes", "spans"), left.columns != FREE),
    ):
        assert np.array_equal(used, (right.counts > 0) if "counts" in names else (right.columns != FREE))
        for name in names:
            assert np.array_equal(getattr(left, name)[used], getattr(right, name)[used]), name


def test_an_insertion_by_hand():
    """3 into the tree of 0 and 10: inside the box, so below the root, next to 10, cut off between the two."""

    trees = with_room(build(np.array([[[0], [10]]], np.float32), np.random.default_rng(1)), 3)
    trees.cuts[0, 0] = 2
    leaf = insert(trees, 0, np.array([3], np.float32), np.random.default_rng(0))
    assert leaf == 2
    assert trees.children[0, 0].tolist() == [~0, 1]
    assert trees.children[0, 1].tolist() == [~2, ~1]
    assert 3 <= trees.cuts[0, 1] < 10
    assert trees.boxes[0, 1, :, 0].tolist() == [3, 10]
    assert trees.spans[0].tolist() == [10, 7]
    delete(trees, 0, 0)
    assert trees.roots[0] == 1
    assert trees.masses[0] == 2


@pytest.mark.parametrize("far", [0, 5, 100])
def test_what_is_inserted_and_deleted_leaves_no_trace(far):
    points = np.round(draw(50 * 64).reshape(50, 64, 3), 1)
    trees = with_room(build(points, np.random.default_rng(0)), 80)
    before, rng = with_room(trees, 80), np.random.default_rng(1)
    for tree in range(50):
        others = np.concatenate([draw(10, seed=tree) + far, points[tree, :5]]).astype(np.float32)
        leaves = [insert(trees, tree, point, rng) for point in others]
        for leaf in rng.permutation(leaves):
            delete(trees, tree, leaf)
    assert_same_trees(before, trees)


def test_a_score_is_the_mean_over_insertions():
    """1 / depth of the leaf that an insertion makes, over 3,000 of them, for rows near and far."""
    points = draw(32, 2)
    trees = with_room(build(points[None], np.random.default_rng(0)), 33)
    rng = np.random.default_rng(1)
    for row in np.array([[0.1, 0.2], [1.5, -1.5], [4, 0]], np.float32):
        total = 0.0
        for _ in range(3000):
            leaf = insert(trees, 0, row, rng)
            depth, child = 0, trees.roots[0]
            while child >= 0:
                side = 0 if row[trees.columns[0, child]] <= trees.cuts[0, child] else 1
                child, depth = trees.children[0, child, side], depth + 1
            assert child == ~leaf
            total += 1 / depth
            delete(trees, 0, leaf)
        assert math.log2(33) * total / 3000 == pytest.approx(score(trees, row[None])[0], rel=0.05)


@pytest.mark.parametrize("rows", [64, 600], ids=["as it fills", "as points come and go"])
def test_a_stream_makes_the_trees_that_a_batch_does(rows):
    """400 trees by insertion, and built of the same samples: the scores differ by the trees' noise."""
    points = draw(rows)
    points[::5], points[::9] = np.round(points[::5]), points[3]
    forest = Forest(3, num_trees=400, num_samples_per_tree=64)
    for point in points:
        forest.update(point)
    built = build(samples(forest), np.random.default_rng(0))
    asked = np.concatenate([points[:20], draw(20, seed=1), 5 * draw(20, seed=2)])
    ratio = score(forest.trees, asked) / score(built, asked)
    assert abs(ratio - 1).max() < 0.1
    assert abs(ratio.mean() - 1) < 0.015


def test_without_decay_a_sample_is_uniform():
    """Of 200 points each is in a sample of 20 with odds of 1/10, the first as the last: 1,000 trees, 5 deviations."""
    forest = Forest(1, num_trees=1000, num_samples_per_tree=20)
    for number in range(200):
        forest.update([number])
    kept = samples(forest).astype(int).reshape(1000, 20)
    assert all(len(np.unique(sample)) == 20 for sample in kept)
    assert abs(np.bincount(kept.flat, minlength=200) - 100).max() < 5 * math.sqrt(90)


def test_with_decay_a_sample_is_of_the_newest():
    """Weights e^(-age / 40): a sample of 20 of 400 points has their mean age, nearly 40 (drawn without replacement)."""
    forest = Forest(1, num_trees=500, num_samples_per_tree=20, time_decay=1 / 40)
    for number in range(400):
        forest.update([number])
    ages = 399 - samples(forest)
    assert 39 < ages.mean() < 60
    assert (ages > 250).mean() < 0.01


def test_a_shift_is_strange_until_it_is_learned():
    rng = np.random.default_rng(0)
    forest = Forest(1, num_trees=50, num_samples_per_tree=64, time_decay=1 / 50)
    for value in rng.normal(0, 1, 300):
        forest.update([value])
    assert forest.score([0]) < 1 < 2 < forest.score([15])
    for value in rng.normal(15, 1, 300):
        forest.update([value])
    assert forest.score([15]) < 1 < 2 < forest.score([0])


def test_a_shingle_finds_a_beat_that_is_missing():
    """Every value is ordinary; only that two beats are the same is not."""
    forest = Forest(1, num_trees=50, num_samples_per_tree=64, shingle_size=4)
    rng = np.random.default_rng(0)
    assert forest.score([1]) == 0
    beats = [beat + rng.normal(0, 0.05) for beat in [0, 1] * 200]
    for number, beat in enumerate(beats):
        forest.update([beat])
        assert forest.seen == max(0, number - 2)
    assert forest.score([0]) < 1.2 < 2 < forest.score([1])


def test_a_forest_is_repeatable():
    points = draw(200)
    first, second = (Forest(3, num_trees=50, num_samples_per_tree=16, seed=3) for _ in range(2))
    for point in points:
        first.update(point)
        second.update(point)
    assert_same_trees(first.trees, second.trees)


@pytest.mark.parametrize("point", [[1], [1, 2, 3], [1, math.nan]])
def test_a_point_of_another_form_is_refused(point):
    forest = Forest(2)
    for learn_or_score in (forest.update, forest.score):
        with pytest.raises(ClientError, match=r"A point must be 2 finite number\(s\), not \["):
            learn_or_score(point)
