"""K-Means: steps worked by hand, scikit-learn as the judge, and the container's log, artefact and errors."""

import logging
import re
import threading
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.cluster import KMeans as Lloyd
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clary.algorithms import exchange, kmeans
from clary.algorithms.base import ArrayBatches, Run, Stopped
from clary.algorithms.kmeans import KMeans, move_centers, shrink
from clary.algorithms.kmeans_kernels import lloyd, nearest, seed, squared_distances
from clary.errors import ClientError
from clary.formats import Batch, Sparse, mxnet

LLOYD = {"local_lloyd_max_iter": 300, "local_lloyd_tol": 0.0}


def msd(x, centers):
    """By the definition, without any of the code under test."""
    return float(((x[:, None] - centers[None]) ** 2).sum(2).min(1).mean())


class Epochs:
    """Re-iterable batches that count how often they were read."""

    def __init__(self, *parts):
        self.parts, self.epochs = parts, 0

    def __iter__(self):
        self.epochs += 1
        yield from (Batch(part) for part in self.parts)


def test_a_mini_batch_moves_centres_as_the_guide_works_it_out():
    """Centre 1 stood for 3 rows, one more comes: p = 1/4. Centre 2 stood for none: it becomes its rows' mean."""
    centers, weights = np.array([[0.0, 0], [10, 10], [99, 99]]), np.array([3.0, 0, 5])
    move_centers(centers, weights, np.array([[4, 0], [9, 10], [11, 12]], np.float32), half_life=0)
    assert centers.tolist() == [[1, 0], [10, 11], [99, 99]]
    assert weights.tolist() == [4, 2, 5]


def test_half_life_halves_what_a_centre_stood_for():
    """Two rows pass with a half-life of one: weight 4 decays to 1, then one row of each weighs as much as the past."""
    centers, weights = np.array([[0.0], [100]]), np.array([4.0, 4])
    move_centers(centers, weights, np.array([[2], [104]], np.float32), half_life=1)
    assert centers.tolist() == [[1], [102]]
    assert weights.tolist() == [2, 2]


def test_lloyd_by_hand():
    """0, 1 and 9, 10 from the seeds 0 and 1: first {0} {1, 9, 10}, then {0, 1} {9, 10}. Loss 4 * 0.25 / 4."""
    points = np.array([[0.0], [1], [9], [10]])
    found = lloyd(points, np.ones(4), points[:2], LLOYD)
    assert sorted(found.centers[:, 0]) == [0.5, 9.5]
    assert found.loss == 0.25


def test_lloyd_minds_the_weights():
    """One centre of 0 and 10, which weighs three times as much: 7.5; loss (1 * 56.25 + 3 * 6.25) / 4."""
    found = lloyd(np.array([[0.0], [10]]), np.array([1.0, 3]), np.array([[4.0]]), LLOYD)
    assert found.centers.tolist() == [[7.5]]
    assert found.loss == 18.75


def test_lloyd_gives_an_empty_centre_the_worst_off_point():
    points = np.array([[0.0], [1], [50]])
    found = lloyd(points, np.ones(3), np.array([[0.5], [1000.0]]), LLOYD)
    assert sorted(found.centers[:, 0]) == [0.5, 50]


