"""LDA: moments counted out word by word, known models found again, other libraries, the log, the artefact, errors."""

import itertools
import json
import logging
import re

import numpy as np
import pytest
import scipy.sparse
from algorithm_jobs import as_csv, as_recordio
from scipy.optimize import linear_sum_assignment
from scipy.special import digamma
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from clary.algorithms import lda, lda_moments, load
from clary.algorithms.base import ArrayBatches, Run, Stopped
from clary.algorithms.inference import Responder
from clary.algorithms.lda import LDA, project, recover
from clary.algorithms.lda_kernels import mixtures
from clary.algorithms.lda_moments import Documents, times_pairs, whiten, whiten_third_moment
from clary.algorithms.lda_tensor import decompose
from clary.errors import ClientError
from clary.formats import Batch, Sparse, mxnet

ALS = {"max_restarts": 10, "max_iterations": 1000, "tol": 1e-8, "allow_svd_init": True}


class Epochs:
    """Re-iterable batches that count how often they were read."""

    def __init__(self, *parts):
        self.parts, self.epochs = parts, 0

    def __iter__(self):
        self.epochs += 1
        yield from (Batch(part) for part in self.parts)


def draw(seed, alpha, beta, count, length=150):
    """Documents, float32, from the model."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(alpha, count) @ beta
    return rng.multinomial(rng.poisson(length, count), chances / chances.sum(axis=1, keepdims=True)).astype(np.float32)


def pixel_topics(seed):
    """Ten topics over 25 words: the columns and the rows of a picture of 5 x 5."""
    rng, pictures = np.random.default_rng(seed), np.zeros((10, 5, 5))
    for line in range(5):
        pictures[line, :, line], pictures[5 + line, line] = rng.dirichlet([100] * 5), rng.dirichlet([100] * 5)
    return pictures.reshape(10, 25)


def match(known, found):
    return linear_sum_assignment(np.abs(known[:, None] - found[None]).sum(axis=2))[1]


def word_by_word(documents, times):
    """E2 or E3 by the definition: every ordered choice of `times` different words of each document, as unit vectors."""
    width = documents.shape[1]
    total = np.zeros((width,) * times)
    for counts in documents.astype(int):
        words = np.repeat(np.arange(width), counts)
        choices = list(itertools.permutations(words, times))
        for choice in choices:
            total[choice] += 1 / len(choices) / len(documents)
    return total


# The steps


FEW = np.array([[2, 1, 0, 1], [0, 3, 1, 0], [1, 1, 1, 2], [0, 0, 4, 1], [3, 0, 1, 0], [1, 2, 0, 2]], np.float32)


def documents_of(counts):
    return Documents(ArrayBatches(Batch(counts)), counts.shape[1], Run())


def test_pairs_are_those_counted_out():
    pairs, words = times_pairs(documents_of(FEW), np.eye(4))
    np.testing.assert_allclose(pairs, word_by_word(FEW, 2), atol=1e-15)
    np.testing.assert_allclose(words, word_by_word(FEW, 1), atol=1e-15)


@pytest.mark.parametrize("alpha0", [0.3, 1.0, 5.0])
def test_whitened_moments_are_those_of_the_paper(alpha0):
    """M2 and M3 written down whole, then seen through W."""
    documents, a = documents_of(FEW), alpha0
    white = whiten(documents, a, 2, np.random.default_rng(0))
    e1, e2, e3 = (word_by_word(FEW, times) for times in (1, 2, 3))
    m2 = e2 - a / (a + 1) * np.outer(e1, e1)
    ways = [np.einsum(f"ij,k->{sides}", e2, e1) for sides in ("ijk", "ikj", "kij")]
    m3 = e3 - a / (a + 2) * sum(ways) + 2 * a**2 / ((a + 1) * (a + 2)) * np.einsum("i,j,k->ijk", e1, e1, e1)
    w = white.whitening
    np.testing.assert_allclose(w.T @ m2 @ w, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(white.colouring.T @ w, np.eye(2), atol=1e-12)
    expected = np.einsum("ijk,ia,jb,kc->abc", m3, w, w, w)
    np.testing.assert_allclose(whiten_third_moment(documents, white, a), expected, atol=1e-12 * np.abs(expected).max())


def test_components_of_a_tensor_that_has_them():
    vectors = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    tensor = np.einsum("i,ai,bi,ci->abc", [9.0, 5, 4, 2, 1, 0.5], vectors, vectors, vectors)
    found = decompose(tensor, ALS, np.random.default_rng(0), Run())
    assert found.error < 1e-6
    assert np.abs(found.vectors.T @ vectors).max(axis=0) == pytest.approx(1, abs=1e-6)


def test_recovery_by_hand():
    """alpha (3, 1): columns sqrt(alpha_i / (4 * 5)) mu_i, the second with the wrong sign."""
    topics = np.array([[0.5, 0.5, 0], [0, 0.25, 0.75]])
    columns = (np.sqrt([[3 / 20], [1 / 20]]) * topics).T * [1, -1]
    alpha, beta = recover(columns, 4.0)
    np.testing.assert_allclose(alpha, [3, 1])
    np.testing.assert_allclose(beta, topics)


def test_projection_by_hand():
    """0.6 + 0.6 without the negative side is 0.2 too much: 0.1 off each. What is a distribution stays."""
    np.testing.assert_allclose(project(np.array([[0.6, 0.6, -0.2], [0.2, 0.3, 0.5]])), [[0.5, 0.5, 0], [0.2, 0.3, 0.5]])


def test_gamma_is_the_fixed_point():
    """The update with scipy's digamma, 2,000 times; words that no or every topic has, tiny and large priors."""
    rng = np.random.default_rng(3)
    beta = rng.dirichlet(np.full(40, 0.1), 8) + 1e-6
    alpha = np.array([0.001, 0.02, 0.3, 1, 0.1, 0.1, 5, 0.1])
    counts = rng.poisson(rng.dirichlet(np.full(8, 0.3), 30) @ beta * 200).astype(float)
    found = mixtures(scipy.sparse.csr_matrix(counts.astype(np.float32)), beta.T.astype(np.float32), alpha.astype("f4"))
    gamma = np.tile(alpha, (30, 1)) + counts.sum(axis=1, keepdims=True) / 8
    for _ in range(2000):
        weight = np.exp(digamma(gamma))
        gamma = alpha + weight * ((counts / (weight @ beta)) @ beta.T)
    np.testing.assert_allclose(found / found.sum(1)[:, None], gamma / gamma.sum(1)[:, None], atol=2e-3)


