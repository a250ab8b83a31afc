"""A training that is broken off and gone on with ends as one that never was."""

import time

import numpy as np
import pytest

from clary.algorithms.base import Run, Stopped
from clary.algorithms.checkpoints import Checkpoints
from clary.algorithms.factorization_machines import FactorizationMachines
from clary.algorithms.ipinsights import IPInsights
from clary.algorithms.kmeans import KMeans
from clary.algorithms.linear_learner import LinearLearner
from clary.algorithms.xgboost import XGBoost
from clary.errors import ClientError
from clary.formats import Batch

ROUNDS = 12


@pytest.fixture(autouse=True)
def every_round(monkeypatch):
    """As if writing took no time at all."""
    monkeypatch.setattr("clary.algorithms.checkpoints.SHARE", float("inf"))


def rows(seed=0, count=400):
    features = np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)
    noise = np.random.default_rng(seed + 1).normal(size=count)
    return features, (features[:, 0] * features[:, 1] + features[:, 2] + noise > 0).astype(np.float32)


def boost(folder, stop_after=None, validation=None, **settings):
    """(model's bytes, log lines) of a run that may be stopped after a round; no bytes then."""
    lines = []
    run = Run(checkpoints=folder)

    def say(line):
        lines.append(line)
        run.stopping = line.startswith(f"[{stop_after}]")

    run.say = say
    model = XGBoost(num_round=str(ROUNDS), objective="binary:logistic", nthread="1", **settings)
    try:
        model.fit(*rows(), run=run, validation=validation)
    except Stopped:
        return None, lines
    return bytes(model.boosters[0].save_raw("ubj")), lines


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"subsample": "0.5", "colsample_bytree": "0.5", "colsample_bylevel": "0.5"},
        {"booster": "dart", "rate_drop": "0.5"},
        {"booster": "gblinear"},
        {"tree_method": "exact", "subsample": "0.5"},
    ],
    ids=["plain", "sampled", "dart", "linear", "exact"],
)
def test_xgboost_goes_on_to_the_same_model_with_the_same_log(tmp_path, settings):
    whole, log = boost(tmp_path / "whole", **settings)
    none, before = boost(tmp_path / "broken", stop_after=4, **settings)
    assert none is None
    resumed, after = boost(tmp_path / "broken", **settings)
    assert resumed == whole
    assert before + after == log
    names = [f"xgboost-checkpoint.{number}" for number in range(ROUNDS - 5, ROUNDS)]
    assert sorted(path.name for path in (tmp_path / "broken").iterdir()) == sorted(names)
    assert boost(tmp_path / "broken", **settings) == (whole, [])


def test_early_stopping_goes_on_counting(tmp_path):
    from clary.algorithms.base import as_batches

    features, labels = rows(7, 40)
    held_out = as_batches(features, labels)
    settings = {"validation": held_out, "early_stopping_rounds": "3", "eta": "1", "eval_metric": "logloss"}
    whole, log = boost(tmp_path / "whole", **settings)
    assert 4 < len(log) < ROUNDS
    stop_after = len(log) - 2  # while it counts rounds without progress
    assert boost(tmp_path / "broken", stop_after=stop_after, **settings)[0] is None
    resumed, after = boost(tmp_path / "broken", **settings)
    assert (resumed, after) == (whole, log[-1:])


def test_without_a_folder_nothing_is_written_and_the_model_is_xgboosts_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert boost(None)[0] == boost(tmp_path / "kept")[0]
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def read(content):
    return int(content.decode())


def test_the_newest_that_can_be_read_counts(tmp_path):
    found = Checkpoints(tmp_path, "state")
    assert found.newest(read) == (None, -1)
    for number in range(12):
        found.save(number, str(number * 10).encode)
    assert found.newest(read) == (110, 11)
    (tmp_path / "state.12").write_bytes(b"\xff torn")
    (tmp_path / "state.x").write_text("1")
    (tmp_path / "other.99").write_text("1")
    assert Checkpoints(tmp_path, "state").newest(read) == (110, 11)
    assert len(list(tmp_path.glob("state.*"))) == 5 + 2


