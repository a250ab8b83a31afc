"""From rows of text to what the network takes: the entity's place among the vectors, the address as a number."""

from collections.abc import Iterable, Iterator
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

import numpy as np

from clary.algorithms.ipinsights_kernels import hash_words, read_addresses
from clary.errors import ClientError
from clary.formats import Batch

WINDOW = 1 << 20
"""Events that are shuffled together: 12 MiB."""


class Events(NamedTuple):
    """Who came from where: (n,) int64 places among the entities' vectors, (n,) uint32 addresses."""

    who: np.ndarray
    where: np.ndarray


def read_events(batch: Batch, count: int) -> Events:
    """The events of rows of text, (n, 2), for `count` entity vectors; raises ClientError naming file, row, column."""
    if batch.width != 2:
        place = f"{batch.source}: " if batch.source else ""
        raise ClientError(f"{place}the data has {batch.width} columns; IP Insights takes two, entity and IPv4 address")
    text, ends = join_words(batch.features[:, 0])  # type: ignore[index] # rows of text are never Sparse
    lengths = np.diff(ends, prepend=0)
    if not lengths.all():
        raise ClientError(f"{_place(batch, int(lengths.argmin()), 1)}: the entity is empty")
    who = hash_words(text, ends, count)
    where, wrong = read_addresses(*join_words(batch.features[:, 1]))  # type: ignore[index]
    if wrong >= 0:
        raise ClientError(f"{_place(batch, wrong, 2)}: {_refuse(batch.features[wrong, 1], batch.first_row + wrong)}")  # type: ignore[index]
    return Events(who, where)


def join_words(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Words one after another in UTF-8, and where each ends: (n,) int64."""
    parts = [word.encode("utf-8", "surrogatepass") for word in words.tolist()]
    return np.frombuffer(b"".join(parts), np.uint8), np.cumsum(list(map(len, parts)), dtype=np.int64)


def mini_batches(batches: Iterable[Batch], count: int, size: int, rng: np.random.Generator) -> Iterator[Events]:
    """One pass over the events in mini-batches of `size`, the last of what is left; shuffled within windows of WINDOW.

    A log comes sorted by time or by entity; an entity must not meet its own addresses as made-up pairs.
    """
    waiting: list[Events] = []
    for batch in batches:
        waiting.append(read_events(batch, count))
        if sum(len(events.who) for events in waiting) >= WINDOW:
            events = _shuffle(waiting, rng)
            whole = len(events.who) // size * size
            yield from _cut(events, 0, whole, size)
            waiting = [Events(events.who[whole:], events.where[whole:])]
    if waiting:
        events = _shuffle(waiting, rng)
        yield from _cut(events, 0, len(events.who), size)


def _shuffle(waiting: list[Events], rng: np.random.Generator) -> Events:
    who, where = (np.concatenate(parts) for parts in zip(*waiting, strict=True))
    order = rng.permutation(len(who))
    return Events(who[order], where[order])


def _cut(events: Events, start: int, stop: int, size: int) -> Iterator[Events]:
    for at in range(start, stop, size):
        yield Events(events.who[at : min(at + size, stop)], events.where[at : min(at + size, stop)])


def _place(batch: Batch, row: int, column: int) -> str:
    return f"{batch.source}{': ' if batch.source else ''}row {batch.first_row + row}, column {column}"


def _refuse(word: str, row: int) -> str:
    """Why a word is no IPv4 address."""
    shown = repr(word if len(word) <= 40 else word[:37] + "...")
    try:
        IPv6Address(word)
    except AddressValueError:
        problem = f"{shown} is not an IPv4 address, four numbers from 0 to 255 such as 192.168.1.2"
        header = row == 1 and word and "." not in word
        return f"{problem}. The file seems to begin with a header; CSV must come without one" if header else problem
    return f"{shown} is an IPv6 address; IP Insights takes IPv4 addresses only"
