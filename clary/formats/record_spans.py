"""Where the numbers of SageMaker's records lie: `aialgs.data.Record` walked without decoding a number.

    Record         { map<string, Value> features = 1; map<string, Value> label = 2;
                     string uid = 3; string metadata = 4; string configuration = 5 }
    map entry      { string key = 1; Value value = 2 }
    Value          { oneof { Float32Tensor = 2, Float64Tensor = 3, Int32Tensor = 7, Bytes = 9 } }
    <Type>Tensor   { repeated values = 1; repeated uint64 keys = 2; repeated uint64 shape = 3 }   packed, or one by one

`trace` walks one record in Python. A file's records nearly always have the same fields in the same order and differ
only in lengths, so `find_spans` traces the first and then takes all others through the same steps together: each step
is a few numpy calls for all records of a block. Those that don't follow (a row of zeros has no keys) are tried with a
trace of their own first one, and the few that are left after that are traced one by one.

Source: the message as the developer guide prints it ("Common data formats for training").
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from clary.errors import ClientError
from clary.formats.protobuf import DELIMITED, FIXED32, FIXED64, Malformed, Span, walk_fields
from clary.formats.varints import read_varints_at

FEATURES, LABEL = 1, 2
FLOAT32, FLOAT64, INT32, BYTES = 2, 3, 7, 9
KIND_NAMES = {FLOAT32: "Float32Tensor", FLOAT64: "Float64Tensor", INT32: "Int32Tensor", BYTES: "Bytes"}
MAIN = b"values"
"""The name of the one feature and the one label that the numeric algorithms read."""

VALUES, KEYS, SHAPE, LABEL_VALUES, LABEL_KEYS, LABEL_SHAPE = range(6)
"""The slots: a tensor's three fields, of the feature and of the label."""

OPEN, CLOSE, SAME, SKIP, TAKE = range(5)
"""What a step does with a field: go in, come out, compare with the first record's, pass over, note as a slot's."""

TRACES = 4
FEW = 8
"""Fewer records aren't worth the numpy calls."""


class Step(NamedTuple):
    """One field on the way through a record."""

    does: int
    tag: int = 0
    start: int = 0
    end: int = 0
    slot: int = 0


class Trace(NamedTuple):
    """A record's steps, and the types of its feature and its label (0: it has none)."""

    steps: list[Step]
    kinds: tuple[int, int]

    def spans(self) -> list[list[Span]]:
        """The spans of each slot; more than one where the numbers stand one by one."""
        found: list[list[Span]] = [[] for _ in range(6)]
        for step in self.steps:
            if step.does == TAKE:
                found[step.slot].append((step.start, step.end))
        return found


class Spans(NamedTuple):
    """Where the numbers of n records lie: one span a slot, empty where a record has none.

    buffer: the bytes that the spans point into
    start, end: (6, n) int64
    kinds: (2, n) int64, the type of the feature and of the label, 0 where there is none
    """

    buffer: bytes
    start: np.ndarray
    end: np.ndarray
    kinds: np.ndarray

    def rows(self, start: int, stop: int) -> "Spans":
        """The records `start` to `stop`."""
        part = slice(start, stop)
        return Spans(self.buffer, self.start[:, part], self.end[:, part], self.kinds[:, part])


def trace(buffer: bytes, start: int, end: int) -> Trace:
    """Walk the record in `buffer[start:end]`; raises Malformed."""
    steps: list[Step] = []
    kinds = [0, 0]
    for tag, low, high in walk_fields(buffer, start, end):
        number = tag >> 3
        if number not in (FEATURES, LABEL) or tag & 7 != DELIMITED:
            steps.append(Step(SKIP, tag))
            continue
        steps.append(Step(OPEN, tag))
        kind = _trace_entry(buffer, low, high, steps, VALUES if number == FEATURES else LABEL_VALUES)
        kinds[number - 1] = kind or kinds[number - 1]
        steps.append(Step(CLOSE))
    return Trace(steps, (kinds[0], kinds[1]))


def _trace_entry(buffer: bytes, start: int, end: int, steps: list[Step], slot: int) -> int:
    """Walk a map's entry; the type of its tensor if its key is "values", else 0."""
    kind, is_main = 0, False
    for tag, low, high in walk_fields(buffer, start, end):
        if tag == 1 << 3 | DELIMITED:
            is_main = buffer[low:high] == MAIN
            steps.append(Step(SAME, tag, low, high))
        elif is_main and tag == 2 << 3 | DELIMITED:
            steps.append(Step(OPEN, tag))
            for inner, inner_low, inner_high in walk_fields(buffer, low, high):
                kind = inner >> 3 if inner >> 3 in KIND_NAMES else kind
                steps.append(Step(OPEN, inner))
                _trace_tensor(buffer, inner_low, inner_high, steps, slot)
                steps.append(Step(CLOSE))
            steps.append(Step(CLOSE))
        else:
            steps.append(Step(SKIP, tag))
    return kind