def test_short_documents_and_many_topics():
    """One word that only topic 7 of 200 has, with weights of e to the -200 at the start: it is topic 7's."""
    topics = np.full((200, 200), 1e-9) + np.eye(200)
    found = known_model(np.full(200, 0.005), topics).predict(np.eye(200)[7:8])
    assert found.argmax() == 7
    assert found[0, 7] == pytest.approx(1.005 / 2, abs=0.01)


def test_mixtures_as_scikit_learn_finds_them():
    beta = pixel_topics(0) + 1e-9
    x = draw(1, np.full(10, 0.1), beta, 200).astype(float)
    judge = LatentDirichletAllocation(10, doc_topic_prior=0.1, max_doc_update_iter=1000, mean_change_tol=1e-6)
    judge.fit(x[:20]).exp_dirichlet_component_ = beta  # a point instead of its posterior, as our model is one
    np.testing.assert_allclose(known_model(np.full(10, 0.1), beta).predict(x), judge.transform(x), atol=3e-3)


def known_model(alpha, beta):
    model = LDA(num_topics=len(alpha), feature_dim=beta.shape[1])
    model._take(alpha, beta)
    return model


# The whole


@pytest.mark.parametrize("seed", range(3))
def test_pixel_topics_are_found(seed):
    """SageMaker's own scores on this data: 0.173 for beta (matrix norm), 0.152 for alpha. Ours are a tenth."""
    beta = pixel_topics(seed)
    model = LDA(num_topics=10).fit(draw(seed, np.full(10, 0.1), beta, 5400))
    order = match(beta, model.beta_)
    assert np.linalg.norm(beta - model.beta_[order], 1) < 0.03
    assert np.abs(0.1 - model.alpha_[order]).sum() < 0.06
    assert model.alpha_.sum() == pytest.approx(1, abs=1e-6)
    assert model.beta_.sum(axis=1) == pytest.approx(np.ones(10), abs=1e-5)
    assert (np.diff(model.alpha_) <= 0).all()


