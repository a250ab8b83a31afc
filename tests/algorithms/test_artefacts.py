"""`model_algo-1` as other programs read it: by a reader that shares nothing with Clary's own.

Written from the description of MXNet's list files alone. A file holds the number 0x112, a number that is 0, the count
of arrays, the arrays, the count of names, the names; each of these numbers has 8 bytes, a name is its length and text.
An array is a mark (0xF993FAC9, 4 bytes), its storage (4 bytes, 0 for dense), its shape (the count of dimensions in 4
bytes, each in 8), the device (two numbers of 4 bytes: 1, the processor, and 0), the type (4 bytes: 0 is float32, 1 is
float64) and its numbers, row after row. Everything is little-endian.
"""

import array
import io
import json
import zipfile

import numpy as np
import pytest

from clary import algorithms

TYPES = {0: "f", 1: "d"}


def read_list(content):
    """[(name, array), ...] of a whole list file, "" for what has no name."""
    place = 0

    def take(size):
        nonlocal place
        place += size
        assert place <= len(content), "the file is cut short"
        return content[place - size : place]

    def number(size):
        return int.from_bytes(take(size), "little")

    def read_array():
        assert (number(4), number(4)) == (0xF993FAC9, 0)
        shape = [number(8) for _ in range(number(4))]
        assert (number(4), number(4)) == (1, 0)
        numbers = array.array(TYPES[number(4)])
        numbers.frombytes(take(numbers.itemsize * int(np.prod(shape))))
        return np.array(numbers).reshape(shape)

    assert (number(8), number(8)) == (0x112, 0)
    arrays = [read_array() for _ in range(number(8))]
    names = [take(number(8)).decode() for _ in range(number(8))]
    assert place == len(content), "there is more than the description says"
    return list(zip(names or [""] * len(arrays), arrays, strict=True))


@pytest.fixture
def trained(tmp_path):
    """`trained("pca")`: the model of the algorithm's example, its rows, and its artefact's bytes."""

    def train(name, **changes):
        example = algorithms.load(name).example
        features, labels = example.features(), example.labels() if example.labels else None
        model = algorithms.estimator(name)(**{**example.settings, **changes}).fit(features, labels)
        model.save(tmp_path)
        return model, features.astype(np.float64), (tmp_path / "model_algo-1").read_bytes()

    return train


def test_the_reader_reads_a_file_written_by_hand():
    head = (0x112).to_bytes(8, "little") + bytes(8) + (1).to_bytes(8, "little")
    shape = (0xF993FAC9).to_bytes(4, "little") + bytes(4) + b"\2\0\0\0" + b"\1" + bytes(7) + b"\2" + bytes(7)
    numbers = b"\1\0\0\0" + bytes(8) + bytes.fromhex("0000803f 000000c0")
    name = b"\1" + bytes(7) + b"\1" + bytes(7) + b"s"
    [(found, numbers)] = read_list(head + shape + numbers + name)
    assert found == "s"
    assert numbers.tolist() == [[1, -2]]


def test_k_means_writes_its_centres_without_a_name(trained):
    """As notebooks read it: `mx.ndarray.load("model_algo-1")[0]` is (k, feature_dim)."""
    model, rows, content = trained("kmeans")
    [(name, centres)] = read_list(content)
    assert (name, centres.dtype, centres.shape) == ("", np.float32, (3, 2))
    closest = ((rows[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(closest, model.predict(rows))


def test_pca_writes_mean_s_and_v_with_the_largest_component_last(trained):
    """As the population segmentation notebook reads it: the last rows of s and columns of v are the largest."""
    model, rows, content = trained("pca")
    arrays = dict(read_list(content))
    assert {name: found.shape for name, found in arrays.items()} == {"s": (2,), "v": (3, 2), "mean": (1, 3)}
    centred = rows - rows.mean(axis=0)
    np.testing.assert_allclose(arrays["mean"][0], rows.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(arrays["s"], np.linalg.svd(centred)[1][1::-1], rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(centred @ arrays["v"], axis=0), arrays["s"], rtol=1e-6)
    np.testing.assert_allclose(model.predict(rows), centred @ arrays["v"], atol=1e-6)


def test_pca_that_subtracts_no_mean_writes_none(trained):
    assert sorted(name for name, _ in read_list(trained("pca", subtract_mean="false")[2])) == ["s", "v"]


def test_linear_learner_writes_a_module_with_fc0_weight_and_fc0_bias(trained):
    """A zip archive, as notebooks unpack it; `mx.mod.Module.load("mx-mod", 0)` looks for the names of the symbol."""
    model, rows, content = trained("linear-learner")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        arrays = dict(read_list(archive.read("mx-mod-0000.params")))
        nodes = json.loads(archive.read("mx-mod-symbol.json"))["nodes"]
    assert {name: found.shape for name, found in arrays.items()} == {
        "arg:fc0_weight": (1, rows.shape[1]),
        "arg:fc0_bias": (1,),
    }
    assert {name.removeprefix("arg:") for name in arrays} < {node["name"] for node in nodes if node["op"] == "null"}
    margins = rows @ arrays["arg:fc0_weight"].T + arrays["arg:fc0_bias"]
    np.testing.assert_allclose(1 / (1 + np.exp(-margins[:, 0])), model.predict_proba(rows)[:, 1], atol=1e-5)