def test_kmeans_plus_plus_spreads_out():
    """Three tight groups far from each other: each seed lands in another group."""
    x = np.array([[0, 0], [0, 1e-3], [1000, 0], [1000, 1e-3], [0, 1000], [1e-3, 1000]], np.float32)
    for number in range(20):
        chosen = seed(x, np.ones(6), 3, "kmeans++", np.random.default_rng(number))
        assert sorted(chosen // 2) == [0, 1, 2]
    assert len(set(seed(np.ones((5, 2)), np.ones(5), 3, "kmeans++", np.random.default_rng(0)))) >= 1


def test_shrinking_keeps_the_best_trial():
    settings = {"k": 2, "local_lloyd_num_trials": 20, "local_lloyd_init_method": "random", **LLOYD}
    centers = np.array([[0.0, 0], [0, 1], [50, 0], [50, 1], [7, 7]])
    found = shrink(centers, np.array([5.0, 5, 5, 5, 0]), settings, np.random.default_rng(0))
    assert sorted(map(tuple, found.centers)) == [(0, 0.5), (50, 0.5)]
    assert found.loss == 0.25


@pytest.mark.parametrize("offset", [0.0, 3000.0])
def test_nearest_and_distances_keep_their_digits(offset):
    """Float32 rows far from the origin: |x|^2 alone would swallow every difference."""
    rng = np.random.default_rng(0)
    x = (offset + rng.normal(size=(500, 20))).astype(np.float32)
    centers = (offset + rng.normal(size=(7, 20))).astype(np.float32)
    exact = ((x[:, None].astype(float) - centers.astype(float)) ** 2).sum(2)
    labels = nearest(x, centers.astype(float))
    assert (np.take_along_axis(exact, labels[:, None], 1)[:, 0] <= exact.min(1) + 1e-2).all()
    assert (labels == exact.argmin(1)).mean() > 0.99
    assert squared_distances(x, centers, labels) == pytest.approx(exact[np.arange(500), labels], rel=1e-5)


@pytest.mark.parametrize(("data", "k"), [(load_iris, 3), (load_digits, 10)])
def test_as_good_as_scikit_learn(data, k):
    """Data that fits the sample: within 2 % of ten full runs of Lloyd's algorithm, for each of three seeds."""
    x = data().data.astype(np.float32)
    best = Lloyd(k, n_init=10, random_state=0).fit(x).inertia_ / len(x)
    for number in range(3):
        model = KMeans(k=k, seed=number).fit(x)
        assert msd(x, model.cluster_centers_) <= 1.02 * best


def test_as_good_where_the_sample_holds_a_part(monkeypatch):
    x, _ = make_blobs(30000, 8, centers=12, cluster_std=1.5, random_state=3)
    x = x.astype(np.float32)
    best = Lloyd(12, n_init=10, random_state=0).fit(x).inertia_ / len(x)
    for rows, limit in ((4000, 1.01), (100, 1.05)):  # a sample that is gone on with, and one that is too small
        monkeypatch.setattr(kmeans, "SAMPLE_BYTES", rows * 32)
        assert msd(x, KMeans(k=12, mini_batch_size=2000).fit(x).cluster_centers_) <= limit * best


def test_settings_do_what_they_say(caplog):
    caplog.set_level(logging.INFO, "clary.algorithms.kmeans")
    x = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    epochs = Epochs(x[:150], x[150:])
    settings = {"epochs": 3, "mini_batch_size": 100, "extra_center_factor": 5, "local_lloyd_num_trials": 2}
    KMeans(k=4, feature_dim=3, init_method="kmeans++", **settings).fit(epochs)
    assert epochs.epochs == 3
    text = caplog.text
    assert "shrinking 20 centers into 4" in text
    assert text.count("local kmeans attempt #") == 2
    assert text.count("processed a total of 400 examples") == 3
    KMeans(k=4, mini_batch_size=14).fit(x)
    assert "'extra_center_factor' was set to 'auto', evaluated to 3." in caplog.text


def test_runs_are_repeatable_and_the_input_is_left_alone():
    x = load_iris().data.astype(np.float32)
    kept = x.copy()
    first, second = (KMeans(k=3, seed=5).fit(x).cluster_centers_ for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(x, kept)
    assert not np.array_equal(first, KMeans(k=3, seed=6, init_method="kmeans++").fit(x).cluster_centers_)


def test_sparse_rows_give_what_dense_ones_give():
    x = load_digits().data.astype(np.float32)
    centers = KMeans(k=10).fit(x).cluster_centers_
    model = KMeans(k=10, force_dense=False).fit(scipy.sparse.csr_matrix(x))
    assert model.cluster_centers_ == pytest.approx(centers, abs=1e-3)
    rows = scipy.sparse.csr_matrix(x[:50])
    sparse = Sparse(rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data, 64)
    answer, dense = model.respond(Batch(sparse)), model.respond(Batch(x[:50]))
    assert np.array_equal(answer["closest_cluster"], dense["closest_cluster"])
    assert answer["distance_to_cluster"] == pytest.approx(dense["distance_to_cluster"], rel=1e-5)


def test_answers_are_the_closest_centre_and_its_euclidean_distance():
    model = KMeans()
    model._set_centers(np.array([[0, 0], [10, 0]], np.float32))
    answer = model.respond(Batch(np.array([[3, 4], [10, 0]], np.float32)))
    assert answer["closest_cluster"].tolist() == [0, 1]
    assert answer["distance_to_cluster"].tolist() == [5, 0]


def test_the_artefact_is_mxnets(tmp_path):
    x = load_iris().data.astype(np.float32)
    model = KMeans(k=3).fit(x)
    model.save(tmp_path)
    (centers,) = mxnet.load(tmp_path / "model_algo-1")
    assert centers.dtype == np.float32
    loaded = KMeans.load(tmp_path)
    assert np.array_equal(loaded.cluster_centers_, model.cluster_centers_)
    assert np.array_equal(loaded.predict(x), model.predict(x))
    mxnet.save(tmp_path / "model_algo-1", [centers, centers])
    with pytest.raises(ClientError, match="must hold one array, the centres as"):
        KMeans.load(tmp_path)


def test_the_log_is_the_containers(caplog):
    """Forms of a real container's log of May 2021; the metric patterns find the scores in it."""
    caplog.set_level(logging.INFO, "clary.algorithms.kmeans")
    x, test = np.split(load_iris().data.astype(np.float32), [120])
    said = []
    model = KMeans(k=3, eval_metrics=["msd", "ssd"]).fit(x, test=Epochs(test), run=Run(say=said.append))
    lines = caplog.messages
    for form in (
        r"'extra_center_factor' was set to 'auto', evaluated to 10\.",
        r"Batch size 5000 is bigger than the first batch data\. Effective batch size used to initialize is 120",
        r"processed a total of 120 examples",
        r"#progress_metric: host=algo-1, completed 100\.0 % of epochs",
        r"#throughput_metric: host=algo-1, train throughput=[0-9.]+ records/second",
        r"shrinking 30 centers into 3",
        r"local kmeans attempt #9\. Current mean square distance [0-9]+\.[0-9]{6}",
        r"#quality_metric: host=algo-1, train msd <loss>=[0-9.]+",
        r"#test_score \(algo-1\) : \('msd', [0-9.]+\)",
    ):
        assert any(re.fullmatch(form, line) for line in lines), form
    found = {
        metric.name: float(match[1])
        for metric in kmeans.METRICS
        for line in lines
        if (match := re.search(metric.pattern, line))
    }
    expected = msd(test, model.cluster_centers_)
    assert found == {"test:msd": pytest.approx(expected, rel=1e-5), "test:ssd": pytest.approx(30 * expected, rel=1e-5)}
    assert all(line.startswith('#metrics {"StartTime": ') for line in said)
    assert any('"Algorithm": "AWS/KMeansWebscale"' in line for line in said)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"k": 3, "feature_dim": 5}, "feature_dim is 5, but the data has 4 columns"),
        ({"k": 200}, "k is 200, but the train channel has only 150 rows"),
        ({"k": 0}, "Hyperparameter k: 0 is not in"),
        ({}, "Missing required hyperparameter: k"),
        ({"k": 3, "eval_metrics": ["mse"]}, "Hyperparameter eval_metrics: 'mse' is not in [msd, ssd]"),
        ({"k": 3, "extra_center_factor": "some"}, "Hyperparameter extra_center_factor: 'some' is not a number"),
        ({"k": 3, "local_lloyd_tol": 1.5}, "Hyperparameter local_lloyd_tol: 1.5 is not in [0, 1]"),
    ],
)
def test_what_is_wrong_is_named(settings, sentence):
    with pytest.raises(ClientError) as error:
        KMeans(**settings).fit(load_iris().data)
    assert str(error.value).startswith(sentence)