def test_topics_are_closer_than_scikit_learns(monkeypatch):
    """A larger vocabulary, topics of unlike weight: the tensor's are close, and with EM none are closer."""
    rng = np.random.default_rng(5)
    beta, alpha = rng.dirichlet(np.full(100, 0.1), 5), np.array([0.4, 0.25, 0.15, 0.1, 0.1])
    x = draw(6, alpha, beta, 800, 60)
    peer = LatentDirichletAllocation(5, doc_topic_prior=0.2, random_state=0).fit(x).components_
    whole = LDA(num_topics=5).fit(x).beta_
    monkeypatch.setattr(lda, "MOST_ROUNDS", 0)
    tensor = LDA(num_topics=5).fit(x).beta_
    whole, tensor, peer = (
        np.abs(beta - topics[match(beta, topics)]).sum(axis=1).mean()
        for topics in (whole, tensor, peer / peer.sum(axis=1, keepdims=True))
    )
    assert whole <= min(tensor, peer)
    assert tensor < 0.2


def corpus():
    """600 documents of three topics."""
    topics = np.kron(np.eye(3), [0.4, 0.3, 0.2, 0.1]) * 0.94 + 0.005
    return draw(2, np.full(3, 0.2), topics, 600, 60)


@pytest.mark.parametrize("exact", [True, False])
def test_sparse_rows_give_the_same_model(exact):
    x = corpus()
    dense, rows = LDA(num_topics=3).fit(x), scipy.sparse.csr_matrix(x)
    sparse = Sparse(rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data, 12, exact)
    for given in (rows, ArrayBatches(Batch(sparse))):
        model = LDA(num_topics=3, feature_dim=12, mini_batch_size=600).fit(given)
        np.testing.assert_array_equal(model.beta_, dense.beta_)
        np.testing.assert_array_equal(model.predict(rows), dense.predict(x))


def test_what_does_not_fit_memory_is_read_again(monkeypatch):
    """The same model, an epoch for the pairs, one for the threes and one for each round of EM."""
    x = corpus()
    parts = Epochs(x[:250], x[250:300], x[300:])
    settings = {"num_topics": 3, "feature_dim": 12, "mini_batch_size": 600}
    kept = LDA(**settings).fit(parts)
    assert parts.epochs == 1
    monkeypatch.setattr(lda_moments, "KEPT_BYTES", 1000)
    monkeypatch.setattr(lda, "SETTLED", 0)
    monkeypatch.setattr(lda, "MOST_ROUNDS", 4)
    parts.epochs = 0
    streamed = LDA(**settings).fit(parts)
    assert parts.epochs == 6
    np.testing.assert_allclose(streamed.beta_, kept.beta_, atol=0.005)


def test_a_large_vocabulary_takes_no_square_of_it():
    """20,000 words: M2 would take 3.2 GB. Its eigenvectors need several passes here."""
    rng = np.random.default_rng(0)
    words = np.array([rng.permutation(20000)[:50] for _ in range(4)])
    topic = (rng.random(1500) * 4).astype(int)
    columns = words[np.repeat(topic, 30), rng.integers(0, 50, 45000)]
    x = scipy.sparse.csr_matrix((np.ones(45000, np.float32), (np.repeat(np.arange(1500), 30), columns)), (1500, 20000))
    model = LDA(num_topics=4).fit(x)
    top = {frozenset(np.argsort(-row)[:50].tolist()) for row in model.beta_}
    assert top == {frozenset(row.tolist()) for row in words}


# Settings