def _trace_tensor(buffer: bytes, start: int, end: int, steps: list[Step], slot: int) -> None:
    for tag, low, high in walk_fields(buffer, start, end):
        number = tag >> 3
        known = 1 <= number <= 3
        steps.append(Step(TAKE, tag, low, high, slot + number - 1) if known else Step(SKIP, tag))


def find_spans(buffer: bytes, bounds: np.ndarray, name: str, first: int) -> Spans:
    """The spans of all records, which lie at `bounds`: (2, n), starts and ends.

    Raises ClientError naming file and record; `first` is the first one's number.
    """
    count = bounds.shape[1]
    start, end = np.zeros((2, 6, count), np.int64)
    kinds = np.zeros((2, count), np.int64)
    data = np.frombuffer(buffer, np.uint8)
    waiting = np.arange(count)
    for _ in range(TRACES):
        if len(waiting) < FEW:
            break
        leader = _trace_record(buffer, bounds, int(waiting[0]), name, first)
        if any(len(spans) > 1 for spans in leader.spans()) or any(step.tag > 127 for step in leader.steps):
            break
        followed, low, high = _follow(data, bounds[:, waiting], leader.steps)
        rows = waiting[followed]
        start[:, rows], end[:, rows] = low[:, followed], high[:, followed]
        kinds[:, rows] = np.array(leader.kinds)[:, None]
        waiting = waiting[~followed]
    aside = [buffer]
    for row in waiting.tolist():
        alone = _trace_record(buffer, bounds, row, name, first)
        kinds[:, row] = alone.kinds
        start[:, row], end[:, row] = _put_aside(buffer, alone, aside)
    return Spans(b"".join(aside) if len(aside) > 1 else buffer, start, end, kinds)


def _trace_record(buffer: bytes, bounds: np.ndarray, row: int, name: str, first: int) -> Trace:
    try:
        return trace(buffer, *bounds[:, row].tolist())
    except Malformed as error:
        raise ClientError(f"{name}: record {first + row} is no aialgs.data.Record: {error}") from None


def _put_aside(buffer: bytes, alone: Trace, aside: list[bytes]) -> tuple[list[int], list[int]]:
    """A traced record's slots as one span each: what stands in pieces is joined behind the buffer."""
    starts, ends = [0] * 6, [0] * 6
    position = sum(map(len, aside)) if len(aside) > 1 else len(buffer)
    for slot, spans in enumerate(alone.spans()):
        if len(spans) == 1:
            starts[slot], ends[slot] = spans[0]
        elif spans:
            joined = b"".join([buffer[low:high] for low, high in spans])
            starts[slot], ends[slot] = position, position + len(joined)
            position += len(joined)
            aside.append(joined)
    return starts, ends


def _follow(data: np.ndarray, bounds: np.ndarray, steps: list[Step]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take records (bounds, (2, n)) through the steps together: which could follow, and where their slots lie."""
    at, end = bounds
    start_of, end_of = np.zeros((2, 6, len(at)), np.int64)
    follows = np.ones(len(at), bool)
    inside = [end]
    for step in steps:
        if step.does == CLOSE:
            follows &= at == inside.pop()
            continue
        follows &= data[np.minimum(at, len(data) - 1)] == step.tag
        low, high = _contents(data, at + 1, step.tag & 7)
        follows &= (low <= high) & (high <= inside[-1])
        at = np.where(follows, high, end)  # who fell behind waits at its end
        if step.does == OPEN:
            inside.append(at)
            at = np.where(follows, low, end)
        elif step.does == TAKE:
            start_of[step.slot], end_of[step.slot] = low, high
        elif step.does == SAME:
            follows &= high - low == step.end - step.start
            places = np.minimum(low[:, None] + np.arange(step.end - step.start), len(data) - 1)
            follows &= (data[places] == data[step.start : step.end]).all(axis=1)
    return follows & (at == end), start_of, end_of


def _contents(data: np.ndarray, at: np.ndarray, wire: int) -> tuple[np.ndarray, np.ndarray]:
    """The spans of the fields whose tags end before `at`; a field that can't be read ends before it starts."""
    if wire == DELIMITED:
        length, low = read_varints_at(data, at)
        return low, low + length
    if wire in (FIXED32, FIXED64):
        return at, at + (4 if wire == FIXED32 else 8)
    value, after = read_varints_at(data, at)
    return at, np.where(value < 0, at - 1, after)


def iterate_runs(forms: np.ndarray) -> Iterator[Span]:
    """The runs of equal columns of an array, (m, n)."""
    cuts = np.flatnonzero((forms[:, 1:] != forms[:, :-1]).any(axis=0)) + 1
    edges = [0, *cuts.tolist(), forms.shape[1]]
    yield from pairwise(edges)
