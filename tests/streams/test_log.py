"""The log of a stream: what is durable, what is read back, what is cut off, and what goes."""

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.clock import MovedClock
from clary.streams import ShardClosed, StreamGone, Streams, segment, shard
from clary.streams.rate import ShardRates
from clary.streams.sequence import LAST_INDEX, Sequence, format_sequence, head_of, parse_sequence

MIB = 1024 * 1024


class Kept:
    """Streams on a folder, opened again when asked."""

    def __init__(self, folder):
        self.folder, self.clock = folder, MovedClock()
        self.streams = Streams(folder, self.clock)

    @property
    def log(self):
        return self.streams.open("s")

    def put(self, *data, shard=0):
        return self.log.put({shard: [(b"k", item) for item in data]})

    def read(self, index=0, shard=0):
        return [data for batch in self.log.shard(shard).read(index) for data in batch.data]

    def again(self):
        self.streams.close()
        self.streams = Streams(self.folder, self.clock)

    def files(self):
        return sorted(self.folder.glob("s/*/*.log"))


@pytest.fixture
def kept(tmp_path):
    kept = Kept(tmp_path / "streams")
    yield kept
    kept.streams.close()


def test_entries_are_read_back_from_an_index_on(kept):
    kept.put(*(b"%04d" % n for n in range(500)))
    kept.put(bytes(2 * MIB), b"last")
    for _ in range(2):
        assert kept.read()[:3] == [b"0000", b"0001", b"0002"]
        assert [len(data) for data in kept.read(499)] == [4, 4, 2 * MIB, 4]
        assert [len(data) for data in kept.read(500)] == [4, 2 * MIB, 4]
        assert kept.read(502) == [b"last"]
        assert kept.read(503) == []
        kept.again()


@given(st.lists(st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=99)), min_size=1), min_size=1, max_size=4))
def test_batches_are_what_was_put(tmp_path_factory, puts):
    kept = Kept(tmp_path_factory.mktemp("batches") / "streams")
    for batch in puts:
        kept.log.put({0: [(key.encode(), data) for key, data in batch]})
    kept.again()
    batches = list(kept.log.shard(0).read(0))
    assert [list(zip(batch.keys, batch.data, strict=True)) for batch in batches] == puts
    assert [batch.after - batch.first for batch in batches] == [len(batch) for batch in puts]
    kept.streams.close()


def test_segments_follow_each_other(kept, monkeypatch):
    monkeypatch.setattr(shard, "SEGMENT_BYTES", 1000)
    data = [b"%03d" % n * 30 for n in range(200)]
    for start in range(0, 200, 5):
        kept.put(*data[start : start + 5])
    assert len(kept.files()) > 10
    assert kept.read() == data
    kept.again()
    assert kept.read(100) == data[99:]
    kept.put(b"more")
    assert kept.read(200) == [data[199], b"more"]


@given(cut=st.integers(1, 500))
def test_a_torn_tail_is_cut_at_the_last_whole_batch(tmp_path_factory, cut):
    kept = Kept(tmp_path_factory.mktemp("torn") / "streams")
    for n in range(0, 20, 2):
        kept.put(bytes([n]) * 20, bytes([n + 1]) * 20)
    [file] = kept.files()
    size = file.stat().st_size
    os.truncate(file, size - cut)
    kept.again()
    left = kept.read()
    whole = (size - cut) // (size // 10)
    assert left == [bytes([n]) * 20 for n in range(2 * whole)]
    assert file.stat().st_size == whole * (size // 10)
    kept.put(b"next")
    kept.again()
    assert kept.read() == [*left, b"next"]
    kept.streams.close()


def test_damage_is_told_not_passed_over(kept, monkeypatch):
    monkeypatch.setattr(shard, "SEGMENT_BYTES", 100)
    for n in range(6):
        kept.put(bytes([n]) * 100)
    first = kept.files()[0]
    content = bytearray(first.read_bytes())
    content[60] ^= 1
    first.write_bytes(content)
    kept.again()
    with pytest.raises(segment.DamagedSegment):
        kept.read()
    assert len(kept.read(2)) == 5


def test_times_find_their_entries_and_old_segments_go(kept):
    for n in range(6):
        kept.put(b"%d" % n)
        kept.clock.move(3600)
    log, start = kept.log.shard(0), 1_700_000_000_000
    for _ in range(2):
        assert [log.first_since(start + n * 3_600_000) for n in range(7)] == [1, 2, 3, 4, 5, 6, 7]
        assert log.first_since(start + 1) == 2
        kept.again()
        log = kept.log.shard(0)
    assert len(kept.files()) == 6
    kept.log.trim(0, start + 3 * 3_600_000 + 1)
    assert kept.read() == [b"3", b"4", b"5"]
    kept.log.trim(0, start + 10 * 3_600_000)
    assert kept.read() == []
    kept.again()
    assert kept.put(b"6")[0][0][0] == 7  # an index is never given twice
    assert kept.read() == [b"6"]


def test_a_clock_that_goes_back_does_not_turn_the_order(kept):
    kept.put(b"a")
    kept.clock.move(-100)
    kept.put(b"b")
    arrivals = [batch.arrival for batch in kept.log.shard(0).read(0)]
    assert arrivals[0] == arrivals[1]


def test_one_sync_serves_all_who_wait(kept, monkeypatch):
    kept.put(b"first")
    syncs, gate = [], threading.Event()
    real = os.fdatasync

    def slow(file):
        syncs.append(file)
        gate.wait(10)
        real(file)

    monkeypatch.setattr(os, "fdatasync", slow)
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(kept.put, b"%d" % n) for n in range(20)]
        while kept.log._shards[0]._next < 22:
            pass
        gate.set()
        places = [future.result()[0][0][0] for future in waiting]
    assert sorted(places) == list(range(2, 22))
    assert len(syncs) == 2  # the first one's, and one for the nineteen that came meanwhile
    assert len(kept.read()) == 21