def test_settings_do_what_they_say(caplog):
    caplog.set_level(logging.INFO, "clary.algorithms")
    x = corpus()
    for changes, expected in (
        ({"max_restarts": 1}, [("Restart 1/1", 1), ("[CPDecomp] Using svd initialization.", 1)]),
        ({"max_restarts": 2, "allow_svd_init": False}, [("[CPDecomp] Using random initialization.", 2)]),
        ({"max_restarts": 1, "max_iterations": 3}, [("Converged", 0), ("[CPDecomp] iter=3, error=", 1)]),
        ({"max_restarts": 1, "tol": 0.9}, [("Converged to local minimum in 6 iterations.", 1)]),
        ({"mini_batch_size": 500}, [("mini_batch_size is 500, but there are 600 documents; all were used", 1)]),
    ):
        caplog.clear()
        LDA(num_topics=3, **changes).fit(x)
        for start, times in expected:
            assert sum(line.startswith(start) for line in caplog.messages) == times, (changes, start)


def test_alpha0_is_the_sum_of_alpha():
    x = corpus()
    small, large = (LDA(num_topics=3, alpha0=alpha0).fit(x) for alpha0 in (0.1, 4.0))
    assert (small.alpha_.sum(), large.alpha_.sum()) == (pytest.approx(0.1), pytest.approx(4.0))
    assert small.predict(x).max(axis=1).mean() > large.predict(x).max(axis=1).mean()


def test_topics_as_features_in_a_pipeline():
    x = corpus()
    piped = make_pipeline(LDA(num_topics=3), LogisticRegression()).fit(x, x[:, :4].sum(axis=1) > 20)
    assert piped.score(x, x[:, :4].sum(axis=1) > 20) > 0.9


def test_one_topic_is_how_often_words_are_used():
    x = corpus()
    model = LDA(num_topics=1).fit(x)
    np.testing.assert_allclose(model.beta_[0], x.sum(axis=0) / x.sum(), atol=1e-4)
    assert (model.predict(x) == 1).all()


# The job


def configure(job, mode, content_type, **resources):
    settings = {"num_topics": "3", "feature_dim": "12", "mini_batch_size": "600", "alpha0": "1.0"}
    given = {"ContentType": content_type, "TrainingInputMode": mode}
    job.configure(settings, {"train": given, "test": given}, **resources)


def test_the_log_is_the_containers(job):
    x = corpus()
    configure(job, "File", "text/csv;label_size=0")
    job.write_channel("train", as_csv(x))
    job.write_channel("test", as_csv(x[:50]))
    status, log = job.train("lda")
    assert status == 0, log
    for form in (
        r"Running LDA for 3 topics \(3 requested\)",
        r"Loaded all data into matrix with shape: \(600, 12\)",
        r"Restart 1/10",
        r"\[CPDecomp\] Using svd initialization\.",
        r"\[CPDecomp\] iter=\d+, error=0\.\d+",
        r"Converged to local minimum in \d+ iterations\.",
        r"Best reconstruction error: 0\.\d{8}",
        r"#progress_metric: host=algo-1, completed 100 % of epochs",
        r"#throughput_metric: host=algo-1, train throughput=[0-9.]+ records/second",
        r"Serializing LDA model to \S+/model_algo-1",
        r"#test_score \(algo-1\) : \('pwll', -[0-9.]+\)",
    ):
        assert re.search(rf"^\[\S+ \S+ INFO \d+\] {form}$", log, re.MULTILINE), form
    assert "RuntimeWarning: Algorithm assumes alpha0 < 1.0. May return poor results\n" in log
    blocks = [json.loads(line.removeprefix("#metrics ")) for line in log.splitlines() if line.startswith("#metrics ")]
    assert {"GetMoments.time", "M3Whitening.time", "CPDecomposition.time", "totaltime"} <= {
        name for block in blocks for name in block["Metrics"]
    }
    assert all(block["Dimensions"]["Algorithm"] == "LDA" for block in blocks)


