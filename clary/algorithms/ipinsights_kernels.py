"""The loops of IP Insights that numpy has no word for: hashes, addresses, loss over pairs, Adam. Inputs are trusted.

The kernels hold no lock and start no thread.
"""
# mypy: disable-error-code="untyped-decorator, no-untyped-def, no-untyped-call"

import numba
import numpy as np

FNV_OFFSET, FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3
DECAY_1, DECAY_2, TINY = 0.9, 0.999, 1e-8
"""Adam's betas and epsilon."""
FAST = {"reassoc", "contract", "nsz"}
"""A sum may be taken in any order, so in the processor's vectors; NaN and infinity stay what they are."""


@numba.njit(cache=True, nogil=True)
def hash_words(text: np.ndarray, ends: np.ndarray, count: int) -> np.ndarray:
    """FNV-1a (64 bits) of each word modulo `count`: (n,) int64. Word i is text[ends[i - 1]:ends[i]]."""
    places = np.empty(len(ends), np.int64)
    start = 0
    for word in range(len(ends)):
        value = np.uint64(FNV_OFFSET)
        for at in range(start, ends[word]):
            value = (value ^ np.uint64(text[at])) * np.uint64(FNV_PRIME)
        places[word] = np.int64(value % np.uint64(count))
        start = ends[word]
    return places


@numba.njit(cache=True, nogil=True)
def read_addresses(text: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, int]:
    """Dotted decimals as numbers, (n,) uint32, and the first word that is none; -1: all are.

    Four numbers from 0 to 255 without leading zeros, which some programs take for octal.
    """
    addresses = np.zeros(len(ends), np.uint32)
    start = 0
    for word in range(len(ends)):
        address, octet, digits, dots = np.uint32(0), 0, 0, 0
        for at in range(start, ends[word]):
            mark = text[at]
            if mark == 46 and digits and dots < 3:
                address, octet, digits, dots = np.uint32(address << 8 | octet), 0, 0, dots + 1
            elif 48 <= mark <= 57 and not (digits and octet == 0):
                octet, digits = octet * 10 + (mark - 48), digits + 1
                if octet > 255:
                    return addresses, word
            else:
                return addresses, word
        if dots != 3 or not digits:
            return addresses, word
        addresses[word] = address << 8 | octet
        start = ends[word]
    return addresses, -1


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def discriminate(entities, vectors, who, where, positives, weight, d_entities, d_vectors):
    """The loss over pairs and its gradients.

    entities: (u, D), vectors: (m, D) of addresses, float32
    who, where: (N,) the entity and the address of each pair; the first `positives` were seen, the rest are made up
    d_entities, d_vectors: `weight` times the gradients of the summed loss are added to them

    Returns the summed cross-entropy and how many pairs were told rightly.
    """
    loss, right, width = 0.0, 0, entities.shape[1]
    for pair in range(len(who)):
        a, b = who[pair], where[pair]
        score = np.float32(0)
        for i in range(width):
            score += entities[a, i] * vectors[b, i]
        seen = pair < positives
        right += (score > 0) == seen
        # ln(1 + e^-s) for a pair that was seen, ln(1 + e^s) for one that wasn't; e^-|s| can't overflow.
        shrunk = np.exp(-abs(score))
        loss += np.log1p(shrunk) + max(np.float32(0), -score if seen else score)
        chance = (1 if score > 0 else shrunk) / (1 + shrunk)
        slope = np.float32((chance - seen) * weight)
        for i in range(width):
            d_entities[a, i] += slope * vectors[b, i]
            d_vectors[b, i] += slope * entities[a, i]
    return loss, right


@numba.njit(cache=True, nogil=True)
def add_rows(rows: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """The sums of the rows, (n, D), that have each place, (n,): (count, D)."""
    sums = np.zeros((count, rows.shape[1]), rows.dtype)
    for row in range(len(places)):
        total, more = sums[places[row]], rows[row]
        for i in range(len(total)):
            total[i] += more[i]
    return sums


@numba.njit(cache=True, nogil=True)
def rectify(hidden, biases):
    """relu(h + b) for rows h, in place."""
    for row in range(len(hidden)):
        for i in range(len(biases)):
            hidden[row, i] = max(hidden[row, i] + biases[i], np.float32(0))


@numba.njit(cache=True, nogil=True)
def close_gates(outer, rectified):
    """The gradient through a rectifier, in place: 0 where it let nothing through."""
    for row in range(len(outer)):
        for i in range(outer.shape[1]):
            outer[row, i] = outer[row, i] if rectified[row, i] > 0 else np.float32(0)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def adam(weights, means, squares, places, gradients, step, decay):
    """One step of Adam on some rows of weights (n, D) float32, with their running means; in place.

    places: the rows, each once; gradients: theirs, `decay` times the weights comes on top
    step: the learning rate with Adam's correction for the means' start at 0
    """
    for at in range(len(places)):
        row, mean, square, gradient = weights[places[at]], means[places[at]], squares[places[at]], gradients[at]
        for i in range(len(row)):
            slope = gradient[i] + decay * row[i]
            mean[i] += np.float32(1 - DECAY_1) * (slope - mean[i])
            square[i] += np.float32(1 - DECAY_2) * (slope * slope - square[i])
            row[i] -= step * mean[i] / (np.sqrt(square[i]) + np.float32(TINY))


def compile_kernels() -> None:
    """Run each kernel once, so that its machine code lies in the cache."""
    text, ends = np.frombuffer(b"1.2.3.4", np.uint8), np.array([7])
    hash_words(text, ends, 3)
    read_addresses(text, ends)
    one, place = np.ones((1, 4), np.float32), np.zeros(1, np.int64)
    discriminate(one, one, place, place, 1, 1.0, one.copy(), one.copy())
    add_rows(one, place, 1)
    rectify(one, one[0].copy())
    close_gates(one, one.copy())
    adam(one, one.copy(), one.copy(), place, one.copy(), np.float32(1e-3), np.float32(0))
