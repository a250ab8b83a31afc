"""Protobuf's varints, all numbers of a block at once."""

import numpy as np


def read_varints_at(data: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number at each position, (n,) int64, and the positions after them; four bytes at most, else -1."""
    last = len(data) - 1
    value, done = np.zeros(len(at), np.int64), np.zeros(len(at), bool)
    for shift in (0, 7, 14, 21):
        byte = data[np.minimum(at, last)].astype(np.int64)
        value = np.where(done, value, value | (byte & 127) << shift)
        at = at + ~done
        done |= byte < 128
        if done.all():
            break
    return np.where(done, value, -1), at


def decode_varints(payload: np.ndarray) -> np.ndarray:
    """All numbers of a byte array, int64; the array ends with a number's last byte."""
    last = payload < 128
    if last.all():
        return payload.astype(np.int64)
    starts = np.concatenate([[0], np.flatnonzero(last)[:-1] + 1])
    place = np.arange(len(payload)) - np.repeat(starts, np.diff(np.append(starts, len(payload))))
    groups = (payload & 127).astype(np.uint64) << (7 * place).astype(np.uint64)
    return np.add.reduceat(groups, starts).astype(np.int64)
