"""`python -m clary.algorithms NAME train` under /opt/ml: configuration, channels, failures, stops."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from algorithm_jobs import as_csv

from clary import algorithms
from clary.algorithms import train, xgboost
from clary.algorithms.__main__ import main
from clary.algorithms.base import Run, Stopped
from clary.algorithms.channels import ChannelBatches, check_channels, files_of
from clary.errors import AlgorithmError, ClientError

FEATURES = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
LABELS = (FEATURES[:, 0] > 0).astype(np.float32)
SETTINGS = {"num_round": "3", "nthread": "1", "objective": "binary:logistic"}
FILE = {"ContentType": "text/csv", "TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}


@pytest.fixture
def ready(job):
    job.configure(SETTINGS, {"train": "text/csv"})
    job.write_channel("train", as_csv(FEATURES, LABELS))
    return job


def test_a_job_leaves_a_model_and_no_failure(ready):
    status, log = ready.train("xgboost")
    assert status == 0
    assert [path.name for path in ready.model.iterdir()] == ["xgboost-model"]
    assert ready.failure is None
    assert "Train matrix has 50 rows and 3 columns" in log


def test_the_users_mistake_is_a_client_error(ready):
    ready.write_channel("train", as_csv(FEATURES, LABELS + 1))
    status, log = ready.train("xgboost")
    assert status == train.CLIENT_FAILURE
    assert ready.failure.startswith(
        "ClientError: label must be in [0,1] for logistic regression: found 2 in train/part-0, row "
    )
    assert ready.failure in log
    assert not ready.model.exists()


def test_an_algorithms_failure_is_an_algorithm_error(ready, monkeypatch):
    def fail(self, *_, **__):
        raise AlgorithmError("it did not converge")

    monkeypatch.setattr(xgboost.XGBoost, "fit", fail)
    assert ready.train("xgboost")[0] == train.ALGORITHM_FAILURE
    assert ready.failure == "AlgorithmError: it did not converge"


def test_a_bug_leaves_a_sentence_and_its_traceback_goes_on(ready, monkeypatch):
    def fail(self, *_, **__):
        raise KeyError("secret of ours")

    monkeypatch.setattr(xgboost.XGBoost, "fit", fail)
    with pytest.raises(KeyError):
        ready.train("xgboost")
    assert ready.failure == train.INTERNAL


def test_the_command_line_names_what_it_takes(capsys):
    assert main(["no-such-algorithm", "train"]) == 64
    assert main(["xgboost"]) == 64
    assert "xgboost" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_runs_as_a_program(ready):
    done = subprocess.run(
        [sys.executable, "-m", "clary.algorithms", "xgboost", "train"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "[2]#011train-logloss:" in done.stdout


# Channels


def test_files_of_a_channel_in_order_without_hidden_ones(tmp_path):
    for name in ("b", "a/2", "a/1", ".hidden", "_SUCCESS", "a/.git/x"):
        path = tmp_path / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert [source.name for source in files_of(tmp_path / "train")] == ["train/a/1", "train/a/2", "train/b"]
    with files_of(tmp_path / "train")[0].open() as stream:
        assert stream.read() == b"a/1"


def test_errors_name_the_file_the_row_and_the_column(ready):
    ready.write_channel("train", "1,2,x\n", file="sub/part-1")
    assert ready.train("xgboost")[0] == train.CLIENT_FAILURE
    assert ready.failure.startswith("ClientError: train/sub/part-1: row 1, column ")


@pytest.mark.parametrize(
    ("channel", "sentence"),
    [
        ({"ContentType": "text/plain"}, "text/plain is not an accepted ContentType: "),
        (
            {"ContentType": "text/libsvm", "TrainingInputMode": "Pipe"},
            "text/libsvm is not an accepted ContentType in Pi",
        ),
        (
            {"ContentType": "text/csv;label_size=0"},
            "text/csv;label_size=0 is not an accepted csv ContentType. Optional",
        ),
        ({"TrainingInputMode": "Stream"}, "Channel 'train': TrainingInputMode Stream is not in [File, FastFile, Pipe]"),
        ({"S3DistributionType": "Random"}, "Channel 'train': S3DistributionType Random is not in [FullyReplicated, "),
    ],
)
def test_channels_that_do_not_fit_are_refused(channel, sentence):
    with pytest.raises(ClientError) as raised:
        check_channels(algorithms.load("xgboost"), {"train": {**FILE, **channel}})
    assert str(raised.value).startswith(sentence)


def test_an_unknown_channel_is_refused_with_the_known_ones():
    with pytest.raises(ClientError, match=r"^Extraneous channel found: test. XGBoost takes: train, validation$"):
        check_channels(algorithms.load("xgboost"), {"train": FILE, "test": FILE})


def test_too_many_instances_are_refused():
    alone = replace(algorithms.load("xgboost"), max_instances=1)
    with pytest.raises(ClientError, match=r"XGBoost trains on 1 instance\(s\) at most, not on 2"):
        check_channels(alone, {"train": FILE}, hosts=2)


@pytest.mark.parametrize("spelling", ["csv", "text/csv", "Text/CSV", "text/csv; label_size=1; charset=utf8"])
def test_content_types_have_several_spellings(ready, spelling):
    ready.configure(SETTINGS, {"train": spelling})
    assert ready.train("xgboost")[0] == 0


def test_without_a_content_type_xgboost_reads_libsvm(job):
    job.configure(SETTINGS, {"train": {"TrainingInputMode": "File"}})
    job.write_channel("train", "1 0:2.5 2:1\n0 1:1\n" * 10)
    status, log = job.train("xgboost")
    assert status == 0, log
    assert "20 rows and 3 columns" in log


def test_a_pipe_is_opened_once_an_epoch(tmp_path):
    written = []

    def feed():
        for epoch in range(2):
            with (tmp_path / f"train_{epoch}").open("w") as pipe:
                written.append(epoch)
                pipe.write("1,2\n3,4\n")

    for epoch in range(2):
        os.mkfifo(tmp_path / f"train_{epoch}")
    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    batches = ChannelBatches(tmp_path / "train", "text/csv", True, {"label_columns": 0}, Run())
    for epoch in range(2):
        assert np.concatenate([batch.features for batch in batches]).tolist() == [[1, 2], [3, 4]]
        assert written[-1] == epoch
    feeder.join(timeout=10)


# Stops


def test_reading_ends_when_the_job_is_stopped(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a").write_text("1,2\n")
    batches = ChannelBatches(tmp_path / "train", "text/csv", False, {}, Run(stopping=True))
    with pytest.raises(Stopped):
        list(batches)


@pytest.mark.parametrize("keep", ["true", "false"])
def test_sigterm_ends_after_the_round_and_keeps_the_model_if_asked(ready, keep, monkeypatch):
    ready.configure({**SETTINGS, "num_round": "100000", "save_model_on_termination": keep}, {"train": "text/csv"})
    say = train._say

    def say_and_stop(line):
        say(line)
        if line.startswith("[4]"):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(train, "_say", say_and_stop)
    status, log = ready.train("xgboost")
    assert status == 0
    assert "[4]" in log
    assert "[9]" not in log
    assert (ready.model / "xgboost-model").exists() == (keep == "true")
