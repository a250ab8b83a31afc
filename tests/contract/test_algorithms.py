"""What every algorithm must keep, over the whole registry.

Each check is one function; an algorithm declares the data and settings it is fed (`ALGORITHM.example`).
"""

import importlib
import inspect
import json
import re

import numpy as np
import pytest
from algorithm_jobs import as_csv, as_lists, as_recordio, job_in

from clary import algorithms
from clary.algorithms.base import CSV, JSON, JSON_LINES, RECORDIO_PROTOBUF, Run
from clary.algorithms.hyperparameters import Boolean, Categorical, Continuous, Integer
from clary.algorithms.inference import Refusal
from clary.errors import AlgorithmError, ClientError
from clary.formats import Batch

ACCEPTS = (CSV, JSON, JSON_LINES, RECORDIO_PROTOBUF)


@pytest.fixture(params=algorithms.NAMES)
def algorithm(request):
    return algorithms.load(request.param)


@pytest.fixture
def job(tmp_path, monkeypatch, capsys):
    with job_in(tmp_path, monkeypatch, capsys) as found:
        yield found


@pytest.fixture
def data(algorithm):
    example = algorithm.example
    return example.features(), example.labels() if example.labels else None


def make(algorithm, **changes):
    return algorithms.estimator(algorithm.name)(**{**algorithm.example.settings, **changes})


def answers(model, features):
    """What an endpoint tells of each row, member by member."""
    return {name: np.asarray(column) for name, column in model.respond(Batch(features)).items()}


def assert_same(left, right, exactly=True):
    assert left.keys() == right.keys()
    for name, column in left.items():
        if exactly:
            np.testing.assert_array_equal(column, right[name], err_msg=name)
        else:
            np.testing.assert_allclose(column, right[name], rtol=1e-5, atol=1e-6, err_msg=name)


def csv_type(labels):
    return f"{CSV};label_size={0 if labels is None else 1}"


def feed(algorithm, features, labels, mode="File"):
    """The content type and the content that its channels are given: CSV where it learns from that, else recordIO."""
    piped = mode == "Pipe" and algorithm.channels[0].piped_types
    if CSV in (piped or algorithm.channels[0].content_types):
        return csv_type(labels), as_csv(features, labels)
    return RECORDIO_PROTOBUF, as_recordio(features, labels)


def learns_from(algorithm, content_type):
    return content_type in algorithm.channels[0].content_types


def trained(job, algorithm, data, mode="File", **changes):
    """Train through the entry point, every channel given; status and log."""
    content_type, content = feed(algorithm, *data, mode)
    media = content_type.partition(";")[0]
    names = [channel.name for channel in algorithm.channels if media in channel.content_types]
    config = {"ContentType": content_type, "TrainingInputMode": mode}
    job.configure({**algorithm.example.settings, **changes}, dict.fromkeys(names, config))
    for name in names:
        job.write_channel(name, content)
        for epoch in range(
            30
        ):  # plain files stand for the FIFOs: what counts is their names and that each is read once
            job.write(f"input/data/{name}_{epoch}", content)
    return job.train(algorithm.name)


# The declaration


def test_declaration_holds_together(algorithm):
    module, _, name = algorithm.responder.partition(":")
    assert inspect.isclass(getattr(importlib.import_module(module), name))
    assert algorithms.estimator(algorithm.name).table is algorithm.hyperparameters
    assert algorithm.channels[0].required
    for metric in algorithm.metrics:
        assert re.compile(metric.pattern).groups == 1, metric.name
    assert len({metric.name for metric in algorithm.metrics}) == len(algorithm.metrics)


# Hyperparameters


def test_defaults_are_valid(algorithm):
    for row in algorithm.hyperparameters:
        if row.default is not None:
            default = list(row.default) if isinstance(row.default, tuple) else row.default
            assert row.parse(row.default) == default, row.name
    assert algorithm.hyperparameters.parse(algorithm.example.settings)


