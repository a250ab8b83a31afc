"""RecordIO-protobuf against records laid out by hand, byte for byte."""

import contextlib
import io
import struct

import numpy as np
import pytest

from clary.errors import ClientError
from clary.formats import Sparse, concatenate, decode_request, recordio
from clary.formats.batch import ReadOptions

RECORDIO = "application/x-recordio-protobuf"


def field(number, payload, wire=2):
    """A short field, as the protobuf encoding has it."""
    return bytes([number << 3 | wire]) + (bytes([len(payload)]) if wire == 2 else b"") + payload


def tensor(kind, values, keys=b"", shape=b""):
    parts = field(1, values) + (field(2, keys) if keys else b"") + (field(3, shape) if shape else b"")
    return field(kind, parts)


def entry(number, value, key=b"values"):
    return field(number, field(1, key) + field(2, value))


def frame(record):
    return struct.pack("<II", 0xCED7230A, len(record)) + record + bytes(-len(record) % 4)


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def read(data, name="f.rec", dtype=np.float32):
    return concatenate(list(recordio.read(io.BytesIO(data), name, ReadOptions(dtype=dtype))))


def test_one_record_by_hand():
    record = entry(1, tensor(2, floats(1.5, -2.0))) + entry(2, tensor(2, floats(7.0)))
    batch = read(frame(record))
    assert batch.features.tolist() == [[1.5, -2.0]]
    assert batch.labels.tolist() == [7.0]


@pytest.mark.parametrize("count", [1, 40])  # one by one, and all together
def test_each_type_of_tensor(count):
    doubles = struct.pack("<2d", 0.1, -3.0)
    integers = b"\x05" + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # 5 and -1 as varints
    assert (
        read(frame(entry(1, tensor(3, doubles))) * count, dtype=np.float64).features.tolist() == [[0.1, -3.0]] * count
    )
    assert read(frame(entry(1, tensor(7, integers))) * count).features.tolist() == [[5, -1]] * count


@pytest.mark.parametrize("count", [1, 40])
def test_numbers_one_by_one_instead_of_packed(count):
    """Each float with its own tag 0x0d (field 1, four bytes), each key with 0x10 (field 2, varint)."""
    dense = b"".join(field(1, floats(value), wire=5) for value in (1, 2, 3))
    assert read(frame(entry(1, field(2, dense))) * count).features.tolist() == [[1, 2, 3]] * count
    sparse = field(1, floats(9), wire=5) + field(2, b"\x02", wire=0) + field(3, b"\x04", wire=0)
    assert read(frame(entry(1, field(2, sparse))) * count).features.dense().tolist() == [[0, 0, 9, 0]] * count


@pytest.mark.parametrize("count", [1, 40])
def test_sparse_rows_and_rows_of_zeros(count):
    full = entry(1, tensor(2, floats(1, 2), b"\x00\xac\x02", b"\xc8\x03")) + entry(2, tensor(2, floats(1)))
    empty = entry(1, field(2, field(3, b"\xc8\x03"))) + entry(2, tensor(2, floats(0)))
    batch = read((frame(full) + frame(empty)) * count)
    assert isinstance(batch.features, Sparse)
    assert batch.features.exact
    assert batch.features.width == 456
    assert batch.features.indices.tolist() == [0, 300] * count
    assert batch.features.indptr.tolist() == sorted([*range(0, 2 * count + 1, 2), *range(2, 2 * count + 1, 2)])
    assert batch.labels.tolist() == [1, 0] * count


def test_a_sparse_record_without_shape_is_as_wide_as_it_needs():
    batch = read(frame(entry(1, tensor(2, floats(4), b"\x06"))))
    assert (batch.features.width, batch.features.exact) == (7, False)


def test_uids_and_other_fields_are_passed_over():
    records = [entry(1, tensor(2, floats(i))) + field(3, b"u" * (i % 9)) + field(4, b"meta") for i in range(60)]
    assert read(b"".join(map(frame, records))).features[:, 0].tolist() == list(range(60))


def test_integer_labels_as_the_sdk_writes_them():
    """Labels up to 127 take one byte, the rest two: records of different size in one file."""
    labels = [i * 2 for i in range(100)]
    coded = [bytes([n]) if n < 128 else bytes([n & 127 | 128, n >> 7]) for n in labels]
    data = b"".join(frame(entry(1, tensor(2, floats(1, 2))) + entry(2, tensor(7, code))) for code in coded)
    assert read(data).labels.tolist() == labels


def test_what_is_written_is_read(tmp_path):
    rng = np.random.default_rng(0)
    for features in (rng.normal(size=(70, 5)).astype(np.float32), rng.normal(size=(70, 5))):
        for labels in (None, np.arange(70.0), rng.normal(size=(70, 2)).astype(np.float32)):
            stream = io.BytesIO()
            recordio.write_records(stream, features, labels, uid="u1")
            batch = read(stream.getvalue(), dtype=features.dtype.type)
            assert np.array_equal(batch.features, features)
            assert (labels is None) == (batch.labels is None)
            assert labels is None or np.allclose(batch.labels, labels, rtol=1e-6)