def test_a_failed_sync_acknowledges_nothing_and_ends_the_segment(kept, monkeypatch):
    kept.put(b"kept")

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", full)
        _, failed = kept.put(b"lost")
        assert failed[0].errno == errno.ENOSPC
        assert kept.read() == [b"kept"]
    places, failed = kept.put(b"after")
    assert (places[0][0], failed) == (2, {})
    assert len(kept.files()) == 2
    kept.again()
    assert kept.read() == [b"kept", b"after"]


def test_a_shard_fails_alone(kept, monkeypatch):
    kept.log.put({0: [(b"k", b"a")], 1: [(b"k", b"b")]})
    monkeypatch.setattr(kept.log.shard(1), "write", lambda staged: (_ for _ in ()).throw(OSError(5, "I/O error")))
    _, failed = kept.log.put({0: [(b"k", b"c")], 1: [(b"k", b"d")]})
    assert list(failed) == [1]
    assert (kept.read(shard=0), kept.read(shard=1)) == ([b"a", b"c"], [b"b"])


def test_sealed_and_deleted_logs_take_nothing(kept):
    kept.put(b"a")
    kept.log.seal([0])
    with pytest.raises(ShardClosed):
        kept.log.put({0: [(b"k", b"b")], 1: [(b"k", b"c")]})
    assert (kept.read(), kept.read(shard=1)) == ([b"a"], [])
    log = kept.log
    kept.streams.delete("s")
    with pytest.raises(StreamGone):
        log.put({1: [(b"k", b"c")]})
    assert not (kept.folder / "s").exists()


def test_folders_of_no_stream_go(kept):
    kept.put(b"a")
    kept.streams.keep_only({"s"})
    assert kept.files()
    kept.again()
    kept.streams.keep_only(set())
    assert not kept.files()


@given(
    created=st.integers(1, 16_025_174_999),
    index=st.integers(0, LAST_INDEX),
    time=st.integers(0, 2**36 - 1),
    number=st.integers(0, 2**31 - 1),
)
def test_sequence_numbers_hold_what_was_put_in(created, index, time, number):
    text = format_sequence(head_of(created, number), index, time)
    assert parse_sequence(text) == Sequence(created, index, time, number)
    assert len(text) == 56
    assert int(format_sequence(head_of(created, number), index + 1, 0)) > int(text)


def test_a_recorded_sequence_number_is_read():
    # Of a shard's start that the service itself made: shard 2, created in November 2015.
    text = format_sequence(head_of(1_447_000_000, 2), 0, 1_447_000_000)
    assert text.startswith("495")
    assert parse_sequence("5") is None
    assert parse_sequence("0") is None


def test_rates_let_a_second_s_worth_through():
    rates = ShardRates(0.0)
    assert sum(rates.write(10, 0.0) for _ in range(1500)) == 1000
    assert sum(rates.write(10, 0.5) for _ in range(1500)) == 500
    assert sum(rates.write(1000, 10.0) for _ in range(1500)) == 1000
    assert rates.write(4 * MIB, 20.0)  # a large record takes what comes in the next seconds
    assert not rates.write(1, 22.0)
    assert rates.write(1, 23.5)
    assert [rates.read(30.0) for _ in range(6)] == [True] * 5 + [False]
    rates.was_read(10 * MIB)
    assert not rates.read(33.0)
    assert rates.read(34.5)


def test_what_is_dropped_is_gone_and_the_numbers_go_on(kept, monkeypatch):
    monkeypatch.setattr(shard, "SEGMENT_BYTES", 120)
    for number in range(6):
        kept.put(b"%060d" % number)
    kept.log.drop(0, 3)
    assert len(kept.files()) == 2
    assert kept.read()[0] == b"%060d" % 2
    kept.log.drop(0, 7)
    assert [file.stat().st_size for file in kept.files()] == [0]
    kept.again()
    assert kept.read() == []
    assert kept.put(b"next")[0] == {0: (7, int(kept.clock.now() * 1000))}
    kept.log.drop(0, 7)
    assert kept.read() == [b"next"]
