"""k-NN: neighbours worked out by hand, scikit-learn as the judge, and the container's log, artefact and answers."""

import json
import logging
import re
import threading

import faiss
import numpy as np
import pytest
import scipy.sparse
from scipy.linalg import hadamard as scipys_hadamard
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from clary import algorithms
from clary.algorithms import knn
from clary.algorithms.base import Run, Stopped
from clary.algorithms.inference import Responder
from clary.algorithms.knn import KNN
from clary.algorithms.knn_index import Index
from clary.algorithms.knn_projection import Projection, hadamard, random_signs
from clary.algorithms.knn_votes import most_frequent
from clary.errors import AlgorithmError, ClientError
from clary.formats import Batch, Sparse
from clary.formats.records import encode_rows

BY_HAND = np.array([[0, 0], [3, 4], [6, 8], [0, 1]], np.float32), np.array([7, 7, 2, 2], np.float32)


class Channel:
    """Re-iterable batches with labels."""

    def __init__(self, *batches):
        self.batches = batches

    def __iter__(self):
        yield from self.batches


class Interrupted(Channel):
    """A channel that is stopped after its batches, as the frame's are."""

    def __iter__(self):
        yield from super().__iter__()
        raise Stopped


def classifier(k=3, **settings):
    return KNN(k=k, predictor_type="classifier", **settings)


def split(data):
    """Every fourth row to test with."""
    x, y = data.data.astype(np.float32), data.target.astype(np.float32)
    held = np.arange(len(x)) % 4 == 0
    return x[~held], y[~held], x[held], y[held]


# What is near


def test_neighbours_by_hand():
    """From (0, 0) to (0, 1) it is 1, to (3, 4) it is 5, squared 25, to (6, 8) it is 10."""
    model = classifier(k=3).fit(*BY_HAND)
    answer = model.respond_verbosely(Batch(np.zeros((1, 2), np.float32)))
    assert answer["distances"].tolist() == [[0, 1, 25]]
    assert answer["labels"].tolist() == [[7, 2, 7]]
    assert answer["predicted_label"].tolist() == [7]
    assert KNN(k=3, predictor_type="regressor").fit(*BY_HAND).predict([[0, 0]]) == pytest.approx([16 / 3])


def test_inner_product_and_cosine_by_hand():
    """(1, 0) meets (3, 4) with 3 and (6, 8) with 6; their directions are the same, at a cosine of 3/5."""
    x, y = BY_HAND[0][1:], BY_HAND[1][1:]
    for metric, distances, labels in (("INNER_PRODUCT", [6, 3, 0], [2, 7, 2]), ("COSINE", [0.6, 0.6, 0], None)):
        model = classifier(k=3, index_metric=metric).fit(x, y)
        answer = model.respond_verbosely(Batch(np.array([[1, 0]], np.float32)))
        assert answer["distances"][0] == pytest.approx(distances)
        assert labels is None or answer["labels"][0].tolist() == labels


@pytest.mark.parametrize(
    ("labels", "winner"),
    [([1, 2, 2], 2), ([2, 1, 1, 2], 2), ([1, 2, 2, 1], 1), ([3, 1, 2], 3), ([5], 5), ([9, 1, 1, 4, 4, 4, 1], 1)],
)
def test_the_most_votes_win_and_of_equals_the_nearest(labels, winner):
    assert most_frequent(np.array([labels, labels], np.float32)).tolist() == [winner, winner]


