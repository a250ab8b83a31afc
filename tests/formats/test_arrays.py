"""npy, Parquet, MXNet's array files."""

import io
import pickle
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from clary.errors import ClientError
from clary.formats import Source, decode_request, mxnet, read_batches


def test_npy():
    data = io.BytesIO()
    np.save(data, np.array([[1, 2], [3, 4]]))
    assert decode_request(data.getvalue(), "application/x-npy").features.tolist() == [[1, 2], [3, 4]]
    data = io.BytesIO()
    np.save(data, np.array([1.5, 2]))
    assert decode_request(data.getvalue(), "application/x-npy").features.tolist() == [[1.5, 2]]


def test_npy_is_never_unpickled():
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    data = io.BytesIO()
    np.save(data, np.array([Trap()]), allow_pickle=True)
    for body in (data.getvalue(), pickle.dumps(Trap()), b"", b"\x93NUMPY\x01\x00"):
        with pytest.raises(ClientError, match=r"is not an array in npy format|must hold one array of numbers"):
            decode_request(body, "application/x-npy")


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i2", "u1", "?", "<f2"])
def test_npy_types_and_orders(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    for given in (array, np.asfortranarray(array)):
        data = io.BytesIO()
        np.save(data, given)
        assert np.array_equal(decode_request(data.getvalue(), "application/x-npy").features, array.astype("f4"))


def test_a_shape_that_claims_more_than_there_is():
    data = io.BytesIO()
    np.save(data, np.ones((2, 2)))
    body = data.getvalue().replace(b"(2, 2), }" + b" " * 11, b"(999999999999, 2), }")
    with pytest.raises(ClientError, match="the array's header and the size of its numbers disagree"):
        decode_request(body, "application/x-npy")


def write_table(path, **columns):
    parquet.write_table(pa.table(columns), path)
    return Source(path.name, lambda: path.open("rb"))


def test_parquet(tmp_path):
    source = write_table(
        tmp_path / "a.parquet", y=[1, 0], a=[0.5, None], b=pa.array([2, 3], pa.int8()), c=[True, False]
    )
    (batch,) = read_batches([source], "application/x-parquet", missing=True)
    assert batch.labels.tolist() == [1, 0]
    assert np.array_equal(batch.features, [[0.5, 2, 1], [np.nan, 3, 0]], equal_nan=True)
    with pytest.raises(ClientError, match=r"a.parquet: row 2, column 2 is missing"):
        list(read_batches([source], "application/x-parquet"))


def test_what_is_wrong_in_parquet_is_named(tmp_path):
    with pytest.raises(ClientError, match=r"a.parquet: column 2 \('name'\) is of type string; a number is needed"):
        list(read_batches([write_table(tmp_path / "a.parquet", y=[1], name=["x"])], "application/x-parquet"))
    path = tmp_path / "b.parquet"
    path.write_bytes(b"1,2,3\n" * 10)
    with pytest.raises(ClientError, match=r"b.parquet is not a Parquet file"):
        list(read_batches([Source(path.name, lambda: path.open("rb"))], "application/x-parquet"))


FILE = bytes.fromhex(
    "1201000000000000 0000000000000000 0100000000000000"  # list magic, reserved, one array
    "c9fa93f9 00000000 02000000 0100000000000000 0200000000000000"  # V2, dense, 2 dimensions: 1, 2
    "01000000 00000000 00000000 0000803f 000000c0"  # cpu 0, float32: 1.0, -2.0
    "0100000000000000 0100000000000000 77"  # one name: "w"
)


def test_mxnet_by_hand(tmp_path):
    path = tmp_path / "model_algo-1"
    path.write_bytes(FILE)
    arrays = mxnet.load(path)
    assert {name: array.tolist() for name, array in arrays.items()} == {"w": [[1.0, -2.0]]}
    mxnet.save(path, {"w": np.array([[1.0, -2.0]], np.float32)})
    assert path.read_bytes() == FILE


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "u1", "i4", "i1", "i8", "?"])
def test_mxnet_types_and_lists(tmp_path, dtype):
    arrays = [np.arange(6).reshape(2, 3).astype(dtype), np.ones(4, dtype)]
    mxnet.save(tmp_path / "m", arrays)
    found = mxnet.load(tmp_path / "m")
    assert [array.dtype for array in found] == [np.dtype(dtype)] * 2
    assert all(map(np.array_equal, found, arrays))


def older_file(version, shape_form):
    """The same array as an older MXNet wrote it."""
    head = struct.pack("<QQQ", 0x112, 0, 1) + version
    return head + struct.pack(shape_form, 2, 1, 2) + struct.pack("<iii2f", 1, 0, 0, 1.0, -2.0) + struct.pack("<Q", 0)


@pytest.mark.parametrize(
    "data",
    [
        older_file(b"", "<III"),
        older_file(struct.pack("<I", 0xF993FAC8), "<Iqq"),
        older_file(struct.pack("<Ii", 0xF993FACA, 0), "<iqq"),
    ],
)
def test_mxnet_older_and_newer_versions(tmp_path, data):
    (tmp_path / "m").write_bytes(data)
    assert mxnet.load(tmp_path / "m")[0].tolist() == [[1.0, -2.0]]


def test_what_is_wrong_in_an_mxnet_file_is_named(tmp_path):
    path = Path(tmp_path / "model_algo-1")
    path.write_bytes(b"PK" + bytes(30))
    with pytest.raises(ClientError, match="is not a list of MXNet arrays"):
        mxnet.load(path)
    for size in range(len(FILE)):
        path.write_bytes(FILE[:size])
        with pytest.raises(ClientError, match="model_algo-1 is cut off"):
            mxnet.load(path)
    path.write_bytes(FILE[:28] + b"\x02" + FILE[29:])
    with pytest.raises(ClientError, match="sparse MXNet array"):
        mxnet.load(path)
