"""What all formats share: sources, batches of a size, checks over files, pipes, answers."""

import io
import json
import os
import threading

import numpy as np
import pytest

from clary.errors import ClientError
from clary.formats import (
    Batch,
    Source,
    Sparse,
    concatenate,
    decode_request,
    encode_response,
    parse_media_type,
    read_batches,
    recordio,
    regroup,
)

RECORDIO = "application/x-recordio-protobuf"


def text(name, data):
    return Source(name, lambda: io.BytesIO(data.encode()))


def test_media_types():
    assert parse_media_type('Text/CSV; label_size=0;charset="utf8"') == (
        "text/csv",
        {"label_size": "0", "charset": "utf8"},
    )
    assert parse_media_type("text/x-libsvm").name == "text/libsvm"
    assert parse_media_type("application/json; verbose=true").parameters == {"verbose": "true"}
    assert parse_media_type("").name == ""


def test_batches_of_a_size_run_over_files():
    files = [text("a", "1\n2\n3\n"), text("b", ""), text("c", "4\n5\n6\n7\n")]
    batches = list(read_batches(files, "text/csv;label_size=0", rows=3))
    assert [batch.features[:, 0].tolist() for batch in batches] == [[1, 2, 3], [4, 5, 6], [7]]


def test_a_batch_knows_where_its_rows_are():
    batches = list(read_batches([text("a", "1\n2\n"), text("b", "3\n4\n5\n")], "text/csv;label_size=0"))
    assert [(batch.source, batch.first_row) for batch in batches] == [("a", 1), ("b", 1)]
    assert (batches[1].slice(1, 3).source, batches[1].slice(1, 3).first_row) == ("b", 2)


@pytest.mark.parametrize("size", [1, 2, 5, 7, 100])
def test_regroup_keeps_every_row_once(size):
    pieces = [3, 1, 7, 0, 2]
    numbers = np.arange(sum(pieces), dtype=np.float32)
    parts = np.split(numbers, np.cumsum(pieces)[:-1])
    batches = list(regroup([Batch(part[:, None], part, part) for part in parts if len(part)], size))
    assert {len(batch) for batch in batches[:-1]} <= {size}
    whole = concatenate(batches)
    for found in (whole.features[:, 0], whole.labels, whole.weights):
        assert np.array_equal(found, numbers)


def test_sparse_rows_are_cut_and_joined():
    rows = Sparse(np.array([0, 2, 2, 3]), np.array([1, 4, 7]), np.array([1.5, 2, 3], np.float32), 9)
    parts = list(regroup([Batch(rows)], 2))
    assert [part.features.rows for part in parts] == [2, 1]
    assert np.array_equal(concatenate(parts).features.dense(), rows.dense())
    mixed = concatenate([parts[1], Batch(np.ones((1, 9), np.float32))])
    assert mixed.features.tolist() == [[0] * 7 + [3, 0], [1] * 9]


def test_files_must_agree():
    with pytest.raises(ClientError, match="b: row 1 has 3 columns, the rows before it have 2"):
        list(read_batches([text("a", "1,2\n"), text("b", "1,2,3\n")], "text/csv;label_size=0"))
    labelled, plain = io.BytesIO(), io.BytesIO()
    recordio.write_records(labelled, np.ones((2, 2), np.float32), np.ones(2))
    recordio.write_records(plain, np.ones((2, 2), np.float32))
    files = [Source("a", lambda: labelled), Source("b", lambda: plain)]
    for stream in (labelled, plain):
        stream.seek(0)
    with pytest.raises(ClientError, match="b: record 1 has no label, the records before it have a"):
        list(read_batches(files, RECORDIO))


def test_nan_in_a_record_is_named():
    stream = io.BytesIO()
    features = np.ones((30, 4), np.float32)
    features[20, 2] = np.nan
    recordio.write_records(stream, features)
    with pytest.raises(ClientError, match=r"the request: record 21, column 3 is missing \(NaN\)"):
        decode_request(stream.getvalue(), RECORDIO)


def test_large_numbers_are_no_infinity():
    """Their sum overflows float32, they don't."""
    assert decode_request(b"3e38,3e38\n", "text/csv").features.tolist() == [pytest.approx([3e38, 3e38])]


def test_unknown_types_are_named():
    with pytest.raises(ClientError, match="Content type 'image/png' can't be read; it may be text/csv, "):
        read_batches([], "image/png")
    with pytest.raises(ClientError, match="Content type 'image/png' can't be read"):
        decode_request(b"", "image/png")
    with pytest.raises(ClientError, match="label_size=two"):
        read_batches([], "text/csv;label_size=two")


@pytest.mark.parametrize("content_type", [RECORDIO, "text/csv;label_size=0"])
def test_a_pipe_gives_short_reads(tmp_path, content_type):
    """A real FIFO whose writer writes odd pieces: nothing is lost, and a pipe may be read unbuffered."""
    table = np.arange(20000, dtype=np.float32).reshape(-1, 5)
    stream = io.BytesIO()
    if content_type == RECORDIO:
        recordio.write_records(stream, table)
    else:
        stream.write("\n".join(",".join(map(str, row)) for row in table.tolist()).encode())
    pipe = tmp_path / "train_0"
    os.mkfifo(pipe)

    def feed():
        with pipe.open("wb", buffering=0) as sink:
            data = stream.getvalue()
            for start in range(0, len(data), 777):
                sink.write(data[start : start + 777])

    writer = threading.Thread(target=feed)
    writer.start()
    batches = list(read_batches([Source("train_0", lambda: pipe.open("rb", buffering=0))], content_type, rows=999))
    writer.join(10)
    assert [len(batch) for batch in batches] == [999, 999, 999, 999, 4]
    assert np.array_equal(concatenate(batches).features, table)


ROWS = {"closest_cluster": np.array([1, 2], np.float32), "distance_to_cluster": np.array([3, 5.5], np.float32)}


def test_answers_as_the_developer_guide_shows_them():
    body, kind = encode_response(ROWS, "application/json")
    assert kind == "application/json"
    assert json.loads(body) == {
        "predictions": [
            {"closest_cluster": 1.0, "distance_to_cluster": 3.0},
            {"closest_cluster": 2.0, "distance_to_cluster": 5.5},
        ]
    }
    assert encode_response(ROWS, "text/csv") == (b"1.0,3.0\n2.0,5.5\n", "text/csv")
    assert encode_response(ROWS, "application/jsonlines; verbose=true") == (
        b'{"closest_cluster":1.0,"distance_to_cluster":3.0}\n{"closest_cluster":2.0,"distance_to_cluster":5.5}\n',
        "application/jsonlines",
    )
    assert json.loads(encode_response(ROWS, "*/*", "scores")[0]).keys() == {"scores"}
    assert encode_response({"projection": np.ones((1, 2))}, "text/csv")[0] == b"1.0,1.0\n"


def test_recordio_answers_hold_the_members_as_labels():
    body, kind = encode_response(ROWS, RECORDIO)
    assert kind == RECORDIO
    assert body.count(b"\x0a\x23\xd7\xce") == 2
    first = body[: len(body) // 2]
    assert b"closest_cluster\x12" in first
    assert np.frombuffer(first[first.index(b"distance_to_cluster") + 19 + 6 :][:4], "<f4") == 3.0


def test_what_cant_be_accepted_is_named():
    with pytest.raises(ClientError, match="Accept type 'image/png' can't be written; it may be application/json, "):
        encode_response(ROWS, "image/png")
    assert encode_response(ROWS, "image/png, text/csv;q=0.5")[1] == "text/csv"