@pytest.mark.parametrize("k", [1, 4, 9])
def test_as_scikit_learn(k):
    """The same neighbours, so the same labels but for ties among votes; the same means."""
    x, y, held, answers = split(load_digits())
    judge = KNeighborsClassifier(k, algorithm="brute").fit(x, y)
    model = classifier(k=k).fit(x, y)
    distances, places = judge.kneighbors(held)
    found = model.respond_verbosely(Batch(held))
    assert found["distances"] == pytest.approx(distances**2, rel=1e-4, abs=1e-2)
    assert (found["labels"] == y[places]).mean() > 0.999
    assert abs((model.predict(held) == answers).mean() - judge.score(held, answers)) < 0.005
    x, y, held, _ = split(load_diabetes())
    expected = KNeighborsRegressor(k, algorithm="brute").fit(x, y).predict(held)
    assert KNN(k=k, predictor_type="regressor").fit(x, y).predict(held) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"index_type": "faiss.IVFFlat"},
        {"index_type": "faiss.IVFFlat", "index_metric": "COSINE"},
        {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": 16},
        {"dimension_reduction_type": "sign", "dimension_reduction_target": 40},
        {"dimension_reduction_type": "fjlt", "dimension_reduction_target": 40},
        {
            "index_type": "faiss.IVFPQ",
            "faiss_index_pq_m": 12,
            "dimension_reduction_type": "fjlt",
            "dimension_reduction_target": 40,
        },
    ],
    ids=lambda settings: " ".join(map(str, settings.values())),
)
def test_approximate_search_is_nearly_as_good(settings, tmp_path):
    x, y, held, answers = split(load_digits())
    model = classifier(**settings).fit(x, y)
    assert (model.predict(held) == answers).mean() >= (classifier().fit(x, y).predict(held) == answers).mean() - 0.04
    model.save(tmp_path)
    assert np.array_equal(KNN.load(tmp_path).predict(held), model.predict(held))


@pytest.mark.parametrize(
    "settings",
    [
        {"index_type": knn.IVF, "index_metric": "L2"},
        {"index_type": knn.IVF, "index_metric": "INNER_PRODUCT"},
        {"index_type": knn.IVFPQ, "index_metric": "L2", "faiss_index_pq_m": 4},
    ],
    ids=lambda settings: " ".join(map(str, settings.values())),
)
@pytest.mark.parametrize("k", [3, 200])
def test_groups_searched_one_by_one_give_what_faiss_gives(settings, k):
    """Where k is large some rows find too few in their groups; these come as -1 either way."""
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(1500, 8)).astype(np.float32), rng.normal(size=(300, 8)).astype(np.float32)
    index = Index.build(rows, {**settings, "faiss_index_ivf_nlists": 30, "_faiss_index_nprobe": 4, "seed": 0})
    distances, places = index.index.search(queries, k)
    found = index._search_groups(queries, k)
    assert (found.places == places).mean() > 0.97  # rows that IVFPQ remembers as one and the same may change places
    kept = (places >= 0) & (found.places >= 0)
    assert found.distances[kept] == pytest.approx(distances[kept], rel=1e-4, abs=1e-4)


def test_there_are_k_neighbours_even_where_the_groups_looked_into_have_fewer():
    """One group of three rows and one far off with one: a query at the latter is answered from both."""
    x = np.array([[0, 0], [0, 1], [1, 0], [100, 100]], np.float32)
    model = classifier(k=4, index_type=knn.IVF, faiss_index_ivf_nlists=2, _faiss_index_nprobe=1).fit(x, [1, 1, 2, 3])
    answer = model.respond_verbosely(Batch(np.array([[99, 99]], np.float32)))
    assert answer["labels"][0, 0] == 3
    assert sorted(answer["labels"][0]) == [1, 1, 2, 3]
    assert (np.diff(answer["distances"][0]) >= 0).all()


# Dimension reduction


def test_fast_reduction_is_a_hadamard_matrix_with_signs_and_picks():
    """Worked out against the full matrix: x D H S / sqrt(m), H of 8 columns for 5."""
    rows = np.random.default_rng(1).normal(size=(7, 5)).astype(np.float32)
    projection = Projection("fjlt", 4, 3, 5)
    padded = np.pad(rows * random_signs(5, 4), ((0, 0), (0, 3)))
    expected = (padded @ scipys_hadamard(8))[:, projection._picks] / np.sqrt(3)
    assert projection.project(rows) == pytest.approx(expected, rel=1e-5)
    assert np.array_equal(hadamard(3), scipys_hadamard(8))


