"""PCA: a case worked by hand, other decompositions as judges, several hosts, the log, the artefact, errors."""

import json
import logging
import re
import threading

import numpy as np
import pytest
import scipy.sparse
from algorithm_jobs import job_in
from sklearn import decomposition
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clary.algorithms import load, pca
from clary.algorithms.base import ArrayBatches, Run, Stopped
from clary.algorithms.inference import Responder
from clary.algorithms.pca import PCA
from clary.algorithms.pca_kernels import Scatter, nystrom, random_test_matrix
from clary.errors import ClientError
from clary.formats import Batch, Sparse, mxnet

DIGITS = load_digits().data.astype(np.float32)
FAR = (
    np.random.default_rng(0).multivariate_normal([1e4, -3e4, 2e4, 0], np.diag([4, 3, 2, 1.0]), 3000).astype(np.float32)
)


class Parts:
    """Re-iterable batches."""

    def __init__(self, *parts):
        self.parts = parts

    def __iter__(self):
        yield from (Batch(part) for part in self.parts)


def exact(x, k, centred=True):
    """Projections (n, k) and singular values, ascending, by the singular value decomposition of all rows in float64."""
    x = x.astype(np.float64)
    x = x - x.mean(axis=0) if centred else x
    _, s, v = np.linalg.svd(x, full_matrices=False)
    v = v[:k][::-1]
    v *= np.sign(np.take_along_axis(v, np.abs(v).argmax(axis=1)[:, None], axis=1))
    return x @ v.T, s[:k][::-1]


# The arithmetic


def test_by_hand():
    """Four points about (1, 2): 3 and -3 along (0.6, 0.8), 1 and -1 across. Singular values sqrt(2) and sqrt(18)."""
    along, across, mean = np.array([0.6, 0.8]), np.array([0.8, -0.6]), np.array([1.0, 2])
    model = PCA(num_components=2).fit(mean + np.array([3 * along, -3 * along, across, -across]))
    np.testing.assert_allclose(model.mean_, mean)
    np.testing.assert_allclose(model.singular_values_, [2**0.5, 18**0.5], rtol=1e-6)
    np.testing.assert_allclose(model.components_, [across, along], rtol=1e-6)
    np.testing.assert_allclose(model.predict([[1, 2], [1.6, 2.8], [5.8, 8.4]]), [[0, 0], [0, 1], [0, 8]], atol=1e-6)


def test_the_mean_stays_where_it_is_not_subtracted():
    """Rows (3, 0) and (5, 0): S = (34 0; 0 0), so that s = sqrt(34) along the first axis, and (3, 0) projects to 3."""
    model = PCA(num_components=1, subtract_mean=False).fit(np.array([[3.0, 0], [5, 0]]))
    assert model.mean_ is None
    assert model.singular_values_ == pytest.approx([34**0.5])
    np.testing.assert_allclose(model.predict([[3, 0], [0, 7]]), [[3], [0]], atol=1e-7)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("x", [DIGITS, FAR, 1e-3 * FAR[:, ::-1]], ids=["digits", "far", "small"])
def test_regular_projections_are_exact(x, centred):
    """To 1e-4 of the component's spread, whatever the batches, 10,000 deviations from the origin; where the mean stays,
    to 1e-4 of the rows' size."""
    k = min(20, x.shape[1])
    model = PCA(num_components=k, feature_dim=x.shape[1], mini_batch_size=100, subtract_mean=centred)
    model.fit(Parts(x[:1], x[1:700], x[700:]))
    projections, values = exact(x, k, centred)
    sizes = np.abs(projections).max(axis=0)
    np.testing.assert_allclose(model.predict(x), projections, atol=1e-4 * (sizes.min() if centred else sizes.max()))
    np.testing.assert_allclose(model.singular_values_, values, rtol=1e-6)


def test_scikit_learn_agrees():
    """Variances to 1e-3, as the speed table wants, and projections but for the order: here the last is the largest."""
    judge = decomposition.PCA(10, svd_solver="full").fit(DIGITS.astype(np.float64))
    model = PCA(num_components=10).fit(DIGITS)
    variance = model.singular_values_[::-1] ** 2 / (len(DIGITS) - 1)
    np.testing.assert_allclose(variance, judge.explained_variance_, rtol=1e-3)
    np.testing.assert_allclose(model.predict(DIGITS)[:, ::-1], judge.transform(DIGITS), atol=1e-4)


