"""The index of k-NN: faiss builds and searches it, here is what SageMaker's settings mean to it.

faiss.Flat compares a query with every row. faiss.IVFFlat groups the rows around nlists centres (k-means) and compares
a query with the rows of the nprobe centres closest to it. faiss.IVFPQ stores of each row in such a group only which of
256 typical vectors is closest to each of the m parts of what is left when the centre is subtracted: m bytes a row
instead of 4 d, at the price of approximate distances. Johnson, Douze and Jegou, Billion-scale similarity search with
GPUs, 2017; Jegou, Douze and Schmid, Product quantization for nearest neighbor search, PAMI 2011.

Importing this file imports faiss: 16 MB of memory and 0.1 s, and no thread is started before something is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np

from clary.errors import AlgorithmError, ClientError

PQ_BITS = 8
PQ_STEPS, PQ_ROWS = 10, 64
"""Steps of the k-means that finds typical vectors, and rows for each of these. faiss's own 25 and 256 take 11 times as
long, and on MNIST classify 4 rows of 10,000 more rightly."""
WITHOUT_TABLES = faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE | faiss.IO_FLAG_PQ_SKIP_SDC_TABLE
"""Reads of an IVFPQ index what its file holds, and computes no tables from it."""
MOST_WORK_ALONE = 10_000_000
"""Multiplications up to which one thread does better than several that have to be woken."""
MANY = 4
"""Queries a group from which it is quicker to go from group to group than from query to query."""
MOST_FOUND = 1 << 22
"""Neighbours in all groups that are kept at a time."""


class Found(NamedTuple):
    """The k nearest of n queries, the nearest first: squared distances or inner products, (n, k) float32, and rows."""

    distances: np.ndarray
    places: np.ndarray
    """(n, k) int64; -1 where the groups looked into hold fewer than k rows."""

    def nearest(self, k: int, *, largest: bool) -> Found:
        """The k nearest of those found, which may stand in any order."""
        order = (-self.distances if largest else self.distances).argsort(axis=1, kind="stable")[:, :k]
        return Found(*(np.take_along_axis(part, order, axis=1) for part in self))


class Index:
    """A faiss index: rows, (n, d) float32, and for a query the k among them that are nearest."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.size, self.width = int(index.ntotal), int(index.d)
        self.groups = int(index.nlist) if isinstance(index, faiss.IndexIVF) else 0
        self._inner_product = index.metric_type == faiss.METRIC_INNER_PRODUCT

    @classmethod
    def build(cls, rows: np.ndarray, settings: Mapping[str, Any]) -> Index:
        """The index of rows, (n, d) float32; raises ClientError where they are too few for the settings."""
        width = rows.shape[1]
        metric = faiss.METRIC_L2 if settings["index_metric"] == "L2" else faiss.METRIC_INNER_PRODUCT
        index: Any = faiss.IndexFlat(width, metric)
        if settings["index_type"] != "faiss.Flat":
            groups = group_count(settings, len(rows))
            if settings["index_type"] == "faiss.IVFFlat":
                index = faiss.IndexIVFFlat(index, width, groups, metric)
            else:
                index = faiss.IndexIVFPQ(index, width, groups, settings["faiss_index_pq_m"], PQ_BITS)
                index.pq.cp.niter, index.pq.cp.max_points_per_centroid = PQ_STEPS, PQ_ROWS
                index.pq.cp.seed = settings["seed"]
                index.pq.cp.min_points_per_centroid = 1  # else faiss writes a warning for each of the m parts
            index.cp.seed = settings["seed"]
            index.nprobe = min(settings["_faiss_index_nprobe"], groups)
        index.train(rows)
        index.add(rows)
        return cls(index)

    def search(self, rows: np.ndarray, k: int) -> Found:
        """The k nearest of each row, (n, d): where the groups looked into hold fewer, more are looked into.

        Raises ClientError for a row so far off that its distances are beyond float32.
        """
        with _threads_for(len(rows) * self.size * self.width):
            if self.groups and len(rows) * self.index.nprobe > MANY * self.groups:
                found = self._search_groups(rows, k)
            else:
                found = Found(*self.index.search(rows, k))
            probes = self.index.nprobe if self.groups else 0
            while len(short := np.flatnonzero(found.places[:, -1] < 0)) and probes < self.groups:
                probes = min(4 * probes, self.groups)
                more = faiss.SearchParametersIVF()
                more.nprobe = probes
                found.distances[short], found.places[short] = self.index.search(rows[short], k, params=more)
        lost = (found.places[:, -1] < 0) | ~np.isfinite(found.distances).all(axis=1)
        if lost.any():
            raise ClientError(f"row {lost.argmax() + 1} has distances too large for float32; scale the features down")
        return found

    def write(self, path: Path) -> None:
        """Save it in faiss's own format."""
        faiss.write_index(self.index, str(path))

    @classmethod
    def read(cls, path: Path) -> Index:
        """The index of a file; AlgorithmError where the file doesn't hold one that k-NN uses."""
        # No part of a file is larger than the file: what says so of itself is refused before memory is taken for it.
        usual = faiss.get_deserialization_vector_byte_limit()
        faiss.set_deserialization_vector_byte_limit(path.stat().st_size)
        try:
            index = faiss.read_index(str(path), WITHOUT_TABLES)
        except (RuntimeError, MemoryError):  # its text is about faiss's sources
            raise AlgorithmError(f"{path.name} is not a whole faiss index") from None
        finally:
            faiss.set_deserialization_vector_byte_limit(usual)
        if not isinstance(index, faiss.IndexFlat | faiss.IndexIVFFlat | faiss.IndexIVFPQ):
            raise ClientError(f"{path.name} holds a {type(index).__name__}, which is none of k-NN's indexes")
        found = cls(index)
        if not found._is_sound():
            raise AlgorithmError(f"{path.name} is damaged: it isn't as faiss would write it")
        if isinstance(index, faiss.IndexIVFPQ):
            index.precompute_table()
        return found

    def _is_sound(self) -> bool:
        """Whether what faiss trusts when it searches may be trusted."""
        parts = [self.index, self.index.quantizer] if self.groups else [self.index]
        if any(part.metric_type not in (faiss.METRIC_L2, faiss.METRIC_INNER_PRODUCT) for part in parts):
            return False
        if self.groups and not 0 < self.index.nprobe <= self.groups:
            return False
        places = [self._places_of(group) for group in range(self.groups)]
        return all(not len(part) or (part.min() >= 0 and part.max() < self.size) for part in places)

    def _search_groups(self, rows: np.ndarray, k: int) -> Found:
        """`index.search` with groups for many rows, several times as fast: each group is compared with all rows that
        look into it by a matrix product, while it is in the processor's cache."""
        probes = self.index.nprobe
        size = max(1, MOST_FOUND // (probes * k))
        parts = [self._search_groups_once(rows[start : start + size], k) for start in range(0, len(rows), size)]
        return Found(*map(np.concatenate, zip(*parts, strict=True)))

    def _search_groups_once(self, rows: np.ndarray, k: int) -> Found:
        _, groups = self.index.quantizer.search(rows, self.index.nprobe)
        order = groups.reshape(-1).argsort(kind="stable")
        bounds = np.searchsorted(groups.reshape(-1)[order], np.arange(self.groups + 1))
        worst = -np.inf if self._inner_product else np.inf
        found = Found(np.full((groups.size, k), worst, np.float32), np.full((groups.size, k), -1))

        def search(group: int) -> None:
            askers = order[bounds[group] : bounds[group + 1]]
            places = self._places_of(group)
            if not len(askers) or not len(places):
                return
            asked, members = rows[askers // groups.shape[1]], self._rows_of(group)
            metric = faiss.METRIC_INNER_PRODUCT
            if not self._inner_product:  # about the centre numbers are small: their squares keep the digits
                centre, metric = self.index.quantizer.reconstruct(group), faiss.METRIC_L2
                asked, members = asked - centre, members - centre
            distances, which = faiss.knn(asked, members, min(k, len(places)), metric=metric)
            found.distances[askers, : which.shape[1]], found.places[askers, : which.shape[1]] = distances, places[which]

        # Each thread takes whole groups alone: to share every small product is to wait for each other as often.
        with ThreadPoolExecutor(faiss.omp_get_max_threads(), "group", faiss.omp_set_num_threads, (1,)) as threads:
            list(threads.map(search, range(self.groups)))
        return Found(*(part.reshape(len(rows), -1) for part in found)).nearest(k, largest=self._inner_product)

    def _places_of(self, group: int) -> np.ndarray:
        """Which rows are in a group, (m,) int64."""
        lists = self.index.invlists
        size = lists.list_size(group)
        return np.asarray(faiss.rev_swig_ptr(lists.get_ids(group), size)) if size else np.empty(0, np.int64)

    def _rows_of(self, group: int) -> np.ndarray:
        """The rows of a group that is not empty, as IVFPQ remembers them or as they are: (m, d) float32."""
        lists = self.index.invlists
        codes = faiss.rev_swig_ptr(lists.get_codes(group), lists.list_size(group) * lists.code_size)
        if isinstance(self.index, faiss.IndexIVFFlat):
            return np.asarray(codes.view(np.float32).reshape(-1, self.width))
        rest = np.asarray(self.index.pq.decode(codes.reshape(-1, lists.code_size)))
        return rest + self.index.quantizer.reconstruct(group) if self.index.by_residual else rest


def group_count(settings: Mapping[str, Any], rows: int) -> int:
    """How many groups an inverted index makes; ClientError where there are too few rows for them."""
    groups: int | str = settings["faiss_index_ivf_nlists"]
    if groups == "auto":
        groups = max(1, int(np.sqrt(rows)))
    if int(groups) > rows:
        raise ClientError(f"faiss_index_ivf_nlists is {groups}, but there are only {rows} records to make groups of")
    if settings["index_type"] == "faiss.IVFPQ" and rows < 1 << PQ_BITS:
        raise ClientError(f"faiss.IVFPQ needs {1 << PQ_BITS} records at least, and there are only {rows}")
    return int(groups)


@contextmanager
def _threads_for(work: int) -> Iterator[None]:
    """One thread of OpenMP's for little work, for the calling thread alone."""
    allowed = faiss.omp_get_max_threads()
    if work > MOST_WORK_ALONE:
        yield
        return
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(allowed)