@pytest.mark.parametrize("kind", ["sign", "fjlt"])
def test_reduction_keeps_lengths_and_products(kind):
    """Johnson and Lindenstrauss: squared lengths within a few times sqrt(2 / m), without bias, of sparse rows too."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 600)).astype(np.float32)
    rows[100:] *= rng.random((100, 600)) < 0.01
    narrow = Projection(kind, 3, 256, 600).project(rows)
    assert narrow.shape == (200, 256)
    ratios = (narrow**2).sum(axis=1) / (rows**2).sum(axis=1)
    assert abs(ratios - 1).max() < 5 * np.sqrt(2 / 256)
    assert ratios.mean() == pytest.approx(1, abs=0.03)
    assert np.corrcoef((narrow @ narrow.T)[:100, :100].ravel(), (rows @ rows.T)[:100, :100].ravel())[0, 1] > 0.8


def test_a_models_matrix_is_the_same_for_all_times():
    """These bits are in every model that was saved: a change would spoil them."""
    assert random_signs(12, 3).tolist() == [-1, -1, -1, -1, -1, 1, 1, 1, -1, -1, 1, 1]
    assert Projection("fjlt", 3, 5, 9)._picks.tolist() == [14, 0, 15, 11, 6]


# Sampling


def test_the_sample_is_uniform_and_keeps_rows_with_their_labels():
    """Each of 500 rows is kept with probability 1/10: over 300 runs 30 times, give or take 5 deviations."""
    hits = np.zeros(500)
    rows = np.arange(500, dtype=np.float32)
    channel = Channel(*(Batch(part[:, None], -part) for part in np.split(rows, [20, 21, 300])))
    for seed in range(300):
        model = KNN(k=1, predictor_type="regressor", sample_size=50, feature_dim=1, mini_batch_size=64, seed=seed)
        model.fit(channel)
        assert model.predict(-model.labels[:, None]).tolist() == model.labels.tolist()
        hits[-model.labels.astype(int)] += 1
    assert hits.sum() == 300 * 50
    assert abs(hits - 30).max() < 5 * np.sqrt(30)


def test_fewer_rows_than_the_sample_may_hold_are_all_kept():
    x, y, held, answers = split(load_iris())
    everything = classifier().fit(x, y)
    more = classifier(sample_size=2**31 - 1).fit(x, y)
    assert np.array_equal(more.labels, y)
    assert np.array_equal(more.predict(held), everything.predict(held))
    assert (more.predict(held) == answers).mean() > 0.9


@pytest.mark.usefixtures("exchange_port")
def test_hosts_sample_in_proportion_to_their_rows():
    """Three shards, one empty, one three times the other: 120 rows of which about 90 are the larger one's."""
    rows = np.random.default_rng(0).normal(size=(800, 2)).astype(np.float32)
    owner = np.repeat([1.0, 2.0], [600, 200]).astype(np.float32)
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    models = {host: classifier(k=1, sample_size=120, feature_dim=2) for host in hosts}
    shards = (Channel(Batch(rows[:600], owner[:600])), Channel(), Channel(Batch(rows[600:], owner[600:])))
    threads = [
        threading.Thread(target=models[host].fit, args=(shard,), kwargs={"run": Run(host=host, hosts=hosts)})
        for host, shard in zip(hosts, shards, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    labels = models[hosts[0]].labels
    assert len(labels) == 120
    assert 75 < (labels == 1).sum() < 105
    assert all(np.array_equal(labels, models[host].labels) for host in hosts)


# The container's side


def test_the_log_is_the_containers(caplog):
    """Forms of real logs of July 2018 and June 2021; scikit-learn's scores."""
    caplog.set_level(logging.INFO, "clary.algorithms.knn")
    x, y, held, answers = split(load_digits())
    said = []
    test = Channel(Batch(held[:100], answers[:100]), Batch(held[100:], answers[100:]))
    model = classifier(k=9, mini_batch_size=60).fit(x[:200], y[:200], test=test, run=Run(say=said.append))
    predicted = model.predict(held)
    accuracy, macro = (predicted == answers).mean(), f1_score(answers, predicted, average="macro")
    for form in (
        r"Using per-worker sample size = 200",
        r"#progress_metric: host=algo-1, completed 100 % of epochs",
        r"#throughput_metric: host=algo-1, train throughput=[0-9.]+ records/second",
        rf"#test_score \(algo-1\) : \('accuracy', {accuracy}\)",
        rf"#quality_metric: host=algo-1, test accuracy <score>={accuracy}",
        rf"#test_score \(algo-1\) : \('macro_f_1.000', {macro:.6f}[0-9]*\)",
        rf"#quality_metric: host=algo-1, test macro_f_1.000 <score>={macro:.6f}[0-9]*",
    ):
        assert any(re.fullmatch(form, line) for line in caplog.messages), (form, caplog.messages)
    assert any('"Algorithm": "AWS/KNN"' in line and '"Meta": "training_data_iter"' in line for line in said)


def test_a_regressors_log_and_a_label_that_no_neighbour_has(caplog):
    caplog.set_level(logging.INFO, "clary.algorithms.knn")
    test = Channel(Batch(np.array([[0, 0], [6, 8]], np.float32), np.array([8, 5], np.float32)))
    KNN(k=1, predictor_type="regressor").fit(*BY_HAND, test=test)
    assert "#quality_metric: host=algo-1, test mse <loss>=5.0" in caplog.messages
    classifier(k=1).fit(*BY_HAND, test=test)
    assert "#quality_metric: host=algo-1, test accuracy <score>=0.0" in caplog.messages


def test_the_artefact_is_faiss_labels_and_json(tmp_path):
    x, y, held, _ = split(load_iris())
    model = classifier(k=5, dimension_reduction_type="sign", dimension_reduction_target=3, seed=3).fit(x, y)
    model.save(tmp_path)
    index = faiss.read_index(str(tmp_path / "model_algo-1"))
    assert (index.d, index.ntotal) == (3, len(x))
    assert np.array_equal(np.fromfile(tmp_path / "model_algo-1.labels", np.float32), y)
    description = json.loads((tmp_path / "model_algo-1.json").read_text())
    assert description.items() >= {"k": 5, "predictor_type": "classifier", "normalize": False, "version": "1.0"}.items()
    reduction = {"type": "sign", "seed": 3, "target_dim": 3, "input_dim": 4}
    assert description["dimension_reduction"].items() >= reduction.items()
    # The guide: k and predictor_type may be changed there.
    (tmp_path / "model_algo-1.json").write_text(json.dumps({**description, "k": 2, "predictor_type": "regressor"}))
    changed = KNN.load(tmp_path).respond_verbosely(Batch(held))
    assert changed["labels"].shape == (len(held), 2)
    assert changed["predicted_label"] == pytest.approx(changed["labels"].mean(axis=1))


def test_a_model_that_sagemaker_trained(tmp_path):
    """faiss's file, the labels and a description with no word of Clary's own."""
    x, y, held, _ = split(load_iris())
    index = faiss.IndexFlatL2(4)
    index.add(x)
    faiss.write_index(index, str(tmp_path / "model_algo-1"))
    y.tofile(tmp_path / "model_algo-1.labels")
    described = {"k": 3, "predictor_type": "classifier", "dimension_reduction": None, "version": "1.0"}
    (tmp_path / "model_algo-1.json").write_text(json.dumps({**described, "normalize": False}))
    assert np.array_equal(KNN.load(tmp_path).predict(held), classifier().fit(x, y).predict(held))
    reduced = {"type": "sign", "seed": 3, "target_dim": 4, "input_dim": 20}
    (tmp_path / "model_algo-1.json").write_text(json.dumps({**described, "dimension_reduction": reduced}))
    with pytest.raises(ClientError, match="random matrix of another program can't be known"):
        KNN.load(tmp_path)
    for wrong in ({"target_dim": 0}, {"input_dim": "20"}, {"type": "pca"}):
        reduction = {**reduced, "random": "pcg64", **wrong}
        (tmp_path / "model_algo-1.json").write_text(json.dumps({**described, "dimension_reduction": reduction}))
        with pytest.raises(ClientError, match="needs a type of"):
            KNN.load(tmp_path)


@pytest.mark.parametrize("settings", [{}, {"index_type": knn.IVF}, {"index_type": knn.IVFPQ, "faiss_index_pq_m": 4}])
def test_damaged_indexes_are_refused_not_crashed_on(settings, tmp_path):
    """Files cut short at any place, and other bytes in the head: refused, or they answer."""
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    classifier(**settings).fit(x, np.zeros(300)).save(tmp_path)
    path = tmp_path / "model_algo-1"
    whole, rng = path.read_bytes(), np.random.default_rng(1)
    for length in [0, 3, 4, 60, *rng.integers(0, len(whole), 30)]:
        path.write_bytes(whole[:length])
        with pytest.raises(AlgorithmError, match="model_algo-1 "):
            KNN.load(tmp_path)
    refused = 0
    for place in rng.integers(0, 200, 40):
        path.write_bytes(whole[:place] + rng.bytes(4) + whole[place + 4 :])
        try:
            KNN.load(tmp_path).predict(x[:20])
        except AlgorithmError:
            refused += 1
    assert refused


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("model_algo-1.labels", b"12345678", "doesn't hold a number for each of the 4 rows"),
        ("model_algo-1.json", b"[]", "doesn't hold a JSON object"),
        ("model_algo-1.json", b'{"k": 9, "predictor_type": "classifier"}', "k is 9, but sample_size is 4"),
        ("model_algo-1.json", b'{"k": 1, "predictor_type": "oracle"}', "'oracle' is not in"),
        ("model_algo-1.json", b'{"k": 1}', "Missing required hyperparameter: predictor_type"),
    ],
)
def test_models_whose_files_dont_fit_are_refused(tmp_path, file, content, sentence):
    classifier().fit(*BY_HAND).save(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(AlgorithmError, match=sentence):
        KNN.load(tmp_path)


@pytest.fixture
def responder():
    return Responder(algorithms.load("knn"), classifier(k=2).fit(*BY_HAND), {})


def test_verbose_answers_in_every_form(responder):
    """As the guide shows them for JSON, JSON lines and recordIO; CSV has the same numbers in the same order."""
    body = b"0,0\n6,8\n"
    rows = [
        {"predicted_label": 7.0, "distances": [0.0, 1.0], "labels": [7.0, 2.0]},
        {"predicted_label": 2.0, "distances": [0.0, 25.0], "labels": [2.0, 7.0]},
    ]
    ask = {
        kind: responder.answer(body, "text/csv", f"{kind}; verbose=true").body for kind in knn.ALGORITHM.content_types
    }
    assert json.loads(ask["application/json"]) == {"predictions": rows}
    assert [json.loads(line) for line in ask["application/jsonlines"].splitlines()] == rows
    assert ask["text/csv"] == b"7.0,0.0,1.0,7.0,2.0\n2.0,0.0,25.0,2.0,7.0\n"
    columns = {name: np.array([row[name] for row in rows], np.float32) for name in rows[0]}
    assert ask["application/x-recordio-protobuf"] == encode_rows({}, columns)
    plain = responder.answer(body, "text/csv", "application/jsonlines").body
    assert plain == b'{"predicted_label":7.0}\n{"predicted_label":2.0}\n'


def test_sparse_rows_give_what_dense_ones_give():
    x, y, held, _ = split(load_digits())
    rows = scipy.sparse.csr_matrix(held[:40])
    sparse = Sparse(rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data, 64)
    model = classifier().fit(x, y)
    other = classifier().fit(scipy.sparse.csr_matrix(x), y)
    expected, found = model.respond_verbosely(Batch(held[:40])), other.respond_verbosely(Batch(sparse))
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_a_stop_keeps_the_rows_seen(caplog):
    x, y, held, answers = split(load_iris())
    model = classifier(feature_dim=4, sample_size=200)
    model.fit(Interrupted(Batch(x, y)), test=Interrupted(Batch(held, answers)))
    assert (model.predict(held) == answers).mean() > 0.9
    with pytest.raises(Stopped):
        model.fit(Interrupted(Batch(x[:2], y[:2])))


# What is wrong


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"k": 5, "sample_size": 4}, "k is 5, but sample_size is 4"),
        ({"k": 5, "sample_size": 9}, "k is 5, but the train channel has only 4 rows"),
        ({"feature_dim": 3}, "feature_dim is 3, but the data has 2 columns"),
        ({"dimension_reduction_type": "sign"}, "dimension_reduction_type and dimension_reduction_target must be set"),
        ({"dimension_reduction_target": 1}, "dimension_reduction_type and dimension_reduction_target must be set"),
        (
            {"dimension_reduction_type": "fjlt", "dimension_reduction_target": 2},
            "dimension_reduction_target is 2, it must be less than feature_dim, 2",
        ),
        ({"index_type": "faiss.IVFPQ"}, "index_type faiss.IVFPQ needs faiss_index_pq_m"),
        ({"index_type": "faiss.IVFPQ", "faiss_index_pq_m": 2}, "faiss.IVFPQ needs 256 records at least"),
        (
            {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": 2, "index_metric": "COSINE"},
            "index_metric COSINE is not supported with index_type faiss.IVFPQ",
        ),
        ({"faiss_index_pq_m": 7}, "Hyperparameter faiss_index_pq_m: 7 is not in"),
        (
            {"index_type": "faiss.IVFFlat", "faiss_index_ivf_nlists": 9},
            "faiss_index_ivf_nlists is 9, but there are only 4 records",
        ),
        ({"index_metric": "COSINE"}, "row 1 is all zeros, which has no direction"),
    ],
)
def test_what_is_wrong_is_named(settings, sentence):
    with pytest.raises(ClientError) as error:
        KNN(**{"k": 1, "predictor_type": "classifier", **settings}).fit(*BY_HAND)
    assert str(error.value).startswith(sentence)


