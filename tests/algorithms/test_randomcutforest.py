"""Random Cut Forest: a tree worked by hand, krcf as the judge, and the container's log, artefact and errors."""

import json
import logging
import math
import re
import threading

import krcf
import numba
import numpy as np
import pytest
import scipy.sparse

from clary.algorithms import randomcutforest
from clary.algorithms.base import JSON, ArrayBatches, Run, Stopped
from clary.algorithms.channels import check_channels
from clary.algorithms.inference import Responder
from clary.algorithms.randomcutforest import ALGORITHM, RandomCutForest, evaluate, join_samples, partition
from clary.algorithms.randomcutforest_kernels import build, score
from clary.algorithms.randomcutforest_trees import SAVED, depths, from_arrays, node_counts, to_arrays
from clary.errors import ClientError
from clary.formats import Batch, Sparse, mxnet

SETTINGS = {"num_trees": 50, "num_samples_per_tree": 32}


class Chances:
    """In place of a generator: the places of the cuts, as parts of the span."""

    def __init__(self, *chances):
        self.chances = chances

    def random(self, shape):
        return np.resize(np.array(self.chances, float), shape)


class Channel:
    """Re-iterable batches; `stopped` after its parts, as the frame's are."""

    def __init__(self, *parts, labels=None, stopped=False):
        self.parts, self.labels, self.stopped = parts, labels, stopped

    def __iter__(self):
        yield from (Batch(part, self.labels) for part in self.parts)
        if self.stopped:
            raise Stopped


def as_points(*values):
    """One tree's points of one column."""
    return np.array(values, np.float32).reshape(1, -1, 1)


def draw(rows=2000, width=3, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def test_a_tree_by_hand():
    """0, 1 and 10: the first cut at half of [0, 10] parts 10, the second at .3 of [0, 1] the others."""
    trees = build(as_points(0, 10, 1), Chances(0.5, 0.3))
    assert trees.cuts.tolist() == [[5, pytest.approx(0.3)]]
    assert trees.children.tolist() == [[[1, ~1], [~0, ~2]]]
    assert trees.boxes[0, :, :, 0].tolist() == [[0, 10], [0, 1]]
    assert trees.spans.tolist() == [[10, 1]]
    expected = {
        10: 2 * (1 - 1 / 6) / (1 + 1),  # the one point of a leaf at depth 1; log2(3 + 1) = 2
        0.5: 2 / 3,  # in every box on its way, and not the leaf's point: cut off below depth 2
        12: 2 * (2 / 12 * 1 + 10 / 12 / 2),  # 2 beyond the root's box
        -1: 2 * (1 / 11 * 1 + 10 / 11 * (1 / 2 / 2 + 1 / 2 / 3)),  # 1 beyond both boxes
    }
    assert score(trees, as_points(*expected)[0]).tolist() == pytest.approx(list(expected.values()), rel=1e-6)


def test_equal_points_share_a_leaf():
    trees = build(as_points(5, 9, 5, 5), Chances(0.5))
    assert sorted(trees.counts[0]) == [0, 0, 1, 3]
    assert node_counts(trees).tolist() == [3]
    assert score(trees, as_points(5)[0])[0] == pytest.approx(math.log2(5) * (1 - 3 / 8) / (1 + math.log2(4)))


def test_columns_are_cut_by_the_length_of_their_sides():
    """Two points that differ by 3 in one column and by 1 in the other."""
    points = np.repeat(np.array([[[0, 0], [3, 1]]], np.float32), 4000, axis=0)
    trees = build(points, np.random.default_rng(0))
    assert np.bincount(trees.columns[:, 0]) / 4000 == pytest.approx([0.75, 0.25], abs=0.03)
    cuts = trees.cuts[trees.columns == 0]
    assert np.histogram(cuts, 3, (0, 3))[0] / len(cuts) == pytest.approx([1 / 3] * 3, abs=0.04)


@pytest.mark.parametrize("width", [1, 5, 33])
def test_scores_are_krcfs(width):
    """Both make 300 trees of the same 128 points, of which some are equal: the scores differ by the trees' noise."""
    points = draw(128, width)
    points[::5], points[::9] = np.round(points[::5]), points[3]
    ours = build(np.repeat(points[None], 300, axis=0), np.random.default_rng(0))
    options = {"num_trees": 300, "sample_size": 128, "lambda": 0.0, "initial_accept_fraction": 1.0, "random_seed": 1}
    theirs = krcf.RandomCutForest({"dimensions": width, "shingle_size": 1, "output_after": 1, **options})
    for point in points:
        theirs.update(point)
    rows = np.concatenate([points[:30], draw(30, width, 1), 6 * draw(30, width, 2)])
    ratio = score(ours, rows) / [theirs.score(row) for row in rows]
    assert abs(ratio - 1).max() < 0.1
    assert abs(ratio.mean() - 1) < 0.015


def test_scores_are_of_the_containers_size():
    """Ordinary rows about 0.8, outliers above 2, whatever the size of the trees."""
    rows = draw(20000, 1)
    for size in (64, 256):
        model = RandomCutForest(num_trees=50, num_samples_per_tree=size).fit(rows)
        assert np.median(model.predict(rows)) == pytest.approx(0.8, abs=0.1)
        assert model.predict([[12.0], [-15.0]]).min() > 2


def test_threads_and_blocks_change_nothing(monkeypatch):
    trees = build(draw(50 * 64, 7).reshape(50, 64, 7), np.random.default_rng(0))
    rows = draw(3500, 7, 1)
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)
    alone = score(trees, rows)
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 3)
    assert np.array_equal(score(trees, rows), alone)
    assert np.array_equal(np.concatenate([score(trees, part) for part in np.split(rows, [1, 1500])]), alone)