def test_checkpoints_take_no_time_to_speak_of_but_for_the_last(tmp_path, monkeypatch):
    monkeypatch.setattr("clary.algorithms.checkpoints.SHARE", 0.01)

    def slowly():
        time.sleep(0.02)
        return b"1"

    found = Checkpoints(tmp_path, "state")
    found.save(0, slowly)
    found.save(1, slowly)
    found.save(2, slowly, last=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.0", "state.2"]


class Passes:
    """Batches whose reader is stopped in the middle of a pass."""

    def __init__(self, features, labels, stops_in=None):
        self.parts = [Batch(features[place::4], labels[place::4]) for place in range(4)]
        self.stops_in, self.passes = stops_in, 0

    def __iter__(self):
        number, self.passes = self.passes, self.passes + 1
        for place, part in enumerate(self.parts):
            if number == self.stops_in and place == 2:
                raise Stopped
            yield part


def machine(run, batches):
    settings = {"feature_dim": "6", "num_factors": "3", "predictor_type": "binary_classifier", "epochs": "6"}
    model = FactorizationMachines(**settings, mini_batch_size="50").fit(batches, run=run)
    return [model.bias_, model.linear_, model.factors_]


def learner(run, batches, **more):
    settings = {"predictor_type": "binary_classifier", "epochs": "8", "mini_batch_size": "50", "num_models": "4"}
    model = LinearLearner(**settings, **more).fit(batches, run=run)
    return [model.weights_, model.bias_]


def patient(run, batches):
    """Epochs without improvement count on."""
    return learner(run, batches, early_stopping_patience="2", early_stopping_tolerance="0.02")


def insights(run, batches):
    events = np.array([[f"user {row % 7}", f"10.{row % 7}.{row % 5}.{row % 11}"] for row in range(400)])
    batches.parts = [Batch(events[place::4]) for place in range(4)]
    model = IPInsights(num_entity_vectors="20", vector_dim="8", epochs="6", mini_batch_size="60").fit(batches, run=run)
    return [model.network_.entities, *(table for layer in model.network_.layers for table in layer)]


def clusters(run, batches):
    settings = {"k": "3", "epochs": "6", "mini_batch_size": "50", "init_method": "kmeans++", "feature_dim": "6"}
    return [KMeans(**settings).fit(batches, run=run).cluster_centers_]


@pytest.mark.parametrize("fit", [machine, learner, patient, insights, clusters])
def test_epochs_go_on_to_the_same_model(tmp_path, fit):
    whole = fit(Run(), Passes(*rows()))
    fit(Run(checkpoints=tmp_path), Passes(*rows(), stops_in=3))
    assert len(list(tmp_path.iterdir())) == 3
    second = Passes(*rows())
    for mine, theirs in zip(fit(Run(checkpoints=tmp_path), second), whole, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert 1 <= second.passes < 8
    for path in tmp_path.iterdir():
        path.write_bytes(b"torn")
    for mine, theirs in zip(fit(Run(checkpoints=tmp_path), Passes(*rows())), whole, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_checkpoints_of_other_settings_are_left_alone(tmp_path):
    machine(Run(checkpoints=tmp_path), Passes(*rows()))
    narrow, labels = rows()
    with pytest.raises(ClientError, match="feature"):
        machine(Run(checkpoints=tmp_path), Passes(narrow[:, :5], labels))
    settings = {"feature_dim": "5", "num_factors": "3", "predictor_type": "binary_classifier", "epochs": "2"}
    found = FactorizationMachines(**settings).fit(Passes(narrow[:, :5], labels), run=Run(checkpoints=tmp_path))
    assert found.linear_.shape == (5,)