def test_a_forgotten_label_size_is_named():
    x = load_iris().data.astype(np.float32)
    with pytest.raises(ClientError, match="feature_dim is 4, but the data has 3 columns and a label"):
        KMeans(k=3, feature_dim=4).fit(ArrayBatches(Batch(x[:, 1:], x[:, 0])))


def test_a_request_of_another_width_is_refused():
    model = KMeans(k=3).fit(load_iris().data)
    with pytest.raises(ClientError, match="feature_dim is 4, but the data has 3 columns"):
        model.predict(np.ones((2, 3)))


def test_rows_that_are_all_alike():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = KMeans(k=3).fit(np.ones((50, 2)))
    assert model.cluster_centers_.tolist() == [[1, 1]] * 3


@pytest.mark.parametrize(("rows", "said"), [(0, "no rows"), (1, "only 1 row"), (2, "only 2 rows")])
def test_fewer_rows_than_centres(rows, said):
    with pytest.raises(ClientError, match=f"^k is 3, but the train channel has {said}$"):
        KMeans(k=3, feature_dim=2).fit(Epochs(*[np.ones((rows, 2))] * (rows > 0)))


def test_no_rows_to_score():
    with pytest.raises(ClientError, match="The test channel has no records"):
        KMeans(k=3).fit(load_iris().data, test=Epochs())