def test_a_row_of_zeros_is_named_by_file_and_row():
    rows = np.ones((9, 2), np.float32)
    rows[7] = 0
    batch = Batch(rows, np.ones(9, np.float32), source="train/part-0", first_row=100)
    with pytest.raises(ClientError, match="train/part-0: row 107 is all zeros"):
        classifier(index_metric="COSINE", feature_dim=2, sample_size=9, mini_batch_size=3).fit(Channel(batch))
    model = classifier(index_metric="COSINE").fit(rows[:7], np.ones(7))
    with pytest.raises(ClientError, match="row 2 is all zeros"):
        model.predict(rows[6:8])


def test_a_sample_beyond_the_memory_is_refused(monkeypatch):
    def build(rows, settings):
        raise MemoryError

    monkeypatch.setattr(Index, "build", build)
    with pytest.raises(ClientError, match="The memory doesn't hold 4 rows"):
        classifier().fit(*BY_HAND)


def test_labels_that_are_missing_or_too_many():
    x = BY_HAND[0]
    with pytest.raises(ClientError, match="the rows have no labels"):
        classifier().fit(x)
    with pytest.raises(ClientError, match="the rows have 2 labels each"):
        classifier().fit(x, np.ones((4, 2)))


@pytest.mark.parametrize("count", [1, 40])
def test_distances_beyond_float32_are_named(count):
    model = classifier(k=1).fit(*BY_HAND)
    queries = np.zeros((count, 2), np.float32)
    queries[-1] = 1e30
    with pytest.raises(ClientError, match=f"row {count} has distances too large for float32"):
        model.predict(queries)
