"""Filters and joins on payloads, against what the developer guide shows."""

import csv
import io

import numpy as np
import pytest

from clary.errors import ClientError
from clary.hosting import ContainerSpec
from clary.transform import TransformSpec, csv_rows
from clary.transform.json_path import parse
from clary.transform.processing import Processing


def processing(content, input_filter="$", output_filter="$", *, join=False):
    spec = TransformSpec(
        id="arn",
        account="1",
        region="r",
        name="job",
        containers=[ContainerSpec(algorithm="xgboost")],
        source_uri="s3://b/in/",
        output_uri="s3://b/out",
        instances=["i-1"],
        input_content=content,
        output_content=content,
        input_filter=input_filter,
        output_filter=output_filter,
        join=join,
    )
    return Processing(spec)


def test_an_id_column_is_left_out_and_joined_with_the_score():
    whole = processing("csv", "$[1:]", "$[0,-1]", join=True)
    payload = b"id1,1.50,2\nid2,3,4e5\n"
    assert whole.prepare(payload) == b"1.50,2\n3,4e5\n"
    assert whole.finish(payload, b"0.9\n0.1\n") == b"id1,0.9\nid2,0.1\n"


def test_a_row_is_followed_by_its_answer():
    assert processing("csv", join=True).finish(b"1,2,3\n4,5,6", b"1\n0\n") == b"1,2,3,1\n4,5,6,0\n"


def test_the_output_alone_is_cut():
    assert processing("csv", output_filter="$[1]").finish(b"whatever", b"1,2\n3,4\n") == b"2\n4\n"


def test_quotes_stay_where_they_are_needed():
    whole = processing("csv", "$[1:]", "$[0,-1]", join=True)
    payload = b'"Doe, J.",1,"2"\n"say ""hi""",3,4\n'
    assert whole.prepare(payload) == b"1,2\n3,4\n"
    assert whole.finish(payload, b"0.9\n0.1\n") == b'"Doe, J.",0.9\n"say ""hi""",0.1\n'


def test_other_numbers_of_rows_are_an_error():
    for content, payload, answer in (("csv", b"1\n2\n", b"1\n"), ("lines", b"{}\n{}\n", b"1\n")):
        with pytest.raises(ClientError, match="mismatched line counts between the input and the output: 2 and 1"):
            processing(content, join=True).finish(payload, answer)


@pytest.mark.parametrize("path", ["$[1:]", "$[0,-1]", "$[:3]", "$[3,1,1]", "$[2]"])
def test_many_rows_are_cut_as_few_are(path, monkeypatch):
    table = np.random.default_rng(0).normal(size=(500, 5)).round(3).astype(str)
    data = "\n".join(map(",".join, table)).encode()
    few = csv_rows.cut(data, parse(path))
    monkeypatch.setattr(csv_rows, "SMALL", 0)
    assert csv_rows.cut(data, parse(path)) == few
    chosen = {"$[1:]": [1, 2, 3, 4], "$[0,-1]": [0, 4], "$[:3]": [0, 1, 2], "$[3,1,1]": [3, 1, 1], "$[2]": [2]}[path]
    assert list(csv.reader(io.StringIO(few.decode()))) == table[:, chosen].tolist()


@pytest.mark.parametrize("small", [0, 1 << 20])
def test_a_row_of_another_width_is_an_error(small, monkeypatch):
    monkeypatch.setattr(csv_rows, "SMALL", small)
    with pytest.raises(ClientError, match="Unable to parse data as CSV"):
        csv_rows.cut(b"1,2,3\n4,5\n", parse("$[1:]"))


def test_bytes_of_any_encoding_pass_through():
    assert processing("csv", "$[0]").prepare(b"\xff\xe9,1\n") == b"\xff\xe9\n"


def test_json_lines():
    whole = processing("lines", "$.features", "$['id','SageMakerOutput']", join=True)
    payload = b'{"id":1,"features":[1,2]}\n{"id":2,"features":[3,4]}\n'
    assert whole.prepare(payload) == b"[1,2]\n[3,4]\n"
    answer = b'{"score":0.5}\n{"score":0.25}\n'
    expected = b'{"id":1,"SageMakerOutput":{"score":0.5}}\n{"id":2,"SageMakerOutput":{"score":0.25}}\n'
    assert whole.finish(payload, answer) == expected


def test_json_documents():
    assert processing("document", join=True).finish(b'{"key":1}', b'{"label":1}') == (
        b'{"key":1,"SageMakerOutput":{"label":1}}'
    )
    assert processing("document", join=True).finish(b"[1,2]", b"3") == b'{"SageMakerInput":[1,2],"SageMakerOutput":3}'


@pytest.mark.parametrize("payload", [b"{", b'{"a":1}\n{', b"\xff"])
def test_what_is_no_json_is_an_error(payload):
    with pytest.raises(ClientError, match="Unable to parse data as JSON"):
        processing("lines", "$.a").prepare(payload)