def test_likelihood_by_hand(caplog):
    """A model of two words without a choice: p = 3/4 and 1/4; three of the first, one of the second, and no words."""
    caplog.set_level(logging.INFO, "clary.algorithms")
    model = known_model(np.array([0.5, 0.5]), np.array([[0.75, 0.25], [0.75, 0.25]]))
    model._score(Epochs(np.array([[3, 1], [0, 0]], np.float32)), Run())
    found = float(re.search(lda.METRICS[0].pattern, caplog.text)[1])
    assert found == pytest.approx((3 * np.log(0.75) + np.log(0.25)) / 4)


def test_pipes_of_recordio(job):
    x, found = corpus(), []
    for mode in ("File", "Pipe"):
        configure(job, mode, "application/x-recordio-protobuf")
        for name in ("train", "test"):
            job.write_channel(name, as_recordio(x))
            job.write(f"input/data/{name}_0", as_recordio(x))
        status, log = job.train("lda")
        assert status == 0, log
        found.append((job.model / "model_algo-1").read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("mode", "content_type", "resources", "sentence"),
    [
        ("Pipe", "text/csv", {}, "text/csv is not an accepted ContentType in Pipe mode"),
        ("File", "text/csv", {"hosts": ["algo-1", "algo-2"]}, "trains on 1 instance"),
    ],
)
def test_what_the_job_refuses(job, mode, content_type, resources, sentence):
    configure(job, mode, content_type, **resources)
    assert job.train("lda")[0] == 2
    assert sentence in job.failure


def test_a_stop_keeps_what_is_found():
    """Asked in the first round of EM: the tensor's topics. Asked before there are any: nothing."""
    beta, run, seen = pixel_topics(0), Run(), []

    def stop_at_the_tensor(line):
        seen.append(line)
        run.stopping |= "CPDecomposition" in line

    run.say = stop_at_the_tensor
    x = draw(0, np.full(10, 0.1), beta, 3000)
    model = LDA(num_topics=10).fit(x, test=Epochs(x), run=run)
    assert run.stopping and seen
    assert np.linalg.norm(beta - model.beta_[match(beta, model.beta_)], 1) < 0.15
    with pytest.raises(Stopped):
        LDA(num_topics=3).fit(corpus(), run=Run(stopping=True))


# The artefact and the answers


def test_the_artefact_is_alpha_and_beta_without_names(tmp_path):
    model = LDA(num_topics=3).fit(corpus())
    model.save(tmp_path)
    alpha, beta = mxnet.load(tmp_path / "model_algo-1")
    assert [path.name for path in tmp_path.iterdir()] == ["model_algo-1"]
    assert (alpha.shape, beta.shape, alpha.dtype, beta.dtype) == ((3,), (3, 12), np.float32, np.float32)
    np.testing.assert_array_equal(beta, model.beta_)


def test_a_model_with_impossible_words_answers(tmp_path):
    """SageMaker's topics have zeros: the word that only topic 2 has is its, one that none has tells nothing."""
    beta = np.array([[0.5, 0.5, 0, 0], [0.5, 0, 0.5, 0]], np.float32)
    mxnet.save(tmp_path / "model_algo-1", [np.array([0.5, 0.5], np.float32), beta])
    model = LDA.load(tmp_path)
    found = model.predict(np.array([[0, 0, 6, 0], [0, 0, 0, 6], [0, 7, 0, 2]], np.float32))
    np.testing.assert_allclose(found[0], [0.5 / 7, 6.5 / 7], atol=1e-3)
    np.testing.assert_allclose(found[1], [0.5, 0.5], atol=1e-3)
    np.testing.assert_allclose(found[2], [7.5 / 8, 0.5 / 8], atol=1e-3)


@pytest.mark.parametrize(
    "arrays",
    [
        [np.ones(3)],
        [np.ones(3), np.ones((2, 5))],
        [np.ones((2, 5)), np.ones(2)],
        [np.array([1, -1.0]), np.ones((2, 5))],
    ],
)
def test_what_is_no_lda_model_is_refused(tmp_path, arrays):
    mxnet.save(tmp_path / "model_algo-1", [array.astype(np.float32) for array in arrays])
    with pytest.raises(ClientError, match="model_algo-1"):
        LDA.load(tmp_path)


