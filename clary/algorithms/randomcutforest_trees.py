"""Random cut trees as arrays: their room, what is said of them, and their file; numpy only.

Every tree of a forest has the same room: `size` leaves and one node fewer. A child is a node's number, or ~leaf for a
leaf. Of a node's points those with a value <= its cut in its column lie to the left. Equal points share a leaf.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

FREE = -1
SAVED = {"points": 3, "counts": 2, "roots": 1, "columns": 2, "cuts": 2, "children": 3}
"""The arrays of a model file and their dimensions; the rest follows from these."""


class Trees(NamedTuple):
    """T trees of at most `size` points with d columns."""

    points: np.ndarray
    """(T, size, d) float32, by leaf"""
    counts: np.ndarray
    """(T, size) int32, how many equal points a leaf stands for; 0: the leaf is free"""
    masses: np.ndarray
    """(T,) int32, the points of a tree"""
    roots: np.ndarray
    """(T,) int32, the child that is the whole tree"""
    columns: np.ndarray
    """(T, size - 1) int32, the column that a node cuts; FREE: the node is"""
    cuts: np.ndarray
    """(T, size - 1) float32, where it cuts"""
    children: np.ndarray
    """(T, size - 1, 2) int32, left and right"""
    boxes: np.ndarray
    """(T, size - 1, 2, d) float32, the least and the greatest values of a node's points"""
    spans: np.ndarray
    """(T, size - 1) float64, the sum of a box's sides"""


def make_room(trees: int, size: int, width: int) -> Trees:
    """Trees without points."""
    nodes = max(size - 1, 1)
    return Trees(
        points=np.zeros((trees, size, width), np.float32),
        counts=np.zeros((trees, size), np.int32),
        masses=np.zeros(trees, np.int32),
        roots=np.zeros(trees, np.int32),
        columns=np.full((trees, nodes), FREE, np.int32),
        cuts=np.zeros((trees, nodes), np.float32),
        children=np.zeros((trees, nodes, 2), np.int32),
        boxes=np.zeros((trees, nodes, 2, width), np.float32),
        spans=np.zeros((trees, nodes)),
    )


def bytes_of(trees: int, size: int, width: int) -> int:
    """What `make_room` takes, nearly: points and boxes."""
    return 3 * 4 * trees * size * width


def node_counts(trees: Trees) -> np.ndarray:
    """Nodes and leaves of each tree, (T,)."""
    found: np.ndarray = 2 * (trees.counts > 0).sum(axis=1) - 1
    return found


def depths(trees: Trees) -> np.ndarray:
    """Cuts on the longest way to a leaf of each tree, (T,); for trees with parents before their children."""
    used, every = trees.columns != FREE, np.arange(len(trees.roots))
    depth = used.astype(np.int64)
    for node in range(used.shape[1]):
        for child in trees.children[:, node].T:
            inner = used[:, node] & (child >= 0)
            depth[every[inner], child[inner]] = depth[inner, node] + 1
    return np.asarray(depth.max(axis=1))


def forest_info(trees: Trees) -> str:
    """The container's line on a finished forest."""
    count, size, width = trees.points.shape
    nodes, deepest = node_counts(trees), depths(trees)
    return (
        f"ForestInfo{{num_trees: {count}, num_samples_in_forest: {count * size}, num_samples_per_tree: {size}, "
        f"sample_dim: {width}, shingle_size: 1, "
        f"trees_num_nodes: [{_listed(nodes)}], trees_depth: [{_listed(deepest)}], "
        f"max_num_nodes: {nodes.max()}, min_num_nodes: {nodes.min()}, avg_num_nodes: {int(nodes.mean())}, "
        f"max_tree_depth: {deepest.max()}, min_tree_depth: {deepest.min()}, avg_tree_depth: {int(deepest.mean())}, "
        f"mem_size: {sum(array.nbytes for array in trees)}}}"
    )


def _listed(numbers: np.ndarray) -> str:
    return "".join(f"{number}, " for number in numbers)


def to_arrays(trees: Trees) -> dict[str, np.ndarray]:
    """What a model file holds."""
    return {name: getattr(trees, name) for name in SAVED}


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Trees | None:
    """The trees of a model file; None where it holds none, or such as would lead a kernel astray."""
    if arrays.keys() != SAVED.keys() or any(arrays[name].ndim != count for name, count in SAVED.items()):
        return None
    room = make_room(*arrays["points"].shape)
    whole = all(
        array.shape == getattr(room, name).shape and array.dtype == getattr(room, name).dtype
        for name, array in arrays.items()
    )
    if not (whole and 0 not in arrays["points"].shape):
        return None
    trees = room._replace(**arrays)
    trees.masses[:] = trees.points.shape[1]
    if not _leads_somewhere(trees):
        return None
    _enclose(trees)
    return trees if (trees.spans[trees.columns != FREE] > 0).all() else None


def _leads_somewhere(trees: Trees) -> bool:
    """Whether every way ends at a leaf with points: a child that is a node comes after its parent."""
    (count, size, width), nodes = trees.points.shape, trees.columns.shape[1]
    every, used = np.arange(count), trees.columns != FREE
    parents = np.append(np.where(used, np.arange(nodes), nodes).repeat(2, axis=1), np.full((count, 1), -1), axis=1)
    children = np.append(trees.children.reshape(count, -1), trees.roots[:, None], axis=1)
    inside = (children >= -size) & (children < nodes)
    safe = np.where(inside, children, 0)
    sound = np.where(
        safe < 0,
        trees.counts[every[:, None], np.minimum(~safe, size - 1)] > 0,
        used[every[:, None], np.maximum(safe, 0)] & (safe > parents),
    )
    return bool(
        ((inside & sound) | (parents == nodes)).all()
        and np.isfinite(trees.points).all()
        and np.isfinite(trees.cuts).all()
        and (trees.counts >= 0).all()
        and (trees.counts.sum(axis=1) == size).all()
        and ((trees.columns >= FREE) & (trees.columns < width)).all()
    )


def _enclose(trees: Trees) -> None:
    """Find the boxes and spans, children before their parents."""
    every = np.arange(len(trees.roots))
    for node in reversed(range(trees.columns.shape[1])):
        used = trees.columns[:, node] != FREE
        sides = []
        for child in trees.children[:, node].T:
            points = trees.points[every, np.where(child < 0, ~child, 0)]
            inner = trees.boxes[every, np.maximum(child, 0)]
            sides.append(np.where((child < 0)[:, None, None], points[:, None], inner))
        low, high = np.minimum(sides[0], sides[1])[:, 0], np.maximum(sides[0], sides[1])[:, 1]
        trees.boxes[used, node, 0], trees.boxes[used, node, 1] = low[used], high[used]
        trees.spans[used, node] = (high[used].astype(np.float64) - low[used]).sum(axis=1)
