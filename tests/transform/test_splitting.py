"""Objects split into payloads: all of it, in order, within the limit, with bounded memory."""

import io
from itertools import pairwise

import numpy as np
import pytest

from clary.errors import ClientError
from clary.formats.recordio import write_records
from clary.transform import splitting
from clary.transform.splitting import split


@pytest.fixture(autouse=True)
def small_reads(monkeypatch):
    """Reads of a few bytes, so that small tests cross their borders."""
    monkeypatch.setattr(splitting, "READ", 7)


def payloads(data, how, limit, *, single=False):
    return [payload for block in split(io.BytesIO(data), how, limit, single=single) for payload in block]


def frames(count, width=2):
    stream = io.BytesIO()
    write_records(stream, np.arange(count * width, dtype=np.float32).reshape(count, width))
    return stream.getvalue()


@pytest.mark.parametrize("limit", range(9, 60))
def test_lines_are_kept_whole_and_in_order(limit):
    data = b"".join(b"%d,%d\n" % (number, number**2) for number in range(40))
    found = payloads(data, "Line", limit)
    assert b"".join(found) == data
    assert all(payload.endswith(b"\n") and len(payload) <= limit for payload in found)
    assert all(len(here) + following.index(b"\n") + 1 > limit for here, following in pairwise(found))


def test_the_last_line_may_lack_its_end():
    assert payloads(b"1\n2\n3", "Line", 100) == [b"1\n2\n3"]
    assert payloads(b"1\n2\n3", "Line", 100, single=True) == [b"1", b"2", b"3"]


def test_single_lines_come_without_their_ends_and_blank_ones_not_at_all():
    assert payloads(b"1,2\r\n\r\n3,4\n\n5\n", "Line", 6, single=True) == [b"1,2", b"3,4", b"5"]


def test_an_empty_object_has_no_records():
    assert payloads(b"", "Line", 10) == payloads(b"", "RecordIO", 10) == []
    assert payloads(b"", "None", 10) == [b""]


@pytest.mark.parametrize("single", [False, True])
def test_a_record_beyond_the_limit_is_refused_after_those_before_it(single):
    blocks = split(io.BytesIO(b"1\n2\n" + b"x" * 50 + b"\n3\n"), "Line", 10, single=single)
    assert next(blocks) == ([b"1", b"2"] if single else [b"1\n2\n"])
    with pytest.raises(ClientError, match="Too much data for max payload size"):
        list(blocks)


def test_a_whole_object_beyond_the_limit_is_refused():
    assert payloads(b"x" * 10, "None", 10) == [b"x" * 10]
    with pytest.raises(ClientError, match="Too much data for max payload size: the object"):
        payloads(b"x" * 11, "None", 10)


def test_an_endless_line_fills_no_memory():
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size):
            self.taken += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(ClientError, match="Too much data"):
        list(split(stream, "Line", 1000, single=False))
    assert stream.taken < 3000


@pytest.mark.parametrize("limit", [80, 100, 200, 5000])
def test_frames_are_kept_whole_and_in_order(limit):
    data = frames(20)
    size = len(data) // 20
    found = payloads(data, "RecordIO", limit)
    assert b"".join(found) == data
    assert all(len(payload) <= limit and len(payload) % size == 0 for payload in found)
    assert payloads(data, "RecordIO", limit, single=True) == [data[at : at + size] for at in range(0, len(data), size)]


def test_what_is_no_recordio_is_refused():
    with pytest.raises(ClientError, match="magic number"):
        payloads(b"1,2,3\n" * 30, "RecordIO", 100)
    with pytest.raises(ClientError, match="cut off"):
        payloads(frames(3)[:-5], "RecordIO", 1000)
