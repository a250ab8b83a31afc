"""CSV as the containers take it, both parsers against each other, and every error by file, row and column."""

import io

import numpy as np
import pytest

from clary.errors import ClientError
from clary.formats import Source, concatenate, csv_text, read_batches


def read(text, content_type="text/csv;label_size=0", name="data/train.csv", **options):
    data = text if isinstance(text, bytes) else text.encode()
    return concatenate(list(read_batches([Source(name, lambda: io.BytesIO(data))], content_type, **options)))


@pytest.fixture(params=["small", "large"], autouse=True)
def parser(request, monkeypatch):
    """Each test runs with the parser of small texts and with pyarrow's."""
    if request.param == "large":
        monkeypatch.setattr(csv_text, "SMALL", 0)
        monkeypatch.setattr(csv_text, "FEW", -1)


def test_labels_come_first_unless_the_type_says_otherwise():
    batch = read("1,10,20\n0,30,40\n", "text/csv")
    assert batch.labels.tolist() == [1, 0]
    assert batch.features.tolist() == [[10, 20], [30, 40]]
    assert batch.features.dtype == np.float32
    assert read("1,10,20\n", "text/csv;label_size=0").labels is None
    assert read("1,10,20\n", "text/csv; label_size=2").labels.tolist() == [[1, 10]]
    assert read("1,10,20\n", "csv", label_columns=0).features.tolist() == [[1, 10, 20]]


def test_weights_are_the_column_after_the_label():
    batch = read("1,0.5,20\n0,2,40\n", "text/csv", weights=True)
    assert (batch.labels.tolist(), batch.weights.tolist(), batch.features.tolist()) == ([1, 0], [0.5, 2], [[20], [40]])


@pytest.mark.parametrize(
    "text",
    [
        "1.5,2\n-3e2,.5\n",
        "1.5,2\r\n-3e2,.5\r\n",
        "1.5,2\n-3e2,.5",
        "\n1.5,2\n\n-3e2,.5\n\n",
        ' 1.5 ,2\n"-3e2",".5"\n',
        "+1.5,+2\n-3e2,.5\n",
        "\ufeff1.5,2\n-300,0.5\n",
    ],
)
def test_spellings(text):
    assert read(text).features.tolist() == [[1.5, 2], [-300, 0.5]]


def test_an_empty_field_is_missing():
    batch = read("1,,3\n,5,nan\n", missing=True)
    assert np.array_equal(batch.features, [[1, np.nan, 3], [np.nan, 5, np.nan]], equal_nan=True)


def test_other_delimiters_only_where_they_are_allowed():
    assert read("1;2\n", delimiters=",;\t").features.tolist() == [[1, 2]]
    assert read("1\t2\n", delimiters=",;\t").features.tolist() == [[1, 2]]
    with pytest.raises(ClientError, match="row 1, column 1: '1;2' is not a number"):
        read("1;2\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "age,income\n1,2\n",
            "data/train.csv: row 1, column 1: 'age' is not a number. The file seems to begin with a ",
        ),
        ("1,2\n3,four\n", "data/train.csv: row 2, column 2: 'four' is not a number"),
        ("1,2\n3,1_000\n", "data/train.csv: row 2, column 2: '1_000' is not a number"),
        ("1,2\n3],[4,5\n", "data/train.csv: row 2 has 3 columns, the rows before it have 2"),
        ("1,2\n3],[4\n", "data/train.csv: row 2, column 1: '3]' is not a number"),
        ("1,2\n3\n", "data/train.csv: row 2 has 1 columns, the rows before it have 2"),
        ("1,2\n3,4,5\n", "data/train.csv: row 2 has 3 columns, the rows before it have 2"),
        ("1,2\n3,nan\n", "data/train.csv: row 2, column 2 is missing (NaN); a finite number is needed"),
        ("1,2\n3,\n", "data/train.csv: row 2, column 2 is missing (NaN)"),
        ("1,2\n3,1e300\n", "data/train.csv: row 2, column 2 is inf"),
        ("1,2\n3,inf\n", "data/train.csv: row 2, column 2 is inf"),
    ],
)
def test_what_is_wrong_is_named(text, sentence):
    with pytest.raises(ClientError) as error:
        read(text)
    assert str(error.value).startswith(sentence)


def test_columns_are_counted_in_the_file_and_not_from_the_first_feature():
    with pytest.raises(ClientError, match="row 2, column 3 is missing"):
        read("1,2,3\n1,2,\n", "text/csv")
    with pytest.raises(ClientError, match="row 2, the label is missing"):
        read("1,2,3\n,2,1\n", "text/csv")
    with pytest.raises(ClientError, match=r"1 column\(s\) are too few for 1 label column"):
        read("1\n2\n", "text/csv")


def test_rows_are_counted_over_blocks(monkeypatch):
    monkeypatch.setattr(csv_text, "BLOCK", 40)
    rows = [f"{i},{i / 8}" for i in range(200)]
    assert read("\n".join(rows)).features.tolist() == [[i, i / 8] for i in range(200)]
    rows[150] = "1,x"
    with pytest.raises(ClientError, match="row 151, column 2: 'x'"):
        read("\n".join(rows))
    rows[150] = "1,2,3"
    with pytest.raises(ClientError, match="row 151 has 3 columns"):
        read("\n".join(rows))


def test_a_text_of_blank_lines_has_no_rows():
    assert list(read_batches([Source("a", lambda: io.BytesIO(b"\n\r\n\n"))], "text/csv")) == []


def test_a_binary_file_is_no_endless_line(monkeypatch):
    monkeypatch.setattr("clary.formats.blocks.LONGEST_LINE", 1000)
    monkeypatch.setattr(csv_text, "BLOCK", 100)
    with pytest.raises(ClientError, match="is this a text file"):
        read(b"\x00" * 5000)


def test_both_parsers_agree(monkeypatch):
    rng = np.random.default_rng(1)
    table = rng.normal(0, 10.0 ** rng.integers(-20, 20, (50, 6))).astype(np.float32)
    text = "\n".join(",".join(map(str, row)) for row in table.tolist())
    assert np.array_equal(read(text).features, table)
