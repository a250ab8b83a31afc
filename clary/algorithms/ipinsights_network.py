"""The network of IP Insights: scores, gradients, negative samples, Adam. Inputs are trusted.

An address is encoded from its 32 bits, x in {-1, 1}^32, by a linear embedding and L fully connected layers,

    h_0 = V x + c,    h_l = W_l relu(h_{l-1}) + b_l  for l = 1 .. L,    its vector is z = h_L

so a prefix of k bits is k of the inputs, and a layer can tell networks apart by conjunctions of them. Rows are
batches: h is (n, D). The gradients follow from the chain rule, layer by layer from the last:

    dW_l = dh_l^T relu(h_{l-1}),    db_l = sum of dh_l,    dh_{l-1} = (dh_l W_l) * [h_{l-1} > 0]
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np

from clary.algorithms.base import Run
from clary.algorithms.exchange import gather
from clary.algorithms.ipinsights_events import Events
from clary.algorithms.ipinsights_kernels import DECAY_1, DECAY_2, adam, add_rows, close_gates, discriminate, rectify

BITS = 32
PART_ROWS = 512
CHUNK = 1 << 22
"""Numbers of a layer's output that are computed at a time where no gradient is wanted: 16 MiB."""

Layer = tuple[np.ndarray, np.ndarray]
"""Weights (D, inputs) and biases (D,), float32."""