def test_answers():
    model = known_model(np.array([0.3, 0.1]), np.array([[0.5, 0.5, 0], [0, 0.5, 0.5]]))
    ask = Responder(load("lda"), model, {}).answer
    answer = json.loads(ask(b"4,0,0\n0,0,0\n", "text/csv", "application/json").body)
    first, empty = (row["topic_mixture"] for row in answer["predictions"])
    assert first == pytest.approx([4.3 / 4.4, 0.1 / 4.4], abs=1e-3)
    assert empty == pytest.approx([0.75, 0.25])
    sparse = b'{"instances": [{"data": {"features": {"keys": [0], "shape": [3], "values": [4]}}}]}'
    assert json.loads(ask(sparse, "application/json", "application/json").body)["predictions"] == [
        answer["predictions"][0]
    ]
    assert b"topic_mixture" in ask(b"4,0,0\n", "text/csv", "application/x-recordio-protobuf").body


# What is wrong


ALIKE = np.tile(np.array([5, 3, 2, 0], np.float32), (50, 1))


@pytest.mark.parametrize(
    ("settings", "x", "sentence"),
    [
        ({"num_topics": 2, "feature_dim": 5}, FEW, "feature_dim is 5, but the data has 4 columns"),
        ({"num_topics": 5}, FEW, "num_topics is 5, but a vocabulary of feature_dim=4 words can't"),
        ({"num_topics": 3}, FEW[:2], "num_topics is 3, but the train channel has only 2 documents"),
        (
            {"num_topics": 3},
            np.vstack([FEW[:2], np.eye(4, dtype=np.float32)]),
            "num_topics is 3, but the train channel has only 2 documents of 3 or more words (4 are shorter)",
        ),
        (
            {"num_topics": 3},
            ALIKE,
            "num_topics is 3, but with alpha0=1 the word counts of the 50 documents tell only 1",
        ),
        (
            {"num_topics": 2},
            FEW - 2 * np.eye(6, 4, dtype=np.float32),
            "row 3, column 3 is -1; LDA counts words: 0 or more",
        ),
        ({"num_topics": 2}, np.where(FEW == 3, np.nan, FEW), "row 2, column 2 is nan; LDA counts words"),
        ({"num_topics": 2}, np.zeros((0, 4)), "num_topics is 2, but the train channel has only 0 documents"),
        ({"num_topics": 2, "alpha0": 0}, FEW, "Hyperparameter alpha0: 0.0 is not in (0, inf)"),
        ({}, FEW, "Missing required hyperparameter: num_topics"),
    ],
)
def test_what_is_wrong_is_named(settings, x, sentence):
    with pytest.raises(ClientError) as error:
        LDA(**settings).fit(x)
    assert str(error.value).startswith(sentence)


def test_the_place_of_a_negative_count(job):
    configure(job, "File", "text/csv;label_size=0")
    x = corpus()
    x[416, 6] = -2
    job.write_channel("train", as_csv(x))
    assert job.train("lda")[0] == 2
    assert job.failure == "ClientError: train/part-0: row 417, column 7 is -2; LDA counts words: 0 or more"


def test_a_request_with_negative_counts_is_refused():
    model = known_model(np.ones(2), np.full((2, 3), 1 / 3))
    with pytest.raises(ClientError, match="row 1, column 2 is -1; LDA counts words"):
        model.predict(np.array([[0, -1, 2]]))


def test_documents_without_words_are_left_out(caplog):
    caplog.set_level(logging.INFO, "clary.algorithms")
    x = corpus()
    model = LDA(num_topics=3).fit(np.vstack([x, np.zeros((7, 12), np.float32)]))
    assert "7 documents have fewer than three words; they are left out" in caplog.messages
    np.testing.assert_array_equal(model.beta_, LDA(num_topics=3).fit(x).beta_)


def test_labels_that_are_not_told_are_named():
    x = corpus()
    with pytest.raises(ClientError, match="feature_dim is 12, but the data has 11 columns and a label"):
        LDA(num_topics=3, feature_dim=12, mini_batch_size=600).fit(ArrayBatches(Batch(x[:, 1:], x[:, 0])))