def test_few_rows_are_shared_out_among_the_trees():
    """As in the real container's log: 4,032 records for 50 trees of 512 make 80 for each."""
    sample = np.arange(4032, dtype=np.float32)[:, None]
    parts = partition(sample, {"num_trees": 50, "num_samples_per_tree": 512})
    assert parts.shape == (50, 80, 1)
    assert len(np.unique(parts)) == 4000
    assert partition(sample, {"num_trees": 50, "num_samples_per_tree": 64}).shape == (50, 64, 1)
    few = partition(sample[:3], {"num_trees": 50, "num_samples_per_tree": 64})
    assert few.shape == (50, 1, 1) and set(few.flat) == {0, 1, 2}


@pytest.mark.parametrize(
    "rows",
    [
        np.full((1, 2), 3),
        np.full((700, 2), 7),
        np.column_stack([np.arange(700), np.full(700, 5)]),
        np.repeat([[0, 0], [1e-45, 0]], 300, axis=0),
        np.repeat([[-3e38, 0], [3e38, 1]], 300, axis=0),
        np.arange(60).reshape(30, 2),
    ],
    ids=["one row", "all equal", "a constant column", "nearly equal", "the ends of float32", "fewer rows than trees"],
)
def test_strange_data_has_sound_scores(rows):
    rows = rows.astype(np.float32)
    model = RandomCutForest(**SETTINGS).fit(rows)
    scores = model.predict(np.concatenate([rows, rows[:1] / 2 + 1, [[3e38, -3e38]]]))
    assert np.isfinite(scores).all()
    assert (scores > 0).all()
    assert scores[-1] >= scores.max()


def test_runs_are_repeatable_and_the_input_is_left_alone():
    rows = draw()
    kept = rows.copy()
    first, second, other = (RandomCutForest(**SETTINGS, seed=seed).fit(rows).predict(rows) for seed in (5, 5, 6))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert np.array_equal(rows, kept)
    assert first == pytest.approx(other, rel=0.5)  # and yet they are forests of the same rows


def test_sparse_rows_score_as_dense_ones():
    rows = np.round(draw(400, 6))
    dense = RandomCutForest(**SETTINGS).fit(rows)
    sparse = RandomCutForest(**SETTINGS).fit(scipy.sparse.csr_matrix(rows))
    assert np.array_equal(dense.predict(rows), sparse.predict(scipy.sparse.csr_matrix(rows)))
    narrow = Sparse(np.array([0, 1]), np.array([2]), np.array([1], np.float32), 3, exact=False)
    assert np.array_equal(dense.respond(Batch(narrow))["score"], dense.predict([[0, 0, 1, 0, 0, 0]]))


def test_answers_have_the_guides_form():
    model = RandomCutForest(**SETTINGS).fit(draw())
    answer = Responder(ALGORITHM, model, {}).answer(b"0,0,0\n9,9,9\n", "text/csv", JSON)
    (ordinary, strange) = json.loads(answer.body)["scores"]
    assert ordinary.keys() == {"score"}
    assert strange["score"] > 2 > ordinary["score"]
    lines = Responder(ALGORITHM, model, {}).answer(b"0,0,0\n9,9,9\n", "text/csv", "application/jsonlines").body
    assert [json.loads(line) for line in lines.splitlines()] == [ordinary, strange]