class Network(NamedTuple):
    """What is learnt: a vector an entity, (N, D) float32, and the layers that encode addresses."""

    entities: np.ndarray
    layers: list[Layer]

    def embed(self, events: Events) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of entities and addresses, (n, D) each."""
        return self.entities[events.who], encode(self.layers, events.where)[-1]

    def score(self, events: Events) -> np.ndarray:
        """The dot products of events, (n,) float32, in memory that doesn't grow with n."""
        size = max(1, CHUNK // self.entities.shape[1])
        parts = [np.empty(0, np.float32)]
        for start in range(0, len(events.who), size):
            part = Events(*(column[start : start + size] for column in events))
            parts.append(np.einsum("ij,ij->i", *self.embed(part)))
        return np.concatenate(parts)


def first_network(settings: Mapping[str, Any], rng: np.random.Generator) -> Network:
    """Entities at 0, so that one never seen scores 0; layers drawn such that what leaves each varies by about 1."""
    width = settings["vector_dim"]
    inputs = [BITS, *[width] * settings["num_ip_encoder_layers"]]
    spreads = [1 / np.sqrt(BITS), *[np.sqrt(2 / width)] * settings["num_ip_encoder_layers"]]
    layers = [
        ((spread * rng.standard_normal((width, size))).astype(np.float32), np.zeros(width, np.float32))
        for size, spread in zip(inputs, spreads, strict=True)
    ]
    return Network(np.zeros((settings["num_entity_vectors"], width), np.float32), layers)


def bits_of(addresses: np.ndarray) -> np.ndarray:
    """(n,) uint32 -> (n, 32) float32, -1 for 0 and 1 for 1, the network's first bit first."""
    octets = addresses.astype(">u4").view(np.uint8).reshape(-1, 4)
    return np.unpackbits(octets, axis=1).astype(np.float32) * 2 - 1


def encode(layers: Sequence[Layer], addresses: np.ndarray) -> list[np.ndarray]:
    """What enters each layer, and at the end the vectors, (n, D)."""
    entering = [bits_of(addresses)]
    for at, (weights, biases) in enumerate(layers):
        hidden = entering[-1] @ weights.T
        if at < len(layers) - 1:
            rectify(hidden, biases)
        else:
            hidden += biases
        entering.append(hidden)
    return entering


def gradients(layers: Sequence[Layer], entering: Sequence[np.ndarray], outer: np.ndarray) -> list[Layer]:
    """The gradients of weights and biases, from `encode`'s answer and the loss's gradient by the vectors, (n, D)."""
    found: list[Layer] = []
    for (weights, _), inputs in zip(reversed(layers), reversed(entering[:-1]), strict=True):
        found.append((outer.T @ inputs, outer.sum(axis=0)))
        if len(found) < len(layers):
            outer = outer @ weights
            close_gates(outer, inputs)
    return found[::-1]


class Tally(NamedTuple):
    """How well pairs were told apart: their number, summed cross-entropy, and how many were told rightly."""

    pairs: int = 0
    loss: float = 0.0
    right: int = 0

    def __add__(self, other: "Tally") -> "Tally":  # type: ignore[override]
        return Tally(self.pairs + other.pairs, self.loss + other.loss, self.right + other.right)


class Part(NamedTuple):
    """Some events of a mini-batch, and the pairs to tell apart."""

    entities: np.ndarray
    """(n,) places among the entities' vectors"""
    addresses: np.ndarray
    """(m,) uint32, those of the events and random ones"""
    who: np.ndarray
    where: np.ndarray
    """(N,) the event and the address of each pair; the first n were seen"""


def split(events: Events, addresses: int) -> list[Events]:
    """Events in parts of about PART_ROWS addresses, of which each event brings so many; never one alone of several."""
    count = len(events.who)
    parts = max(1, min(count * addresses // PART_ROWS, count // 2))
    return [Events(*columns) for columns in zip(*(np.array_split(column, parts) for column in events), strict=True)]


class Learner:
    """A network and its optimiser's state; `step` learns from one mini-batch of events.

    A mini-batch is learnt from in parts that stay in a core's cache, their gradients added up. `pool` runs the parts
    beside each other; the result doesn't depend on it.
    """

    def __init__(self, settings: Mapping[str, Any], rank: int, pool: Executor) -> None:
        self.settings, self.pool = settings, pool
        self.rng = np.random.default_rng([settings["seed"], rank])
        self.network = first_network(settings, np.random.default_rng(settings["seed"]))  # the same on every host
        self.moments = [(np.zeros_like(weights), np.zeros_like(weights)) for weights in self.tables()]
        self.visits = np.zeros(settings["num_entity_vectors"], np.int64)
        """How many events each entity vector had on this host since the hosts met."""
        self.steps = 0

    def tables(self) -> list[np.ndarray]:
        """Everything that is learnt, each a matrix; a bias is a matrix of one row."""
        return [
            self.network.entities,
            *(table for weights, biases in self.network.layers for table in (weights, biases[None])),
        ]

    def step(self, events: Events) -> Tally:
        """Learn from a mini-batch and the pairs that are made up for it."""
        parts = [self._make_up(part) for part in split(events, 1 + self.settings["random_negative_sampling_rate"])]
        pairs = sum(len(part.who) for part in parts)
        found = list(self.pool.map(lambda part: self._learn_part(part, 1 / pairs), parts))
        losses, rights, slopes, d_layers = zip(*found, strict=True)
        own, place, visits = np.unique(events.who, return_inverse=True, return_counts=True)
        d_entities = add_rows(np.concatenate(slopes), place, len(own))
        total = [(sum(weights), sum(biases)) for weights, biases in (zip(*layer) for layer in zip(*d_layers))]  # noqa: B905
        self._descend(own, d_entities, total)
        self.visits[own] += visits
        return Tally(pairs, sum(losses), sum(rights))

    def _make_up(self, events: Events) -> "Part":
        """Pairs for some events: first each entity with its own address, then with random ones, then with others'.

        The events come in random order, so that each with the one some places on is a shuffle without fixed points.
        """
        count, random = len(events.who), self.settings["random_negative_sampling_rate"]
        strange = self.rng.integers(0, 1 << BITS, count * random, np.uint32)
        shifts = self.rng.integers(1, count, self.settings["shuffled_negative_sampling_rate"]) if count > 1 else []
        rows = np.arange(count)
        where = np.concatenate([rows, count + np.arange(len(strange)), *((rows + shift) % count for shift in shifts)])
        addresses = np.concatenate([events.where, strange])
        return Part(events.who, addresses, np.tile(rows, len(where) // count), where)

    def _learn_part(self, part: "Part", weight: float) -> tuple[float, int, np.ndarray, list[Layer]]:
        """Loss, pairs told rightly, and the gradients of each event's entity vector and of the layers."""
        entering = encode(self.network.layers, part.addresses)
        entities, vectors = self.network.entities[part.entities], entering[-1]
        d_entities, d_vectors = np.zeros_like(entities), np.zeros_like(vectors)
        seen = len(part.entities)
        loss, right = discriminate(entities, vectors, part.who, part.where, seen, weight, d_entities, d_vectors)
        return loss, int(right), d_entities, gradients(self.network.layers, entering, d_vectors)

    def _descend(self, own: np.ndarray, d_entities: np.ndarray, d_layers: Sequence[Layer]) -> None:
        """Adam; of the entities only those that were met, as MXNet's lazy update does it. Biases don't decay."""
        self.steps += 1
        settings = self.settings
        step = settings["learning_rate"] * np.sqrt(1 - DECAY_2**self.steps) / (1 - DECAY_1**self.steps)
        slopes = [d_entities, *(table for weights, biases in d_layers for table in (weights, biases[None]))]
        for table, (means, squares), slope in zip(self.tables(), self.moments, slopes, strict=True):
            places = own if slope is d_entities else np.arange(len(table))
            decay = settings["weight_decay"] if len(table) > 1 or slope is d_entities else 0
            adam(table, means, squares, places, slope, np.float32(step), np.float32(decay))

    def join(self, run: Run) -> int:
        """Make the networks of all hosts one, their mean by how many events each learnt from; how many that were.

        An entity's vector counts by the host's events of that entity. Adam's moments stay each host's own.
        """
        own = np.flatnonzero(self.visits)
        visits, self.visits[own] = self.visits[own], 0
        if len(run.hosts) == 1:
            return int(visits.sum())
        hosts = gather(run, [visits, own, *(table[own] if not at else table for at, table in enumerate(self.tables()))])
        events = np.array([host[0].sum() for host in hosts])
        if events.any():
            shares = np.concatenate([host[0] for host in hosts])
            met, place = np.unique(np.concatenate([host[1] for host in hosts]), return_inverse=True)
            self.network.entities[met] = weighted_means(np.concatenate([host[2] for host in hosts]), shares, place)
            for table, parts in zip(self.tables()[1:], zip(*(host[3:] for host in hosts), strict=True), strict=True):
                table[...] = np.average(parts, axis=0, weights=events)
        return int(events.sum())


def weighted_means(rows: np.ndarray, weights: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The mean of the rows, (n, D), of each group, (n,) from 0: (groups, D) float64."""
    sums = np.zeros((int(group.max(initial=-1)) + 1, rows.shape[1]))
    np.add.at(sums, group, weights[:, None] * rows.astype(np.float64))
    return sums / np.bincount(group, weights)[:, None]