def test_sparse_rows_that_are_written_are_read():
    rows = Sparse(np.array([0, 2, 2, 3]), np.array([1, 400, 7]), np.array([1.5, 2, 3], np.float32), 500)
    stream = io.BytesIO()
    recordio.write_records(stream, rows, np.array([1, 2, 3]))
    batch = read(stream.getvalue())
    assert np.array_equal(batch.features.dense(), rows.dense())
    assert batch.labels.tolist() == [1, 2, 3]


def test_blocks_cut_records_anywhere(monkeypatch):
    features = np.arange(300, dtype=np.float32).reshape(60, 5)
    stream = io.BytesIO()
    recordio.write_records(stream, features, features[:, 0])
    for block in (1, 50, 97, 4096):
        monkeypatch.setattr(recordio, "BLOCK", block)
        batch = read(stream.getvalue())
        assert np.array_equal(batch.features, features)
        assert np.array_equal(batch.labels, features[:, 0])


GOOD = frame(entry(1, tensor(2, floats(1, 2))))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (GOOD + GOOD[:-5], "f.rec: record 2 of 24 bytes is truncated: the file ends 27 bytes after it begins"),
        (GOOD + GOOD[:5], "f.rec: record 2 is truncated: the file ends 5 bytes after it begins"),
        (GOOD + b"1,2,3\n4,5,6\n", "f.rec: record 2 does not begin with recordIO's magic number 0xced7230a but with"),
        (frame(b"\x0a\xff"), "f.rec: record 1 is no aialgs.data.Record: a number is cut off"),
        (frame(b"\x0a\x7f1"), "f.rec: record 1 is no aialgs.data.Record: a field runs past its end"),
        (frame(b"\x0b"), "f.rec: record 1 is no aialgs.data.Record: it has a field of the unknown wire type 3"),
        (GOOD + frame(entry(1, field(9, field(1, b"jpeg")))), "f.rec: record 2 has a feature 'values' of type Bytes"),
        (frame(entry(1, tensor(2, floats(1)), key=b"source")), "f.rec: record 1 has no feature named 'values'"),
        (GOOD + frame(entry(1, tensor(2, floats(1)))), "f.rec: record 2 has 1 values, the one before it 2"),
        (GOOD + frame(entry(1, tensor(2, b"123"))), "f.rec: record 2: 3 bytes are no whole Float32Tensor values"),
        (frame(entry(1, tensor(2, floats(1, 2), b"\x01", b"\x04"))), "f.rec: record 1 has 1 keys and 2 values"),
        (frame(entry(1, tensor(2, floats(1), b"\x09", b"\x04"))), "f.rec: record 1 has the key 9, its shape is 4"),
        (frame(entry(1, field(2, b""))), "f.rec: record 1 has no values in its feature 'values', and no shape"),
        (struct.pack("<II", 0xCED7230A, 1 << 29 | 4) + b"1234", "f.rec: record 1 is a part of a split record"),
    ],
)
def test_what_is_wrong_is_named(data, sentence):
    with pytest.raises(ClientError) as error:
        read(data)
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize("count", [1, 40])
def test_other_types_are_refused_where_an_algorithm_takes_float32_only(count):
    def read_float32(data):
        return concatenate(list(recordio.read(io.BytesIO(data), "f.rec", ReadOptions(float32_only=True))))

    single = frame(entry(1, tensor(2, floats(1))))
    double = frame(entry(1, tensor(3, struct.pack("<d", 1))))
    assert len(read_float32(single * count)) == count
    with pytest.raises(ClientError, match=f"record {count + 1} has a feature 'values' of another type than Float32"):
        read_float32(single * count + double * count)


def test_one_wrong_record_among_many_is_named():
    sparse = frame(entry(1, tensor(2, floats(1), b"\x01", b"\x04")))
    odd = frame(entry(1, tensor(2, floats(1), b"\x01", b"\x05")))
    with pytest.raises(ClientError, match=r"record 31 has the shape 5, the one before it the shape 4"):
        read(sparse * 30 + odd + sparse * 30)
    with pytest.raises(ClientError, match="record 18 is no aialgs"):
        read(GOOD * 17 + frame(b"\x0a\x7f1") + GOOD * 17)


def test_garbage_never_raises_anything_else():
    rng = np.random.default_rng(3)
    for _ in range(300):
        data = bytearray(GOOD * 12 + frame(entry(1, tensor(2, floats(1, 2), b"\x00\x01", b"\x04"))) * 12)
        for at in rng.integers(0, len(data), 3):
            data[at] = rng.integers(0, 256)
        with contextlib.suppress(ClientError):
            decode_request(bytes(data), RECORDIO)