def test_a_first_batch_far_from_the_rest_costs_no_digits():
    """Sorted data: the shift is the mean of the first row alone."""
    x = np.sort(FAR, axis=0)
    scatter = Scatter(4)
    for part in np.split(x, [1, 50]):
        scatter.add(part)
    scatter.centre()
    gaps = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(scatter.matrix, np.triu(gaps.T @ gaps), rtol=1e-9)
    np.testing.assert_allclose(scatter.mean, x.mean(axis=0, dtype=np.float64), rtol=1e-12)
    assert scatter.total == pytest.approx((gaps**2).sum())


@pytest.mark.parametrize("rank", [1, 5])
def test_nystrom_is_exact_up_to_the_rank_of_its_test_matrix(rank):
    """Data of `rank` dimensions, 6 directions tried: what is beyond the rank has the singular value 0."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, rank)) @ rng.normal(size=(rank, 20))
    test = random_test_matrix(20, 6, rng)
    found = nystrom(x.T @ x @ test, test, 6)
    _, s, v = np.linalg.svd(x)
    np.testing.assert_allclose(found.values, [*[0] * (6 - rank), *s[:rank][::-1]], atol=1e-6)
    np.testing.assert_allclose(np.abs(np.sum(found.vectors[:, 6 - rank :] * v[:rank][::-1].T, axis=0)), 1, atol=1e-9)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(6), atol=1e-9)


def test_randomized_is_nearly_exact_and_better_with_more_extra_components():
    """The share of the variance that the components keep, of what the exact ones do: the mean of five draws of T."""
    best, gaps = exact(DIGITS, 10)[1], DIGITS - DIGITS.mean(axis=0)
    shares = {}
    for extra in (0, -1, 30, 54):
        models = [
            PCA(num_components=10, algorithm_mode="randomized", extra_components=extra, seed=seed).fit(DIGITS)
            for seed in range(5)
        ]
        shares[extra] = np.mean([((gaps @ model.components_.T) ** 2).sum() / (best @ best) for model in models])
    assert shares[0] < 0.9 < 0.95 < shares[-1] < 0.98 < 0.99 < shares[30] < shares[54]
    assert shares[54] == pytest.approx(1, abs=1e-6)  # all 64 columns: T is square, nothing is approximated


def test_randomized_does_not_depend_on_the_batches():
    parts = Parts(*np.array_split(DIGITS, 7))
    settings = {"num_components": 4, "feature_dim": 64, "algorithm_mode": "randomized"}
    whole = PCA(**settings, mini_batch_size=5000).fit(DIGITS).predict(DIGITS)
    np.testing.assert_allclose(PCA(**settings, mini_batch_size=1).fit(parts).predict(DIGITS), whole, atol=1e-4)
    other = PCA(**settings, mini_batch_size=1, seed=1).fit(parts).predict(DIGITS)
    assert np.abs(other - whole).max() > 1e-2


@pytest.mark.parametrize("mode", ["regular", "randomized"])
@pytest.mark.parametrize("density", [0.02, 0.5])
def test_sparse_rows_give_what_dense_ones_give(mode, density):
    x = scipy.sparse.random_array(
        (500, 40), density=density, format="csr", rng=np.random.default_rng(2), dtype=np.float32
    )
    settings = {"num_components": 5, "feature_dim": 40, "mini_batch_size": 1, "algorithm_mode": mode}
    dense, sparse = PCA(**settings).fit(x.toarray()), PCA(**settings).fit(x)
    np.testing.assert_allclose(sparse.singular_values_, dense.singular_values_, rtol=1e-5)
    np.testing.assert_allclose(sparse.predict(x), dense.predict(x.toarray()), atol=1e-5)
    mixed = PCA(**settings).fit(Parts(x.toarray()[:100], as_sparse(x[100:])))
    np.testing.assert_allclose(mixed.predict(x), dense.predict(x.toarray()), atol=1e-5)


def as_sparse(x, exact=True):
    indptr, indices = x.indptr.astype(np.int64), x.indices.astype(np.int64)
    return Sparse(indptr, indices, x.data, x.shape[1] if exact else int(x.indices.max()) + 1, exact)


def test_rows_of_the_format_without_a_width_take_feature_dim():
    x = scipy.sparse.csr_array(np.array([[1, 0, 0, 0], [0, 2, 0, 0], [3, 1, 0, 0]], np.float32))
    model = PCA(num_components=1, feature_dim=4, mini_batch_size=2).fit(Parts(as_sparse(x, exact=False)))
    assert model.components_.shape == (1, 4)
    assert model.respond(Batch(as_sparse(x, exact=False)))["projection"] == pytest.approx(
        exact(x.toarray(), 1)[0], abs=1e-6
    )


# Several hosts


@pytest.mark.parametrize(("mode", "centred"), [("regular", True), ("regular", False), ("randomized", True)])
@pytest.mark.usefixtures("exchange_port")
def test_hosts_with_a_shard_each_find_what_one_finds(mode, centred):
    """Three hosts, means far apart, one shard empty: the model of one host with everything, on all three."""
    x = DIGITS + np.where(np.arange(len(DIGITS)) < 400, 100, 0)[:, None].astype(np.float32)
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    settings = {
        "num_components": 6,
        "feature_dim": 64,
        "mini_batch_size": 50,
        "algorithm_mode": mode,
        "subtract_mean": centred,
    }
    models = {host: PCA(**settings) for host in hosts}
    shards = dict(zip(hosts, (Parts(x[:400]), Parts(x[400:]), Parts()), strict=True))
    threads = [
        threading.Thread(target=models[host].fit, args=(shards[host],), kwargs={"run": Run(host=host, hosts=hosts)})
        for host in hosts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    alone = PCA(**settings).fit(x)
    for host in hosts:
        np.testing.assert_allclose(models[host].predict(x), alone.predict(x), atol=1e-3)
        np.testing.assert_allclose(models[host].singular_values_, alone.singular_values_, rtol=1e-6)


# The container


def test_the_artefact_is_mxnets(tmp_path):
    model = PCA(num_components=3).fit(DIGITS)
    model.save(tmp_path)
    arrays = mxnet.load(tmp_path / "model_algo-1")
    assert {name: array.shape for name, array in arrays.items()} == {"s": (3,), "v": (64, 3), "mean": (1, 64)}
    assert list(arrays["s"]) == sorted(arrays["s"])
    np.testing.assert_allclose((DIGITS - arrays["mean"]) @ arrays["v"], model.predict(DIGITS), atol=1e-4)
    PCA(num_components=3, subtract_mean=False).fit(DIGITS).save(tmp_path)
    assert set(mxnet.load(tmp_path / "model_algo-1")) == {"s", "v"}
    assert PCA.load(tmp_path).get_params()["subtract_mean"] is False


@pytest.mark.parametrize(
    "arrays",
    [
        [np.ones((3, 2))],
        {"s": np.ones(2), "w": np.ones((3, 2))},
        {"s": np.ones(3), "v": np.ones((3, 2))},
        {"s": np.ones(2), "v": np.ones((3, 2)), "mean": np.ones((1, 2))},
        {"s": np.ones(2), "v": np.full((3, 2), np.nan)},
    ],
    ids=["nameless", "other names", "more values", "a shorter mean", "not a number"],
)
def test_arrays_that_are_no_model_are_refused(tmp_path, arrays):
    mxnet.save(tmp_path / "model_algo-1", arrays)
    with pytest.raises(ClientError, match=r"model_algo-1 must hold the arrays s \(k\), v"):
        PCA.load(tmp_path)


def test_the_log_is_the_containers(tmp_path, monkeypatch, capsys):
    with job_in(tmp_path, monkeypatch, capsys) as job:
        x = load_iris().data.astype(np.float32)
        job.configure(
            {"feature_dim": "4", "num_components": "2", "mini_batch_size": "10", "epochs": "1", "force_dense": "true"},
            {"train": "text/csv;label_size=0", "test": "text/csv;label_size=0"},
        )
        for name, part in (("train", x[::2]), ("test", x[1::2])):
            job.write_channel(name, "\n".join(",".join(map(str, row)) for row in part))
        status, log = job.train("pca")
    assert status == 0, log
    for form in (
        r"#progress_metric: host=algo-1, completed 100 % of epochs",
        r"#throughput_metric: host=algo-1, train throughput=[0-9.]+ records/second",
        r"#test_score \(algo-1\) : \('explained_variance_ratio', [0-9.]+\)",
    ):
        assert re.search(rf"^\[[0-9/]+ [0-9:]+ INFO [0-9]+\] {form}$", log, re.MULTILINE), form
    blocks = [json.loads(line.removeprefix("#metrics ")) for line in log.splitlines() if line.startswith("#metrics ")]
    assert all(block["Dimensions"]["Algorithm"] == "PCA" for block in blocks)
    assert any(block["Metrics"].get("Number of Records Since Last Reset", {}).get("sum") == 75 for block in blocks)
    judge = decomposition.PCA(2).fit(x[::2])
    gaps = x[1::2] - judge.mean_
    expected = {
        "train:explained_variance_ratio": judge.explained_variance_ratio_.sum(),
        "test:explained_variance_ratio": ((gaps @ judge.components_.T) ** 2).sum() / (gaps**2).sum(),
    }
    found = {metric.name: float(re.search(metric.pattern, log)[1]) for metric in pca.METRICS}
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_test_channel_may_be_sparse(caplog):
    caplog.set_level(logging.INFO, "clary.algorithms.pca")
    x = scipy.sparse.csr_array(DIGITS)
    PCA(num_components=5).fit(DIGITS, test=Parts(DIGITS))
    PCA(num_components=5).fit(DIGITS, test=Parts(as_sparse(x)))
    dense, sparse = (float(line.rpartition("=")[2]) for line in caplog.messages if "test explained" in line)
    assert dense == pytest.approx(
        exact(DIGITS, 5)[1] @ exact(DIGITS, 5)[1] / ((DIGITS - DIGITS.mean(axis=0)) ** 2).sum(), rel=1e-5
    )
    assert sparse == pytest.approx(dense)


def test_answers_in_every_form():
    """One row (4, 0), about the mean (1, 0): the small component first."""
    model = PCA(num_components=2).fit(np.array([[3.0, 1], [-1, 1], [3, -1], [-1, -1]]))
    model.components_[:] = [[0, 1], [1, 0]]
    responder = Responder(load("pca"), model, {})
    for accept, body in (
        ("application/json", b'{"projections":[{"projection":[0.0,3.0]}]}'),
        ("application/jsonlines", b'{"projection":[0.0,3.0]}\n'),
        ("text/csv", b"0.0,3.0\n"),
    ):
        assert responder.answer(b"4,0", "text/csv", accept).body == body
    sparse = b'{"instances": [{"data": {"features": {"keys": [0], "shape": [2], "values": [4]}}}]}'
    assert json.loads(responder.answer(sparse, "application/json", "").body)["projections"][0]["projection"] == [0, 3]


# What users do


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"num_components": 5}, "num_components is 5, but feature_dim is 4: there are no more components than columns"),
        ({"num_components": 2, "feature_dim": 5}, "feature_dim is 5, but the data has 4 columns"),
        ({"num_components": 0}, "Hyperparameter num_components: 0 is not in [1, inf)"),
        ({}, "Missing required hyperparameter: num_components"),
        ({"num_components": 2, "extra_components": -2}, "Hyperparameter extra_components: -2 is not in [-1, inf)"),
        ({"num_components": 2, "algorithm_mode": "stable"}, "Hyperparameter algorithm_mode: 'stable' is not in"),
        ({"num_components": 2, "epochs": 2}, "Hyperparameter epochs: 2 is not in [1, 1]"),
    ],
)
def test_what_is_wrong_is_named(settings, sentence):
    with pytest.raises(ClientError) as error:
        PCA(**settings).fit(load_iris().data)
    assert str(error.value).startswith(sentence)


def test_a_job_must_name_its_mini_batch_size():
    with pytest.raises(ClientError, match="Missing required hyperparameter: mini_batch_size"):
        PCA(num_components=2, feature_dim=4).fit(Parts(FAR))


def test_a_forgotten_label_size_is_named():
    with pytest.raises(ClientError, match="feature_dim is 4, but the data has 3 columns and a label"):
        PCA(num_components=2, feature_dim=4).fit(ArrayBatches(Batch(FAR[:, 1:], FAR[:, 0])))


def test_a_request_of_another_width_is_refused():
    model = PCA(num_components=2).fit(FAR)
    with pytest.raises(ClientError, match="feature_dim is 4, but the data has 3 columns"):
        model.predict(FAR[:, 1:])


def test_a_feature_dim_beyond_all_memory_is_a_sentence():
    """Rows of a format without a width: nothing contradicts the feature_dim. Where the data does, that is said."""
    rows = Sparse(np.array([0, 1]), np.array([3]), np.ones(1, np.float32), 4, exact=False)
    settings = {"num_components": 2, "feature_dim": 2**31 - 1, "mini_batch_size": 1}
    with pytest.raises(
        ClientError, match="not enough memory for a feature_dim of 2147483647; algorithm_mode randomized"
    ):
        PCA(**settings).fit(Parts(rows))
    with pytest.raises(ClientError, match="feature_dim is 2147483647, but the data has 4 columns"):
        PCA(**settings).fit(Parts(FAR))


def test_no_rows_at_all():
    with pytest.raises(ClientError, match="The train channel has no records"):
        PCA(num_components=2, feature_dim=4, mini_batch_size=1).fit(Parts())
    with pytest.raises(ClientError, match="The test channel has no records"):
        PCA(num_components=2).fit(FAR, test=Parts())


@pytest.mark.parametrize("mode", ["regular", "randomized"])
def test_rows_that_are_too_few_or_all_alike_make_a_model_of_zeros_and_a_warning(mode, caplog):
    model = PCA(num_components=3, algorithm_mode=mode).fit(np.array([[1.0, 2, 3, 4], [3, 2, 3, 4]]))
    assert model.singular_values_ == pytest.approx([0, 0, 2**0.5])
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(3), atol=1e-6)
    assert (
        "2 record(s) differ in 1 direction(s) at most: of 3 components the first 2 have the singular value 0"
        in caplog.text
    )
    alike = PCA(num_components=2, algorithm_mode=mode).fit(np.full((9, 4), 7.7))
    assert not alike.singular_values_.any()
    assert not alike.predict(np.full((2, 4), 7.7)).any()


def test_numbers_beyond_float32_make_no_model():
    with pytest.raises(ClientError, match="is beyond float32; divide the data by a number"):
        PCA(num_components=1).fit(np.array([[3e38, 0], [-3e38, 0]]))


class Interrupted(Parts):
    """A channel that is stopped after its batches, as the frame's are."""

    def __iter__(self):
        yield from super().__iter__()
        raise Stopped