def test_every_row_is_described(algorithm):
    for row in algorithm.hyperparameters.table():
        assert row["Description"].strip(), row["Name"]
        assert row["Description"].rstrip().endswith("."), row["Name"]


def too_far(row):
    """Texts outside a row's range."""
    if isinstance(row, Integer | Continuous):
        step = 1 if isinstance(row, Integer) else 0.5
        yield from (
            f"{end}"
            for end in (row.above, row.below)
            if end is not None and (isinstance(row, Continuous) or end == int(end))
        )
        yield from (f"{row.minimum - step}" for _ in [0] if row.minimum is not None)
        yield from (f"{row.maximum + step}" for _ in [0] if row.maximum is not None)
    elif isinstance(row, Categorical | Boolean):
        yield "no such choice"


def test_values_out_of_range_are_refused(algorithm):
    table, settings = algorithm.hyperparameters, algorithm.example.settings
    refused = 0
    for row in table:
        for text in too_far(row):
            with pytest.raises(ClientError, match=rf"Hyperparameter {re.escape(row.name)}: .*is not in [\[(]"):
                table.parse({**settings, row.name: text})
            refused += 1
    assert refused


def test_words_in_place_of_numbers_are_refused(algorithm):
    table, settings = algorithm.hyperparameters, algorithm.example.settings
    for row in table:
        if isinstance(row, Integer | Continuous):
            with pytest.raises(ClientError, match=rf"Hyperparameter {re.escape(row.name)}: 'many' is not a"):
                table.parse({**settings, row.name: "many"})


def test_unknown_and_missing_hyperparameters_are_named_together(algorithm):
    settings = dict(algorithm.example.settings)
    missing = [row.name for row in algorithm.hyperparameters if row.required]
    for name in missing:
        settings.pop(name)
    with pytest.raises(ClientError) as raised:
        algorithm.hyperparameters.parse({**settings, "no_such_thing": "1"})
    assert "Extraneous hyperparameter found: no_such_thing" in str(raised.value)
    for name in missing:
        assert f"Missing required hyperparameter: {name}" in str(raised.value)


# The estimator


def test_seeded_runs_are_equal(algorithm, data):
    features, labels = data
    assert_same(
        answers(make(algorithm).fit(features, labels), features),
        answers(make(algorithm).fit(features, labels), features),
    )


def test_a_saved_model_answers_the_same(algorithm, data, tmp_path):
    features, labels = data
    model = make(algorithm).fit(features, labels)
    model.save(tmp_path)
    loaded = algorithms.estimator(algorithm.name).load(tmp_path)
    assert_same(answers(loaded, features), answers(model, features))


@pytest.mark.parametrize("content", [None, b"", b"garbage" * 50], ids=["missing", "empty", "garbage"])
def test_what_is_no_model_is_refused(algorithm, data, tmp_path, content):
    make(algorithm).fit(*data).save(tmp_path)
    for path in list(tmp_path.iterdir()):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
    with pytest.raises(AlgorithmError):
        algorithms.estimator(algorithm.name).load(tmp_path)


