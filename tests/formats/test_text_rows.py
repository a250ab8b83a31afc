"""libsvm, JSON, JSON lines."""

import io

import numpy as np
import pytest

from clary.errors import ClientError
from clary.formats import Source, Sparse, concatenate, decode_request, libsvm, read_batches


def read(text, name="a.libsvm"):
    return concatenate(list(read_batches([Source(name, lambda: io.BytesIO(text.encode()))], "text/libsvm")))


def test_libsvm_by_hand():
    batch = read("1 0:1.5 3:-2\n0 1:7\n2\n")
    assert batch.labels.tolist() == [1, 0, 2]
    assert batch.features.dense().tolist() == [[1.5, 0, 0, -2], [0, 7, 0, 0], [0, 0, 0, 0]]
    assert not batch.features.exact
    assert batch.weights is None
    assert batch.groups is None


def test_libsvm_weights_groups_comments_and_blanks():
    batch = read("# a comment\n1:0.5 qid:3 1:1e-3 \n\n  -1:2\tqid:4 2:+5 # more\r\n")
    assert batch.labels.tolist() == [1, -1]
    assert batch.weights.tolist() == [0.5, 2]
    assert batch.groups.tolist() == [3, 4]
    assert batch.features.dense()[:, 1:].tolist() == pytest.approx(np.array([[1e-3, 0], [0, 5]]))


def test_libsvm_over_blocks(monkeypatch):
    monkeypatch.setattr(libsvm, "BLOCK", 30)
    text = "\n".join(f"{i % 2} {i % 5}:{i}.25 7:1" for i in range(100))
    batch = read(text)
    assert batch.labels.tolist() == [i % 2 for i in range(100)]
    assert batch.features.dense()[42].tolist() == [0, 0, 42.25, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1 0:1\n1 0:x\n", "a.libsvm: row 2: '0:x' is not of the form index:value"),
        ("1 0:1\n1 2\n", "a.libsvm: row 2: '2' is not of the form index:value"),
        ("1 0:1\n1 -2:1\n", "a.libsvm: row 2: '-2:1' is not of the form index:value"),
        ("1 qid:1 0:1\n1 qid:1 x:1\n", "a.libsvm: row 2: 'x:1' is not of the form index:value"),
        ("1 0:1\n1 99999999999:1\n", "a.libsvm: row 2: '99999999999:1' is not of the form index:value"),
        ("1 0:1\n1 1.5:1\n", "a.libsvm: row 2: '1.5:1' is not of the form index:value"),
        ("1,2,3\n", "a.libsvm: row 1: '1,2,3' is no label"),
        ("1 0:1\nspam 0:1\n", "a.libsvm: row 2: 'spam' is no label"),
        ("1:1 0:1\n0 0:1\n", "a.libsvm: row 2 has no weight, other rows have a weight"),
        ("1 qid:1 0:1\n0 0:1\n", "a.libsvm: row 2 has no qid, other rows have a qid"),
        ("1 0:1\n0 0:nan\n", "a.libsvm: row 2, key 0 is missing (NaN)"),
    ],
)
def test_what_is_wrong_in_libsvm_is_named(text, sentence):
    with pytest.raises(ClientError) as error:
        read(text)
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [{"features": [1.5, 16]}, {"features": [-2, 0]}]}',
        '{"instances": [{"data": {"features": {"values": [1.5, 16]}}}, {"features": [-2, 0]}], "configuration": {}}',
    ],
)
def test_json_forms(body):
    assert decode_request(body.encode(), "application/json").features.tolist() == [[1.5, 16], [-2, 0]]


def test_json_lines_forms():
    """The developer guide's own example mixes sparse and dense rows."""
    body = (
        b'{"data": {"features": {"keys": [0, 1, 3], "shape": [4], "values": [1, 4, 1]}}}\n'
        b'{"data": {"features": {"values": [1.5, 16.0, 14.0, 23.0]}}}\n'
        b'{"features": [1.5, 16.0, 14.0, 23.0]}\n'
    )
    features = decode_request(body, "application/jsonlines").features
    assert isinstance(features, Sparse)
    assert features.dense().tolist() == [[1, 4, 0, 1], [1.5, 16, 14, 23], [1.5, 16, 14, 23]]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "the request is not JSON"),
        ("[1, 2]", 'the request must be of the form {"instances": [...]}'),
        ('{"instances": []}', "the request has no rows"),
        (
            '{"instances": [{"features": [1]}, {"features": [1, 2]}]}',
            "the request: row 2 has 2 columns, the rows before",
        ),
        ('{"instances": [{"features": [1, "a"]}]}', "the request: row 1, column 2: 'a' is not a number"),
        ('{"instances": [{"features": ["1"]}]}', "the request: row 1, column 1: '1' is not a number"),
        ('{"instances": [{"features": [1, null]}]}', "the request: row 1, column 2: 'None' is not a number"),
        ('{"instances": [[1, 2]]}', 'the request: row 1 must be {"features": [...]}'),
        (
            '{"instances": [{"data": {"features": {"keys": [9], "shape": [4], "values": [1]}}}]}',
            "the request: row 1: the k",
        ),
        (
            '{"instances": [{"data": {"features": {"keys": [1], "values": [1]}}}]}',
            "the request: row 1: a sparse row needs",
        ),
        (
            '{"instances": [{"data": {"features": {"keys": [], "shape": [4], "values": [1]}}}]}',
            "the request: row 1 needs",
        ),
    ],
)
def test_what_is_wrong_in_json_is_named(body, sentence):
    with pytest.raises(ClientError) as error:
        decode_request(body.encode(), "application/json")
    assert str(error.value).startswith(sentence)
