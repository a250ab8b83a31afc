"""The index of k-NN: faiss builds and searches it, here is what SageMaker's settings mean to it.

faiss.Flat compares a query with every row. faiss.IVFFlat groups the rows around nlists centres (k-means) and compares
a query with the rows of the nprobe centres closest to it. faiss.IVFPQ stores of each row in such a group only which of
256 typical vectors is closest to each of the m parts of what is left when the centre is subtracted: m bytes a row
instead of 4 d, at the price of approximate distances. Johnson, Douze and Jegou, Billion-scale similarity search with
GPUs, 2017; Jegou, Douze and Schmid, Product quantization for nearest neighbor search, PAMI 2011.

Importing this file imports faiss: 20 MB of memory and 0.1 s, and no thread is started before something is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss  # type: ignore[import-untyped]
import numpy as np

from clary.errors import AlgorithmError, ClientError

PQ_BITS = 8
MOST_WORK_ALONE = 10_000_000
"""Multiplications up to which one thread does better than several that have to be woken."""


class Index:
    """A faiss index: rows, (n, d) float32, and for a query the k among them that are nearest."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.size, self.width = int(index.ntotal), int(index.d)

    @classmethod
    def build(cls, rows: np.ndarray, settings: Mapping[str, Any]) -> Index:
        """The index of rows, (n, d) float32; raises ClientError where they are too few for the settings."""
        width = rows.shape[1]
        euclidean = settings["index_metric"] == "L2"
        metric = faiss.METRIC_L2 if euclidean else faiss.METRIC_INNER_PRODUCT
        index = faiss.IndexFlat(width, metric)
        if settings["index_type"] != "faiss.Flat":
            lists = list_count(settings, len(rows))
            if settings["index_type"] == "faiss.IVFFlat":
                index = faiss.IndexIVFFlat(index, width, lists, metric)
            else:
                index = faiss.IndexIVFPQ(index, width, lists, settings["faiss_index_pq_m"], PQ_BITS)
                index.pq.cp.seed = settings["seed"]
            index.cp.seed = settings["seed"]
            index.nprobe = min(settings["_faiss_index_nprobe"], lists)
        index.train(rows)
        index.add(rows)
        return cls(index)

    def search(self, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest of each row, (n, k): squared distances or inner products, and positions; the nearest first.

        Where the groups looked into hold fewer than k rows, more are looked into. Raises ClientError for a row so far
        off that its distances are beyond float32.
        """
        with _threads_for(len(rows) * self.size * self.width):
            distances, places = self.index.search(rows, k)
            probes = lists = getattr(self.index, "nlist", 0)
            if lists:
                probes = self.index.nprobe
            while len(short := np.flatnonzero(places[:, -1] < 0)) and probes < lists:
                probes = min(4 * probes, lists)
                more = faiss.SearchParametersIVF(nprobe=probes)
                distances[short], places[short] = self.index.search(rows[short], k, params=more)
        if len(short) or not np.isfinite(distances).all():
            row = short[0] if len(short) else np.flatnonzero(~np.isfinite(distances).all(axis=1))[0]
            raise ClientError(f"row {row + 1} has distances too large for float32; scale the features down")
        return distances, places

    def write(self, path: Path) -> None:
        """Save it in faiss's own format."""
        faiss.write_index(self.index, str(path))

    @classmethod
    def read(cls, path: Path) -> Index:
        """The index of a file; AlgorithmError where the file doesn't hold one that k-NN uses."""
        try:
            index = faiss.read_index(str(path))
        except (RuntimeError, MemoryError):  # its text is about faiss's sources
            raise AlgorithmError(f"{path.name} is not a whole faiss index") from None
        if not isinstance(index, faiss.IndexFlat | faiss.IndexIVFFlat | faiss.IndexIVFPQ):
            raise ClientError(f"{path.name} holds a {type(index).__name__}, which is none of k-NN's indexes")
        if isinstance(index, faiss.IndexIVF) and not _is_sound(index):
            raise AlgorithmError(f"{path.name} is damaged: it names rows that it doesn't have")
        return cls(index)


def list_count(settings: Mapping[str, Any], rows: int) -> int:
    """How many groups an inverted index makes; ClientError where there are too few rows for them."""
    lists: int | str = settings["faiss_index_ivf_nlists"]
    if lists == "auto":
        lists = max(1, int(np.sqrt(rows)))
    if int(lists) > rows:
        raise ClientError(f"faiss_index_ivf_nlists is {lists}, but there are only {rows} records to make groups of")
    if settings["index_type"] == "faiss.IVFPQ" and rows < 1 << PQ_BITS:
        raise ClientError(f"faiss.IVFPQ needs {1 << PQ_BITS} records at least, and there are only {rows}")
    return int(lists)


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


def _is_sound(index: Any) -> bool:
    """Whether the groups name rows between 0 and ntotal only."""
    lists = index.invlists
    for number in range(index.nlist):
        size = lists.list_size(number)
        if size:
            places = faiss.rev_swig_ptr(lists.get_ids(number), size)
            if places.min() < 0 or places.max() >= index.ntotal:
                return False
    return True