def test_a_model_cut_short_is_refused(algorithm, data, tmp_path):
    make(algorithm).fit(*data).save(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(AlgorithmError):
        algorithms.estimator(algorithm.name).load(tmp_path)


def test_rows_alone_answer_as_in_a_batch(algorithm, data):
    features, labels = data
    model = make(algorithm).fit(features, labels)
    alone = [answers(model, features[row : row + 1]) for row in range(len(features))]
    joined = {name: np.concatenate([row[name] for row in alone]) for name in alone[0]}
    assert_same(answers(model, features), joined, exactly=False)


def test_inputs_are_not_changed(algorithm, data):
    features, labels = data
    features.flags.writeable = False
    before = features.copy()
    model = make(algorithm).fit(features, labels)
    model.predict(features)
    np.testing.assert_array_equal(features, before)


def test_scikit_learn_can_clone_and_pipe(algorithm, data):
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    features, labels = data
    model = make(algorithm)
    copy = clone(model)
    assert copy is not model
    assert copy.get_params() == model.get_params()
    assert set(model.get_params()) == set(algorithm.hyperparameters.rows)
    required = next(row.name for row in algorithm.hyperparameters if row.required)
    assert copy.set_params(**{required: "3"}).get_params()[required] == "3"
    piped = make_pipeline(FunctionTransformer(), clone(model)).fit(features, labels)
    np.testing.assert_array_equal(piped.predict(features), model.fit(features, labels).predict(features))


def test_an_unknown_keyword_is_a_type_error(algorithm):
    with pytest.raises(TypeError, match="no_such_thing"):
        algorithms.estimator(algorithm.name)(no_such_thing=1)


# The training entry point


def test_csv_and_protobuf_give_the_same_model(algorithm, data, job, tmp_path):
    if not (learns_from(algorithm, CSV) and learns_from(algorithm, RECORDIO_PROTOBUF)):
        pytest.skip("the algorithm learns from one of them only")
    features, labels = data
    name, found = algorithm.channels[0].name, []
    for content_type, content in (
        (csv_type(labels), as_csv(features, labels)),
        (RECORDIO_PROTOBUF, as_recordio(features, labels)),
    ):
        job.configure(algorithm.example.settings, {name: content_type})
        job.write_channel(name, content)
        status, log = job.train(algorithm.name)
        assert status == 0, log
        found.append(answers(algorithms.estimator(algorithm.name).load(job.model), features))
    assert_same(*found)


def test_pipe_mode_gives_the_same_model(algorithm, data, job):
    if "Pipe" not in algorithm.input_modes:
        pytest.skip("the algorithm takes no pipes")
    found = []
    for mode in ("File", "Pipe"):
        status, log = trained(job, algorithm, data, mode)
        assert status == 0, log
        found.append(answers(algorithms.estimator(algorithm.name).load(job.model), data[0]))
    assert_same(*found)


def test_the_log_carries_the_declared_metrics(algorithm, data, job):
    status, log = trained(job, algorithm, data)
    assert status == 0, log
    found = {}
    for metric in algorithm.metrics:
        for line in log.splitlines():
            if match := re.search(metric.pattern, line):
                found[metric.name] = float(match.group(1))
    assert found, log
    assert all(np.isfinite(value) for value in found.values()), found


def test_an_empty_channel_is_the_users_mistake(algorithm, data, job):
    name, (content_type, _) = algorithm.channels[0].name, feed(algorithm, *data)
    job.configure(algorithm.example.settings, {name: content_type})
    job.write_channel(name, "")
    assert_clean(job, *job.train(algorithm.name))
    assert job.failure.startswith("ClientError: ")


def test_a_missing_channel_is_the_users_mistake(algorithm, job):
    job.configure(algorithm.example.settings, {})
    status, log = job.train(algorithm.name)
    assert status == 2, log
    assert job.failure == f"ClientError: Missing required channel: {algorithm.channels[0].name}"


def test_one_row_ends_cleanly(algorithm, data, job):
    name, first = algorithm.channels[0].name, [None if part is None else part[:1] for part in data]
    content_type, content = feed(algorithm, *first)
    job.configure(algorithm.example.settings, {name: content_type})
    job.write_channel(name, content)
    assert_clean(job, *job.train(algorithm.name))


@pytest.mark.parametrize("value", ["nan", "inf", "", "word"])
def test_strange_cells_end_cleanly(algorithm, data, job, value):
    if not learns_from(algorithm, CSV):
        pytest.skip("the algorithm learns from no text")
    features, labels = data
    name = algorithm.channels[0].name
    job.configure(algorithm.example.settings, {name: csv_type(labels)})
    lines = as_csv(features, labels).splitlines()
    cells = lines[3].split(",")
    lines[3] = ",".join([*cells[:-1], value])
    job.write_channel(name, "\n".join(lines))
    assert_clean(job, *job.train(algorithm.name))
    if value == "word":
        problem = "'word' is not a number" if features.dtype.kind == "f" else "'word'"
        assert job.failure.startswith(f"ClientError: {name}/part-0: row 4, column {len(cells)}: {problem}")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_strange_numbers_end_cleanly(algorithm, data, job, value):
    if not learns_from(algorithm, RECORDIO_PROTOBUF):
        pytest.skip("the algorithm learns from no recordIO")
    features, labels = data
    name = algorithm.channels[0].name
    job.configure(algorithm.example.settings, {name: RECORDIO_PROTOBUF})
    features[3, -1] = value
    job.write_channel(name, as_recordio(features, labels))
    assert_clean(job, *job.train(algorithm.name))


def assert_clean(job, status, log):
    """Done, or failed with a sentence that isn't about our own mistakes."""
    if status == 0:
        assert any(job.model.iterdir())
        return
    assert re.match(r"(ClientError|AlgorithmError): \S", job.failure), job.failure
    assert "Traceback" not in log
    assert "Internal" not in job.failure


def test_an_unknown_content_type_is_refused(algorithm, job):
    name = algorithm.channels[0].name
    job.configure(algorithm.example.settings, {name: "text/tab-separated"})
    status, _ = job.train(algorithm.name)
    assert status == 2
    assert job.failure.startswith("ClientError: text/tab-separated is not an accepted ContentType")


# The endpoint


@pytest.fixture
def responder(algorithm, data):
    features, labels = data
    module, _, name = algorithm.responder.partition(":")
    return getattr(importlib.import_module(module), name)(algorithm, make(algorithm).fit(features, labels), {})


REQUESTS = {
    CSV: lambda x: as_csv(x).encode(),
    RECORDIO_PROTOBUF: as_recordio,
    JSON: lambda x: json.dumps({"instances": [{"features": row} for row in as_lists(x)]}).encode(),
    JSON_LINES: lambda x: "\n".join(json.dumps({"features": row}) for row in as_lists(x)).encode(),
    "text/libsvm": lambda x: "\n".join(
        "0 " + " ".join(f"{column}:{value!r}" for column, value in enumerate(row)) for row in as_lists(x)
    ).encode(),
}


def test_every_content_type_gets_the_same_answer(algorithm, data, responder):
    found = {}
    for content_type in algorithm.content_types:
        answer = responder.answer(REQUESTS[content_type](data[0][:5]), content_type, JSON)
        assert answer.status == 200
        found[content_type] = answer.body
    assert len(set(found.values())) == 1, found


@pytest.mark.parametrize("accept", ACCEPTS)
def test_every_accepted_type_is_answered(algorithm, data, responder, accept):
    content_type = algorithm.content_types[0]
    answer = responder.answer(REQUESTS[content_type](data[0][:3]), content_type, accept)
    assert answer.status == 200
    assert answer.content_type.partition(";")[0] == accept
    if accept in (CSV, JSON_LINES):
        assert answer.body.count(b"\n") == 3


def test_requests_that_cannot_be_answered_are_refused(algorithm, data, responder):
    content_type = algorithm.content_types[0]
    write = REQUESTS[content_type]
    for body, sent_as, accept, statuses in (
        (write(data[0][:1]), "image/png", JSON, {415}),
        (write(data[0][:1]), content_type, "image/png", {406}),
        (b"one,two", content_type, JSON, {400, 415}),
        (write(np.ones((1, data[0].shape[1] + 1))), content_type, JSON, {400}),
    ):
        with pytest.raises(Refusal) as refused:
            responder.answer(body, sent_as, accept)
        assert refused.value.answer.status in statuses
        assert refused.value.answer.body


def test_predicting_before_learning_is_not_silent(algorithm, data):
    with pytest.raises((AlgorithmError, AttributeError)):
        make(algorithm).predict(data[0])


def test_a_fit_outside_a_container_is_silent(algorithm, data, capsys):
    make(algorithm).fit(*data, run=Run())
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")