class Interrupted(Epochs):
    """A channel that is stopped after its batches, as the frame's are."""

    def __iter__(self):
        yield from super().__iter__()
        raise Stopped


def test_a_stop_keeps_the_centres_of_the_rows_seen():
    x, _ = make_blobs(600, 2, centers=3, random_state=0)
    x = x.astype(np.float32)
    model = KMeans(k=3, feature_dim=2, epochs=9, mini_batch_size=100).fit(Interrupted(x[:300], x[300:450]))
    assert msd(x, model.cluster_centers_) < 1.5 * Lloyd(3, n_init=5, random_state=0).fit(x).inertia_ / 600
    with pytest.raises(Stopped):
        KMeans(k=3, feature_dim=2).fit(Interrupted())


def test_a_stop_while_it_scores_keeps_the_model(caplog):
    caplog.set_level(logging.INFO, "clary.algorithms.kmeans")
    x = load_iris().data.astype(np.float32)
    stopped = KMeans(k=3).fit(x, test=Interrupted(x))
    assert np.array_equal(stopped.cluster_centers_, KMeans(k=3).fit(x).cluster_centers_)
    assert "the test channel is not scored" in caplog.text
    assert "#test_score" not in caplog.text


def test_scikit_learns_conventions():
    x = load_iris().data
    model = KMeans(k=3, epochs=2)
    assert clone(model).get_params() == model.get_params()
    assert model.get_params()["epochs"] == 2
    labels = make_pipeline(StandardScaler(), clone(model)).fit_predict(x)
    assert set(labels) == {0, 1, 2}
    model.fit(x)
    model.fit(x[:, :2])  # a second fit knows nothing of the first
    assert model.cluster_centers_.shape == (3, 2)


@pytest.mark.usefixtures("exchange_port")
def test_hosts_with_a_shard_each_find_the_same_centres():
    """Three hosts, one with an empty shard: as good as one host with everything, and all three agree."""
    x, _ = make_blobs(3000, 5, centers=6, cluster_std=0.7, random_state=1)
    x = x.astype(np.float32)
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    models = {host: KMeans(k=6, feature_dim=5, mini_batch_size=200) for host in hosts}
    shards = {hosts[0]: Epochs(x[:2000]), hosts[1]: Epochs(x[2000:]), hosts[2]: Epochs()}
    threads = [
        threading.Thread(target=models[host].fit, args=(shards[host],), kwargs={"run": Run(host=host, hosts=hosts)})
        for host in hosts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    first, *others = (models[host].cluster_centers_ for host in hosts)
    assert all(np.array_equal(first, other) for other in others)
    assert msd(x, first) <= 1.01 * Lloyd(6, n_init=10, random_state=0).fit(x).inertia_ / 3000


@pytest.mark.usefixtures("exchange_port")
def test_a_host_that_waits_for_others_can_be_stopped():
    for host in ("127.0.0.1", "127.0.0.2"):
        run = Run(host=host, hosts=("127.0.0.1", "127.0.0.2"), stopping=True)
        with pytest.raises(Stopped):
            exchange.gather(run, [np.ones(3)])