def test_the_artefact_is_mxnets(tmp_path):
    rows = np.round(draw(700), 1)
    model = RandomCutForest(**SETTINGS).fit(rows)
    model.save(tmp_path)
    arrays = mxnet.load(tmp_path / "model_algo-1")
    assert {name: array.ndim for name, array in arrays.items()} == SAVED
    assert arrays["points"].shape == (50, 14, 3)
    loaded = RandomCutForest.load(tmp_path)
    assert np.array_equal(loaded.predict(rows), model.predict(rows))
    used = model.trees_.columns >= 0
    for name in ("boxes", "spans"):
        assert np.array_equal(getattr(loaded.trees_, name)[used], getattr(model.trees_, name)[used]), name


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("children", (0, 0, 0), 99),
        ("children", (0, 0, 1), 0),
        ("children", (0, 0, 0), -99),
        ("roots", 0, 5),
        ("roots", 0, -(2**31)),
        ("columns", (0, 0), 3),
        ("columns", (0, 0), -1),
        ("counts", (0, 0), 0),
        ("counts", (0, 0), 2**30),
        ("points", (0, 0, 0), np.nan),
        ("cuts", (0, 0), np.inf),
    ],
)
def test_a_model_file_that_leads_astray_is_refused(tmp_path, name, place, value):
    arrays = to_arrays(build(draw(50 * 4).reshape(50, 4, 3), np.random.default_rng(0)))
    assert from_arrays(arrays) is not None
    arrays[name][place] = value
    mxnet.save(tmp_path / "model_algo-1", arrays)
    with pytest.raises(ClientError, match="model_algo-1 must hold the arrays points, counts"):
        RandomCutForest.load(tmp_path)


def test_the_three_sigma_rule_by_hand():
    """Nineteen scores of 1, one of 21: mean 2, deviation 4.4; only the last lies above 15.1."""
    scores = np.append(np.ones(19), 21)
    labels = np.zeros(20)
    labels[[18, 19]] = 1
    found = evaluate(scores, labels)
    assert found["accuracy"] == {"accuracy": 0.95}
    assert found["precision_recall_fscore"] == pytest.approx(
        {
            "precision": 1,
            "recall": 0.5,
            "f1": 2 / 3,
            "negative_precision": 18 / 19,
            "negative_recall": 1,
            "negative_f1": 36 / 37,
        }
    )


def test_the_log_is_the_containers(caplog):
    """Forms of a real container's log of February 2020; the metric pattern finds the score in it."""
    caplog.set_level(logging.INFO, "clary.algorithms.randomcutforest")
    rows = np.round(draw(4032, 1), 1)
    test = Channel(np.append(rows[:99], [[50]], axis=0).astype(np.float32), labels=np.append(np.zeros(99), 1))
    said = []
    settings = {"num_trees": 50, "num_samples_per_tree": 512}
    model = RandomCutForest(**settings).fit(rows, test=test, run=Run(say=said.append))
    for form in (
        r"Available memory in bytes: [0-9]+",
        r"Estimated memory needed to build the forest in bytes: [0-9]+",
        r"Sampling training data\.\.\.",
        r"Sampling training data completed\.",
        r"#progress_metric: host=algo-1, completed 100 % of epochs",
        r"#throughput_metric: host=algo-1, train throughput=[0-9.]+ records/second",
        r"Gathering samples\.\.\.",
        r"4032 samples gathered",
        r"Building Random Cut Forest\.\.\.",
        r"Random Cut Forest built: \n\nForestInfo\{num_trees: 50, num_samples_in_forest: 4000, "
        r"num_samples_per_tree: 80, sample_dim: 1, shingle_size: 1, trees_num_nodes: \[([0-9]+, ){50}\], "
        r"trees_depth: \[([0-9]+, ){50}\], max_num_nodes: [0-9]+, min_num_nodes: [0-9]+, avg_num_nodes: [0-9]+, "
        r"max_tree_depth: [0-9]+, min_tree_depth: [0-9]+, avg_tree_depth: [0-9]+, mem_size: [0-9]+\}\n",
        r"#test_score \(algo-1\) : \('f1', 1\.0\)",
        r"#test_score \(algo-1\) : \('accuracy', 1\.0\)",
    ):
        assert any(re.fullmatch(form, line) for line in caplog.messages), form
    (metric,) = randomcutforest.METRICS
    assert [found[1] for line in caplog.messages if (found := re.search(metric.pattern, line))] == ["1.0"]
    assert all(line.startswith('#metrics {"StartTime": ') for line in said)
    assert 5 < depths(model.trees_).mean() < 25
    caplog.clear()
    RandomCutForest(**settings, eval_metrics=["accuracy"]).fit(rows, test=test)
    assert "accuracy" in caplog.text and "f1" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"feature_dim": 5}, "feature_dim is 5, but the data has 3 columns"),
        ({"feature_dim": 10001}, "Hyperparameter feature_dim: 10001 is not in [1, 10000]"),
        ({"num_trees": 49}, "Hyperparameter num_trees: 49 is not in [50, 1000]"),
        ({"num_samples_per_tree": 2049}, "Hyperparameter num_samples_per_tree: 2049 is not in [1, 2048]"),
        ({"eval_metrics": ["auc"]}, "Hyperparameter eval_metrics: 'auc' is not in [accuracy, precision_recall_fscore]"),
        ({"epochs": 2}, "Hyperparameter epochs: 2 is not in [1, 1]"),
    ],
)
def test_what_is_wrong_is_named(settings, sentence):
    with pytest.raises(ClientError) as error:
        RandomCutForest(**settings).fit(draw())
    assert str(error.value) == sentence


