"""A request's way through a script's functions and the containers' defaults for them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import xgboost

from clary.images.clary_toolkit import coding
from clary.images.clary_toolkit.handlers import handler_of
from clary.images.clary_toolkit.transformer import Transformer


class Doubled:
    """A model that doubles."""

    def predict(self, rows):
        return rows[:, 0] * 2


def transformer(framework="scikit-learn", **functions):
    return Transformer(
        handler_of(framework), SimpleNamespace(model_fn=lambda _: Doubled(), **functions), "/opt/ml/model"
    )


@pytest.mark.parametrize(
    ("body", "content_type"), [(b"[[1, 0], [2, 0]]", "application/json"), (b"1,0\n2,0\n", "text/csv")]
)
def test_the_defaults_read_and_write_what_the_containers_do(body, content_type):
    assert json.loads(transformer().answer(body, content_type, "*/*").body) == [2.0, 4.0]
    assert transformer().answer(body, content_type, "text/csv").body == b"2.0\n4.0\n"


def test_a_single_row_is_a_row():
    assert json.loads(transformer().answer(b"3,0", "text/csv", "").body) == [6.0]


def test_formats_that_are_not_spoken_are_refused_as_the_container_does():
    answer = transformer().answer(b"x", "application/pdf", "")
    assert (answer.status, json.loads(answer.body)["error"]) == (415, "UnsupportedFormatError")
    assert transformer().answer(b"[[1]]", "application/json", "application/pdf").status == 406


def test_a_scripts_error_is_answered_as_its_container_does():
    def predict_fn(data, model):
        raise ValueError("no such column")

    flask = transformer(predict_fn=predict_fn).answer(b"[[1]]", "application/json", "")
    assert (flask.status, b"500 Internal Server Error" in flask.body) == (500, True)
    toolkit = transformer("pytorch", predict_fn=predict_fn, input_fn=lambda body, kind: body)
    answer = toolkit.answer(b"[[1]]", "application/json", "")
    assert (answer.status, answer.body.startswith(b"no such column\nTraceback")) == (500, True)


def test_functions_may_take_a_context():
    def output_fn(prediction, accept, context):
        return f"{prediction.tolist()} {context.system_properties['model_dir']}", "text/plain"

    answer = transformer(output_fn=output_fn).answer(b"[[1]]", "application/json", "")
    assert (answer.body, answer.content_type) == (b"[2.0] /opt/ml/model", "text/plain")


def test_transform_fn_does_it_all_or_not_at_all():
    def transform_fn(model, body, content_type, accept):
        return f"{content_type} {body} {accept}"

    assert transformer(transform_fn=transform_fn).answer(b"1", "text/csv", "x/y").body == b"text/csv 1 x/y"
    with pytest.raises(ValueError, match="in conjunction with"):
        transformer(transform_fn=transform_fn, input_fn=lambda body, kind: body)


def test_a_batch_transform_hears_the_scripts_own_parameters():
    own = {"MaxConcurrentTransforms": 2, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 1}
    assert transformer(execution_parameters_fn=lambda: own).execution_parameters() == own
    assert transformer().execution_parameters()["MaxPayloadInMB"] == 6


@pytest.mark.parametrize(
    ("body", "kind"),
    [("1,2\n,4", "text/csv"), ("1;2\n;4", "text/csv; charset=utf-8"), ("0 1:1 2:2\n0 2:4", "text/libsvm")],
)
def test_xgboost_reads_csv_and_libsvm(body, kind):
    matrix = coding.decode_matrix(body.encode(), kind)
    assert isinstance(matrix, xgboost.DMatrix)
    assert (matrix.num_row(), matrix.num_col()) == (2, 2)


def test_nothing_is_unpickled_for_a_client():
    import io

    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        coding.decode(buffer.getvalue(), coding.NPY)
