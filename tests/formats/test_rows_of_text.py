"""Rows of text out of CSV, JSON and JSON lines: both parsers against each other, and what is wrong by row."""

import io
import tracemalloc

import numpy as np
import pytest

from clary.errors import ClientError
from clary.formats import Source, concatenate, decode_request, read_batches, text_rows


def read(text, content_type="text/csv", **options):
    data = text if isinstance(text, bytes) else text.encode()
    source = Source("logins.csv", lambda: io.BytesIO(data))
    return concatenate(list(read_batches([source], content_type, text=True, **options)))


@pytest.fixture(params=["small", "large"])
def parser(request, monkeypatch):
    """Each test runs with the parser of small texts and with pyarrow's."""
    if request.param == "large":
        monkeypatch.setattr(text_rows, "SMALL", 0)


EXPECTED = [["ann", "10.0.0.1"], ["007", "10.0.0.2"]]


@pytest.mark.parametrize(
    "text",
    [
        "ann,10.0.0.1\n007,10.0.0.2\n",
        "ann,10.0.0.1\r\n007,10.0.0.2",
        "ann, 10.0.0.1\n\t007 , 10.0.0.2 \n",
        '"ann","10.0.0.1"\n007, "10.0.0.2"\n',
        "\n\nann,10.0.0.1\n   \n007,10.0.0.2\n\n",
        "\ufeffann,10.0.0.1\n007,10.0.0.2\n",
    ],
)
@pytest.mark.usefixtures("parser")
def test_spellings(text):
    batch = read(text)
    assert batch.features.tolist() == EXPECTED
    assert (batch.labels, batch.width, batch.source, batch.first_row) == (None, 2, "logins.csv", 1)


@pytest.mark.usefixtures("parser")
def test_text_is_kept_as_it_is():
    """Words that a reader of numbers or of missing values would change, quoted commas and quotes, other scripts."""
    rows = [["1e3", "NA"], ["null", "true"], ["é–日本", ""], ["a,b", 'say "x"']]
    assert read('1e3,NA\nnull,true\né–日本,\n"a,b","say ""x"""\n').features.tolist() == rows
    assert read("1e3,NA\nnull,true\né–日本,\n").features.tolist() == rows[:3]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\nc\n", "logins.csv: row 2 has 1 columns, the rows before it have 2"),
        ("a,b\n\nc,d,e\n", "logins.csv: row 2 has 3 columns, the rows before it have 2"),
        (b"a,b\nc,\xff\n", "logins.csv: row 2 is not UTF-8 text"),
        ('a,b\n"c,d\ne",f\n', "logins.csv: row 2 is not CSV: unexpected end of data"),
        ('a,b\n"c"d,e\n', "logins.csv: row 2 is not CSV: ',' expected after '\"'"),
    ],
)
@pytest.mark.usefixtures("parser")
def test_what_is_wrong_is_named(text, sentence):
    with pytest.raises(ClientError) as error:
        read(text)
    assert str(error.value) == sentence


def test_rows_are_counted_over_blocks(monkeypatch):
    monkeypatch.setattr(text_rows, "BLOCK", 40)
    rows = [[f"user {i}", f"{i}"] for i in range(200)]
    text = "\n".join(map(",".join, rows))
    assert read(text).features.tolist() == rows
    batches = list(read_batches([Source("a", lambda: io.BytesIO(text.encode()))], "text/csv", text=True, rows=60))
    assert [len(batch) for batch in batches] == [60, 60, 60, 20]
    with pytest.raises(ClientError, match="row 201 has 3 columns"):
        read(text + "\n1,2,3")


def test_both_parsers_agree(monkeypatch):
    rng = np.random.default_rng(0)
    rows = [["".join(rng.choice(list("ab01 .é"), rng.integers(0, 9))).strip(), f"{i}"] for i in range(300)]
    text = "\n".join(map(",".join, rows))
    assert read(text).features.tolist() == rows
    monkeypatch.setattr(text_rows, "SMALL", 0)
    assert read(text).features.tolist() == rows


def test_memory_does_not_grow_with_the_file(monkeypatch):
    """Blocks of 64 KB: four times the rows take no more memory."""
    monkeypatch.setattr(text_rows, "BLOCK", 64 << 10)

    def peak(rows):
        data = b"somebody,192.168.0.1\n" * rows
        source = Source("a", lambda: io.BytesIO(data))
        tracemalloc.start()
        count = sum(len(batch) for batch in read_batches([source], "text/csv", text=True))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == rows
        return top

    def least(rows):
        return min(peak(rows) for _ in range(3))  # other threads of this process may allocate meanwhile

    peak(1000)  # imports
    assert least(80_000) < 1.2 * least(20_000)


def test_labels_are_refused():
    assert read("a,b\n", "text/csv;label_size=0").features.tolist() == [["a", "b"]]
    for call in (lambda: read("a,b\n", "text/csv;label_size=1"), lambda: ask("a,b", "text/csv;label_size=1")):
        with pytest.raises(ClientError, match="label_size=1 in the content type: rows of text have no labels"):
            call()


def test_types_without_text_are_named():
    with pytest.raises(ClientError, match=r"Content type 'text/libsvm' can't be read; it may be text/csv$"):
        read("a", "text/libsvm")
    with pytest.raises(ClientError, match=r"it may be text/csv, application/json, application/jsonlines$"):
        ask("a", "application/x-recordio-protobuf")


def ask(body, content_type):
    return decode_request(body.encode(), content_type, text=True).features.tolist()


def test_requests():
    assert ask("ann, 10.0.0.1\n007, 10.0.0.2", "text/csv") == EXPECTED
    forms = '{"data": {"features": {"values": ["ann", "10.0.0.1"]}}}', '{"features": [7, "10.0.0.2"]}'
    expected = [EXPECTED[0], ["7", "10.0.0.2"]]
    assert ask(f'{{"instances": [{",".join(forms)}]}}', "application/json") == expected
    assert ask("\n".join(forms), "application/jsonlines") == expected


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"features": ["a", 1.5]}', "the request: row 1, column 2: '1.5' is not a text"),
        ('{"features": ["a", null]}', "the request: row 1, column 2: 'None' is not a text"),
        ('{"features": ["a", true]}', "the request: row 1, column 2: 'True' is not a text"),
        ('{"features": ["a", "b"]}\n{"features": ["a"]}', "the request: row 2 has 1 columns, the rows before it have"),
        ('{"features": {"keys": [0], "shape": [2], "values": ["a"]}}', "the request: row 1 is sparse"),
        ('{"instances": []}', 'the request: row 1 must be {"features": [...]}'),
        ("{", "the request is not JSON lines"),
        ("", "the request has no rows"),
    ],
)
def test_what_is_wrong_in_json_is_named(body, sentence):
    with pytest.raises(ClientError) as error:
        ask(body, "application/jsonlines")
    assert str(error.value).startswith(sentence)