def test_a_forest_beyond_the_memory_is_refused_before_the_data_is_read(monkeypatch):
    monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.get)
    with pytest.raises(ClientError, match="100 trees of 256 records with 48 columns need 14745600 bytes, but"):
        RandomCutForest(feature_dim=48).fit(Channel(stopped=True))


def test_strange_numbers_and_labels_are_refused():
    rows, far = draw(200), draw(200)
    far[7, 2] = np.inf
    with pytest.raises(ClientError, match="row 8, column 3 is inf; a finite number is needed"):
        RandomCutForest().fit(far)
    with pytest.raises(ClientError, match="row 8, column 3 is inf; a finite number is needed"):
        RandomCutForest(**SETTINGS).fit(rows).predict(far)
    for test, sentence in (
        (Channel(rows), "the rows have no labels"),
        (Channel(rows, labels=np.full(200, 2.0)), "the label is 2; it must be 1 for an anomaly or 0"),
        (Channel(rows, labels=np.zeros((200, 2))), "the rows have 2 labels each; one is needed"),
        (Channel(), "The test channel has no records"),
    ):
        with pytest.raises(ClientError, match=sentence):
            RandomCutForest(**SETTINGS).fit(rows, test=test)
    with pytest.raises(ClientError, match="The train channel has no records"):
        RandomCutForest(feature_dim=3).fit(Channel())


def test_channels_are_the_containers():
    for channels, sentence in (
        ({"train": {"S3DistributionType": "FullyReplicated"}}, "FullyReplicated is not in .ShardedByS3Key."),
        ({"train": {}, "test": {"S3DistributionType": "ShardedByS3Key"}}, "ShardedByS3Key is not in .FullyReplicated."),
        ({"train": {}, "test": {"ContentType": "text/csv;label_size=0"}}, "label_size must be equal to 1"),
    ):
        with pytest.raises(ClientError, match=sentence):
            check_channels(ALGORITHM, channels)


def test_a_stop_keeps_a_forest_of_the_rows_seen():
    rows = draw(600)
    settings = {**SETTINGS, "mini_batch_size": 100}
    model = RandomCutForest(**settings, feature_dim=3).fit(Channel(rows[:300], rows[300:], stopped=True))
    assert model.trees_.points.shape == (50, 12, 3)
    with pytest.raises(Stopped):
        RandomCutForest(feature_dim=3).fit(Channel(stopped=True))


def test_labels_of_the_train_channel_are_left_out():
    rows = draw(400)
    labelled = RandomCutForest(**SETTINGS).fit(ArrayBatches(Batch(rows, np.ones(400))))
    assert np.array_equal(labelled.predict(rows), RandomCutForest(**SETTINGS).fit(rows).predict(rows))


def test_joined_samples_are_uniform_over_all_rows():
    """Three hosts saw 600, 200 and no rows, and kept 100 at most: a row of either is among the 100 with odds of 1/8."""
    hits, rng = np.zeros(800), np.random.default_rng(0)
    for _ in range(2000):
        samples = [rng.choice(600, 100, replace=False), 600 + rng.choice(200, 100, replace=False), np.empty(0, int)]
        rows = join_samples([sample[:, None] for sample in samples], [600, 200, 0], 100, rng)
        assert len(np.unique(rows)) == 100
        hits[rows[:, 0]] += 1
    assert abs(hits - 250).max() < 5.5 * math.sqrt(250)
    assert hits[:600].mean() == pytest.approx(250, rel=0.01)


@pytest.mark.usefixtures("exchange_port")
def test_hosts_with_a_shard_each_make_the_same_forest():
    """Three hosts, one with an empty shard, one whose rows are all strange to the others."""
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    shards = {hosts[0]: Channel(draw(3000)), hosts[1]: Channel(20 + draw(3000)), hosts[2]: Channel()}
    models = {host: RandomCutForest(**SETTINGS, feature_dim=3) for host in hosts}
    threads = [
        threading.Thread(target=models[host].fit, args=(shards[host],), kwargs={"run": Run(host=host, hosts=hosts)})
        for host in hosts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    first, *others = (models[host].trees_ for host in hosts)
    assert first.points.shape == (50, 32, 3)
    assert all(np.array_equal(first.points, other.points) for other in others)
    assert (first.points[:, :, 0] > 10).mean() == pytest.approx(0.5, abs=0.05)
    assert models[hosts[0]].predict([[0, 0, 0], [20, 20, 20]]).max() < 1
    assert models[hosts[0]].predict([[-20, 40, -20]])[0] > 2