def test_a_stop_keeps_the_rows_seen():
    settings = {"num_components": 3, "feature_dim": 4, "mini_batch_size": 500}
    stopped = PCA(**settings).fit(Interrupted(*np.split(FAR[:2048], 4), FAR[2048:2100]))
    assert np.array_equal(stopped.components_, PCA(**settings).fit(FAR[:2048]).components_)
    with pytest.raises(Stopped):
        PCA(**settings).fit(Interrupted())


def test_a_stop_while_it_scores_keeps_the_model(caplog):
    caplog.set_level(logging.INFO, "clary.algorithms.pca")
    stopped = PCA(num_components=3).fit(FAR, test=Interrupted(FAR))
    assert np.array_equal(stopped.components_, PCA(num_components=3).fit(FAR).components_)
    assert "the test channel is not scored" in caplog.text
    assert "#test_score" not in caplog.text


def test_scikit_learns_conventions():
    x = load_iris().data
    model = PCA(num_components=2, algorithm_mode="randomized")
    assert clone(model).get_params() == model.get_params()
    scaled = make_pipeline(StandardScaler(), clone(model)).fit_transform(x)
    assert scaled.shape == (150, 2)
    np.testing.assert_array_equal(model.fit_transform(x), model.transform(x))
    model.fit(x[:, :3])  # a second fit knows nothing of the first
    assert model.components_.shape == (2, 3)
