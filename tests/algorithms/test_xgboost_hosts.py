"""XGBoost on several hosts: processes on loopback addresses of their own, a shard of the rows each."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from algorithm_jobs import as_csv

from clary.algorithms.xgboost import XGBoost

RANDOM = np.random.default_rng(11)
FEATURES = RANDOM.normal(size=(400, 3)).astype(np.float32)
LABELS = (FEATURES[:, 0] - FEATURES[:, 1] > 0).astype(np.float32)
SETTINGS = {"num_round": "5", "nthread": "1", "objective": "binary:logistic", "eval_metric": "logloss,accuracy,mse"}


def start(folder, hosts, host, shard, settings):
    """A host's process; its name is its address."""
    config = folder / "input/config"
    config.mkdir(parents=True)
    (folder / "input/data/train").mkdir(parents=True)
    channel = {"ContentType": "text/csv", "S3DistributionType": "ShardedByS3Key"}
    (config / "hyperparameters.json").write_text(json.dumps(settings))
    (config / "inputdataconfig.json").write_text(json.dumps({"train": channel}))
    (config / "resourceconfig.json").write_text(json.dumps({"current_host": host, "hosts": hosts}))
    if shard is not None:
        (folder / "input/data/train/part").write_text(as_csv(FEATURES[shard], LABELS[shard]))
    command = [sys.executable, "-m", "clary.algorithms", "xgboost", "train"]
    environment = {**os.environ, "CLARY_OPT_ML": str(folder), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def train(tmp_path, shards, network, **settings):
    """Each host's exit status and log."""
    hosts = [f"127.0.{network}.{number}" for number in range(2, 2 + len(shards))]
    processes = [
        start(tmp_path / host, hosts, host, shard, {**SETTINGS, **settings})
        for host, shard in zip(hosts, shards, strict=True)
    ]
    try:
        logs = [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return hosts, [process.returncode for process in processes], logs


@pytest.mark.slow
def test_two_hosts_learn_from_all_rows(tmp_path):
    even, odd = np.arange(0, 400, 2), np.arange(1, 400, 2)
    (first, second), statuses, logs = train(tmp_path, [even, odd], network=31)
    assert statuses == [0, 0], logs
    assert (tmp_path / first / "model/xgboost-model").exists()
    assert not (tmp_path / second / "model").exists()
    model = XGBoost.load(tmp_path / first / "model")
    alone = XGBoost(**SETTINGS).fit(FEATURES, LABELS)
    # Shards give other quantiles than all rows at once, so the trees are alike and not the same.
    assert np.mean((model.predict(FEATURES) > 0.5) == LABELS) > 0.95
    np.testing.assert_allclose(model.predict(FEATURES), alone.predict(FEATURES), atol=0.2)
    # The metrics are of all rows: half of them alone would give others.
    last = re.findall(r"\[4\]#011train-logloss:(\S+?)#011train-accuracy:(\S+?)#011train-mse:(\S+)", logs[0])[0]
    scores = model.predict(FEATURES).astype(np.float64)
    logloss = -np.mean(np.log(np.where(LABELS == 1, scores, 1 - scores)))
    expected = [logloss, np.mean((scores > 0.5) == LABELS), np.mean((scores - LABELS) ** 2)]
    np.testing.assert_allclose([float(value) for value in last], expected, atol=2e-5)
    assert "#011" not in logs[1]


@pytest.mark.slow
def test_a_host_without_data_stands_aside(tmp_path):
    _, statuses, logs = train(tmp_path, [np.arange(400), None], network=32)
    assert statuses == [0, 0], logs
    assert "has no data and takes no part in the training" in logs[1]
    assert "[4]#011train-logloss" in logs[0]
