"""IP Insights: hashes and gradients by hand, finite differences and scikit-learn as judges, log, artefact, errors."""

import ipaddress
import json
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from clary.algorithms import ipinsights, ipinsights_events, ipinsights_network
from clary.algorithms.base import Run, Stopped
from clary.algorithms.inference import Responder
from clary.algorithms.ipinsights import IPInsights, discriminator_auc, rank
from clary.algorithms.ipinsights_events import Events, join_words, mini_batches, read_events
from clary.algorithms.ipinsights_kernels import adam, discriminate, hash_words, read_addresses
from clary.algorithms.ipinsights_network import Learner, Network, bits_of, encode, first_network, gradients, split
from clary.errors import ClientError
from clary.formats import Batch, mxnet

SMALL = {"num_entity_vectors": 40, "vector_dim": 8}


def words(*values):
    return np.array(values, object)


def rows(*events):
    return Batch(np.array(events, object))


def dotted(numbers):
    return [str(ipaddress.IPv4Address(int(number))) for number in numbers]


def web_log(events=4000, seed=0):
    """Twenty users, each from two networks of 256 addresses; the seed is that of the visits."""
    networks = np.random.default_rng(0).integers(0, 2**24, (20, 2))
    rng = np.random.default_rng(seed)
    who = rng.integers(0, 20, events)
    where = networks[who, rng.integers(0, 2, events)] * 256 + rng.integers(0, 256, events)
    return np.column_stack([[f"user_{user}" for user in who], dotted(where)])


# From text to numbers


def test_names_are_hashed_with_fnv_1a():
    """The published values of the 64-bit FNV-1a, and that they are taken of UTF-8."""
    text, ends = join_words(words("a", "foobar", "é"))
    known = [0xAF63DC4C8601EC8C, 0x85944171F73967E8]
    assert hash_words(text, ends, 1_000_003)[:2].tolist() == [value % 1_000_003 for value in known]
    assert text.tobytes() == b"afoobar\xc3\xa9"


def test_names_spread_over_the_vectors():
    """10,000 names over 20,000 places: at least as many are alone in theirs as with a random hash, 10000 e^(-1/2)."""
    places = hash_words(*join_words(words(*(f"user_{i}" for i in range(10_000)))), 20_000)
    assert (np.bincount(places) == 1).sum() > 0.98 * 10_000 * np.exp(-0.5)


def test_addresses_are_read_as_python_reads_them():
    rng = np.random.default_rng(0)
    numbers = [0, 2**32 - 1, *rng.integers(0, 2**32, 200).tolist()]
    read, wrong = read_addresses(*join_words(words(*dotted(numbers))))
    assert (read.tolist(), wrong) == (numbers, -1)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.400", "1..2.3", "1.2.3.", ".1.2.3", "1.2.3.4 ", "+1.2.3.4"),
        *("01.2.3.4", "1.2.3.4:80", "1.2.3.٤", "localhost", "::1", "99999999999999999999.1.1.1", "nan"),
    ],
)
def test_what_is_no_address_is_refused_as_python_does(text):
    with pytest.raises(ipaddress.AddressValueError):
        ipaddress.IPv4Address(text)
    assert read_addresses(*join_words(words("1.2.3.4", text, "5.6.7.8")))[1] == 1


def test_bits_come_first_to_last():
    assert bits_of(np.array([0x80000001], np.uint32)).tolist() == [[1, *[-1] * 30, 1]]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_mini_batches_hold_every_event_once(monkeypatch, size):
    monkeypatch.setattr(ipinsights_events, "WINDOW", 64)
    parts = np.split(np.array([[f"{i}", f"0.0.{i // 256}.{i % 256}"] for i in range(300)], object), [5, 90, 91, 220])
    found = list(mini_batches(map(Batch, parts), 1000, size, np.random.default_rng(0)))
    assert {len(events.who) for events in found[:-1]} <= {size}
    where = np.concatenate([events.where for events in found])
    assert sorted(where) == list(range(300))
    who = np.concatenate([events.who for events in found])
    assert who.tolist() == hash_words(*join_words(words(*map(str, where))), 1000).tolist()
    assert abs(np.diff(where.astype(int))).mean() > 10  # they were neighbours in the file


# The network, by hand and against finite differences


def test_a_mini_batch_by_hand():
    """Entity (1, 2); addresses (1, 1), seen: s = 3, and (2, -1), made up: s = 0. d = (p - y) / 2 of each."""
    entities, vectors = np.array([[1, 2]], np.float32), np.array([[1, 1], [2, -1]], np.float32)
    d_entities, d_vectors = np.zeros_like(entities), np.zeros_like(vectors)
    loss, right = discriminate(entities, vectors, np.array([0, 0]), np.array([0, 1]), 1, 0.5, d_entities, d_vectors)
    missed = 1 / (1 + np.exp(3))
    assert loss == pytest.approx(np.log1p(np.exp(-3)) + np.log(2))
    assert right == 2
    assert d_entities[0] == pytest.approx([-missed / 2 + 0.25 * 2, -missed / 2 - 0.25])
    assert d_vectors == pytest.approx(np.array([[-missed / 2, -missed], [0.25, 0.5]]))


def test_the_loss_is_right_where_exponentials_overflow():
    vectors, zero = np.array([[1000.0], [-1000]], np.float32), np.zeros((1, 1), np.float32)
    one, who, where = np.ones((1, 1), np.float32), np.zeros(4, np.int64), np.array([0, 1, 0, 1])
    assert discriminate(one, vectors, who, where, 2, 0.25, zero.copy(), np.zeros_like(vectors)) == (2000, 2)


def plain_loss(network, events, strange):
    """The definition in float64, without any of the code under test: each entity with its address and a strange one."""
    total = 0
    for who, *addresses in zip(*events, strange, strict=True):
        for address, sign in zip(addresses, (1, -1), strict=True):
            hidden = np.array([1.0 if int(address) >> (31 - bit) & 1 else -1.0 for bit in range(32)])
            for at, (weights, biases) in enumerate(network.layers):
                hidden = weights @ (np.maximum(hidden, 0) if at else hidden) + biases
            total += np.log1p(np.exp(-sign * (network.entities[who] @ hidden)))
    return total / 2 / len(strange)


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_gradients_are_finite_differences(depth):
    """Central differences of the plain loss by every hundredth weight agree to 1e-5."""
    rng = np.random.default_rng(depth)
    settings = {"num_entity_vectors": 3, "vector_dim": 6, "num_ip_encoder_layers": depth}
    network = first_network(settings, rng)
    network.entities[:] = rng.normal(0, 0.5, (3, 6))
    for _, biases in network.layers:
        biases[:] = rng.normal(0, 0.5, 6)
    events = Events(np.array([0, 1, 1, 2]), rng.integers(0, 2**32, 4, np.uint32))
    strange = rng.integers(0, 2**32, 4, np.uint32)
    entering = encode(network.layers, np.concatenate([events.where, strange]))
    d_entities, d_vectors = np.zeros_like(network.entities), np.zeros_like(entering[-1])
    discriminate(network.entities, entering[-1], np.tile(events.who, 2), np.arange(8), 4, 1 / 8, d_entities, d_vectors)
    slopes = [d_entities, *(part for layer in gradients(network.layers, entering, d_vectors) for part in layer)]

    exact = Network(network.entities.astype(float), [(w.astype(float), b.astype(float)) for w, b in network.layers])
    tables = [exact.entities, *(part for layer in exact.layers for part in layer)]
    for table, slope in zip(tables, slopes, strict=True):
        for at in range(0, table.size, max(1, table.size // 12)):
            losses = []
            for sign in (1, -1):
                table.flat[at] += sign * 1e-5
                losses.append(plain_loss(exact, events, strange))
                table.flat[at] -= sign * 1e-5
            assert slope.flat[at] == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=1e-5)


def test_adam_moves_only_the_rows_it_is_given():
    """Two steps as the paper writes them, the L2 term in the gradient; row 1 stays as it is."""
    weights = np.array([[1.0, -2], [5, 5], [3, 4]], np.float32)
    means, squares, slope = np.zeros_like(weights), np.zeros_like(weights), np.array([[0.3, 0.1], [-1, 2]], np.float32)
    expected, m, v = weights[[0, 2]].astype(float), 0, 0
    for step in (1, 2):
        total = slope + 0.1 * expected
        m, v = 0.9 * m + 0.1 * total, 0.999 * v + 0.001 * total**2
        expected = expected - 0.01 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        size = np.float32(0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step))
        adam(weights, means, squares, np.array([0, 2]), slope, size, np.float32(0.1))
    assert weights[[0, 2]] == pytest.approx(expected, rel=1e-4)
    assert weights[1].tolist() == [5, 5]


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


def test_made_up_pairs(pool):
    """Each entity with its own address first, then random ones, then shuffled ones, never its own."""
    settings = IPInsights(**SMALL, random_negative_sampling_rate=2, shuffled_negative_sampling_rate=3).settings()
    learner = Learner(settings, 0, pool)
    events = Events(np.array([7, 7, 1, 2, 3]), np.arange(5, dtype=np.uint32))
    part = learner._make_up(events)
    assert part.who.tolist() == list(range(5)) * 6
    assert part.where[:15].tolist() == list(range(15))
    assert part.addresses[:5].tolist() == list(range(5))
    assert part.addresses[5:].min() > 5
    shuffled = part.where[15:].reshape(3, 5)
    assert all(sorted(row) == list(range(5)) for row in shuffled.tolist())
    assert (shuffled != np.arange(5)).all()
    alone = learner._make_up(Events(np.array([7]), np.array([0], np.uint32)))
    assert alone.where.tolist() == [0, 1, 2]  # nobody to swap with


def test_parts_and_threads_add_up_to_one_mini_batch(monkeypatch, pool):
    """An entity's gradients of all parts meet; one thread and two give the same network."""
    monkeypatch.setattr(ipinsights_network, "PART_ROWS", 16)
    settings = IPInsights(**SMALL).settings()
    events = Events(np.arange(50) % 7, np.arange(50, dtype=np.uint32) << 20)
    assert [len(part.who) for part in split(events, 2)] == [9, 9, 8, 8, 8, 8]
    with ThreadPoolExecutor(1) as one:
        left, right = Learner(settings, 0, pool), Learner(settings, 0, one)
        for _ in range(5):
            assert left.step(events) == right.step(events)
        assert left.step(events).pairs == right.step(events).pairs == 150
    for table, other in zip(left.tables(), right.tables(), strict=True):
        assert np.array_equal(table, other)
    assert left.visits.tolist() == [48, 42, 42, 42, 42, 42, 42, *[0] * 33]
    assert left.network.entities[:7].any(axis=1).all()


# What it learns


def test_one_entity_is_logistic_regression_of_the_bits():
    """Without hidden layers the score is linear in the bits. scikit-learn's fit of the same events and random addresses
    gives the same scores, but for which addresses were drawn: a correlation above .97 on addresses like the events."""
    rng = np.random.default_rng(0)

    def visits(count):
        inside = rng.integers(0, 2**32, count, np.uint32) & np.uint32(0x3FFFFF7F)
        return inside | (rng.random(count) < 0.8).astype(np.uint32) << np.uint32(7)

    where, strange, later = visits(3000), rng.integers(0, 2**32, 60000, np.uint32), visits(2000)
    model = IPInsights(
        num_entity_vectors=1, vector_dim=4, num_ip_encoder_layers=0, shuffled_negative_sampling_rate=0,
        random_negative_sampling_rate=4, mini_batch_size=1000, epochs=100, learning_rate=0.003, weight_decay=0,
    ).fit(np.column_stack([["host"] * 3000, dotted(where)]))  # fmt: skip
    x, y = bits_of(np.concatenate([where, strange])), np.repeat([1, 0], [3000, 60000])
    reference = LogisticRegression(max_iter=500).fit(x, y, np.where(y, 1, 4 * 3000 / 60000))
    scores = model.predict(np.column_stack([["host"] * 2000, dotted(later)]))
    expected = reference.decision_function(bits_of(later))
    assert np.corrcoef(scores, expected)[0, 1] > 0.97
    assert scores.mean() == pytest.approx(expected.mean(), abs=0.2)


@pytest.fixture(scope="module")
def trained():
    return IPInsights(
        num_entity_vectors=40, vector_dim=32, epochs=30, learning_rate=0.01, mini_batch_size=600, seed=1
    ).fit(web_log())


def test_strangers_are_told_from_users(trained):
    """Later visits from the users' two networks against addresses of other users' networks and of anywhere."""
    later = web_log(events=1000, seed=5)
    usual = trained.predict(later)
    rng = np.random.default_rng(3)
    swapped = np.column_stack([later[:, 0], np.roll(later[:, 1], 1)])
    anywhere = np.column_stack([later[:, 0], dotted(rng.integers(0, 2**32, 1000))])
    truth = np.repeat([1, 0], 1000)
    assert roc_auc_score(truth, np.concatenate([usual, trained.predict(anywhere)])) > 0.98
    assert roc_auc_score(truth, np.concatenate([usual, trained.predict(swapped)])) > 0.9
    assert np.median(usual) > 1 > -3 > np.median(trained.predict(anywhere))


def test_an_entity_never_seen_scores_nothing():
    model = IPInsights(num_entity_vectors=100_000, vector_dim=8, epochs=1).fit(web_log(events=200))
    assert model.predict([["nobody", "1.2.3.4"]]).tolist() == [0]
    assert model.predict([["user_1", "1.2.3.4"]])[0] != 0


def test_the_auc_is_scikit_learns(trained):
    """Scores are counted by 20 of their 32 bits: the exact AUC of the same pairs to 1e-3."""
    events = read_events(Batch(web_log(events=3000, seed=5).astype(object)), 40)
    strange = events._replace(where=np.random.default_rng([0, 2**32 - 1]).integers(0, 2**32, 3000, np.uint32))
    scores = np.concatenate([trained.network_.score(events), trained.network_.score(strange)])
    found = discriminator_auc(trained.network_, [Batch(web_log(events=3000, seed=5).astype(object))], 0)
    assert found == pytest.approx(roc_auc_score(np.repeat([1, 0], 3000), scores), abs=1e-3)


def test_ranks_keep_the_order():
    scores = np.array([-np.float32(3e38), -2, -1e-30, -0.0, 0.0, 1e-30, 2, 3e38], np.float32)
    ranks = rank(scores)
    assert (np.diff(ranks) >= 0).all()
    assert ranks[3] == ranks[4]
    assert len(set(ranks.tolist())) == 7
    assert 0 <= ranks.min() <= ranks.max() < 1 << ipinsights.RANKS


# Settings do what they say


def fitted(**settings):
    return IPInsights(**{**SMALL, "epochs": 2, "mini_batch_size": 90, **settings}).fit(web_log(events=300)).network_


def steps_of(**settings):
    with ThreadPoolExecutor(1) as pool:
        learner = Learner(IPInsights(**SMALL, mini_batch_size=90, **settings).settings(), 0, pool)
        ipinsights.learn_epoch(learner, [Batch(web_log(events=300).astype(object))], 0, Run())
    return learner.steps


def test_a_mini_batch_counts_the_pairs_made_up_too():
    """300 events; of 90 pairs 30, 9 or 45 are events."""
    assert steps_of() == 10
    assert steps_of(random_negative_sampling_rate=8) == 34
    assert steps_of(shuffled_negative_sampling_rate=0) == 7


def test_settings_change_the_network():
    plain = fitted()
    assert np.array_equal(fitted().entities, plain.entities)
    assert not np.array_equal(fitted(seed=1).entities, plain.entities)
    assert len(fitted(num_ip_encoder_layers=0).layers) == 1
    assert len(fitted(num_ip_encoder_layers=3).layers) == 4
    assert abs(fitted(epochs=6).entities).sum() > abs(plain.entities).sum()
    assert abs(fitted(learning_rate=0.01).entities).max() > 3 * abs(plain.entities).max()
    assert abs(fitted(epochs=30, weight_decay=1.0).entities).sum() < abs(fitted(epochs=30).entities).sum() / 2


# The container's log, artefact and answers


class Epochs:
    """Re-iterable batches; a stop comes after some of them."""

    def __init__(self, *parts, stop_after=None):
        self.parts, self.stop_after = parts, stop_after

    def __iter__(self):
        for number, part in enumerate(self.parts):
            if number == self.stop_after:
                raise Stopped
            yield Batch(part.astype(object))


def test_the_log_is_the_containers(caplog):
    """Forms of a real container's log of May 2021; the metric patterns find the values in it."""
    caplog.set_level(logging.INFO, "clary.algorithms.ipinsights")
    said, log = [], web_log(events=600)
    model = IPInsights(**SMALL, epochs=2, mini_batch_size=300, batch_metrics_publish_interval=5)
    model.fit(Epochs(log), validation=Epochs(log), run=Run(say=said.append))
    lines = caplog.messages
    for form in (
        r"#quality_metric: host=algo-1, epoch=0, batch=0 train binary_classification_accuracy <score>=0\.66+7?",
        r"#quality_metric: host=algo-1, epoch=0, batch=0 train binary_classification_cross_entropy <loss>=0\.69314\d+",
        r"Epoch\[1\] Batch \[5\]#011Speed: \d+\.\d\d samples/sec#011binary_classification_accuracy=0\.\d{6}"
        r"#011binary_classification_cross_entropy=0\.\d{6}",
        r"#quality_metric: host=algo-1, epoch=1, batch=5 train binary_classification_accuracy <score>=0\.\d+",
        r"Epoch\[1\] Train-binary_classification_accuracy=0\.\d{6}",
        r"Epoch\[1\] Train-binary_classification_cross_entropy=0\.\d{6}",
        r"Epoch\[1\] Time cost=\d+\.\d{3}",
        r"#quality_metric: host=algo-1, epoch=1, train binary_classification_cross_entropy <loss>=0\.\d+",
        r"#progress_metric: host=algo-1, completed 50\.0 % of epochs",
        r"#throughput_metric: host=algo-1, train throughput=[0-9.]+ records/second",
        r"#quality_metric: host=algo-1, epoch=1, validation discriminator_auc <score>=0\.\d+",
    ):
        assert sum(re.fullmatch(form, line) is not None for line in lines) == 1 + ("throughput" in form), form
    found = {
        metric.name: float(match[1])
        for metric in ipinsights.METRICS
        for line in lines
        if (match := re.search(metric.pattern, line))
    }
    assert len(found) == len(ipinsights.METRICS)
    assert found["train:progress"] == 100
    auc = discriminator_auc(model.network_, Epochs(log), 0)
    assert found["validation:discriminator_auc"] == auc
    assert all(line.startswith('#metrics {"StartTime": ') and '"Algorithm": "ipinsights"' in line for line in said)
    IPInsights(**SMALL, epochs=1).fit(log)
    assert caplog.messages[-1] == "Test data is not provided."


def test_the_artefact_holds_named_arrays(trained, tmp_path):
    trained.save(tmp_path)
    arrays = mxnet.load(tmp_path / "model_algo-1")
    assert {name: array.shape for name, array in arrays.items()} == {
        "entity_embedding": (40, 32),
        "ip_embedding_weight": (32, 32),
        "ip_embedding_bias": (32,),
        "ip_encoder_1_weight": (32, 32),
        "ip_encoder_1_bias": (32,),
    }
    log = web_log(events=50)
    loaded = IPInsights.load(tmp_path)
    assert np.array_equal(loaded.predict(log), trained.predict(log))
    for wrong in (
        {"other": arrays["entity_embedding"]},
        {**arrays, "ip_encoder_1_bias": np.ones(3)},
        list(arrays.values()),
    ):
        mxnet.save(tmp_path / "model_algo-1", wrong)
        with pytest.raises(ClientError, match="model_algo-1 is no model of IP Insights: it must hold entity_embedding"):
            IPInsights.load(tmp_path)


def test_answers_have_the_guides_forms(trained):
    responder = Responder(ipinsights.ALGORITHM, trained, {})
    known, stranger = web_log(events=1)[0].tolist(), ["user_1", "203.0.113.9"]
    body = json.dumps({"instances": [{"data": {"features": {"values": known}}}, {"features": stranger}]}).encode()
    first, second = json.loads(responder.answer(body, "application/json", "application/json").body)["predictions"]
    assert first.keys() == second.keys() == {"dot_product"}
    assert first["dot_product"] > 0 > second["dot_product"]
    lines = f'"{known[0]}", {known[1]}\n{stranger[0]}, {stranger[1]}\n'.encode()
    answer = responder.answer(lines, "text/csv", "application/jsonlines; verbose=True")
    rows = [json.loads(line) for line in answer.body.splitlines()]
    assert [row["dot_product"] for row in rows] == [first["dot_product"], second["dot_product"]]
    for row in rows:
        product = np.dot(row["entity_embedding"], row["ip_embedding"])
        assert len(row["ip_embedding"]) == 32
        assert row["dot_product"] == pytest.approx(product, rel=1e-4, abs=1e-5)


# What can go wrong


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "ann,1.2.3",
            "row 2, column 2: '1.2.3' is not an IPv4 address, four numbers from 0 to 255 such as 192.168.1.2",
        ),
        (
            "ann,256.1.1.1",
            "row 2, column 2: '256.1.1.1' is not an IPv4 address, four numbers from 0 to 255 such as 192",
        ),
        ("ann,2001:db8::1", "row 2, column 2: '2001:db8::1' is an IPv6 address; IP Insights takes IPv4 addresses only"),
        ("ann,", "row 2, column 2: '' is not an IPv4 address"),
        (",1.2.3.4", "row 2, column 1: the entity is empty"),
        ("1.2.3.4", "row 2 has 1 columns, the rows before it have 2"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_row(job, line, sentence):
    job.configure(SMALL, {"train": "text/csv"})
    job.write_channel("train", "\nbob, 10.0.0.1\n\n" + line, "logins.csv")
    status, log = job.train("ipinsights")
    assert (status, "Traceback" in log) == (2, False)
    assert job.failure.startswith(f"ClientError: train/logins.csv: {sentence}")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("user,ip_address\nbob,1.2.3.4\n", "train/part-0: row 1, column 2: 'ip_address' is not an IPv4 address, four "),
        ("bob,1.2.3.4,5\n", "train/part-0: the data has 3 columns; IP Insights takes two, entity and IPv4 address"),
        ("bob\n", "train/part-0: the data has 1 columns; IP Insights takes two"),
        ("\n", "the train channel has no events"),
    ],
)
def test_data_of_another_kind_is_named(job, content, sentence):
    job.configure(SMALL, {"train": "text/csv;label_size=0"})
    job.write_channel("train", content)
    assert job.train("ipinsights")[0] == 2
    assert job.failure.startswith(f"ClientError: {sentence}")
    assert ("begin with a header" in job.failure) == content.startswith("user")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"vector_dim": 8}, "Missing required hyperparameter: num_entity_vectors"),
        ({**SMALL, "vector_dim": 2}, r"Hyperparameter vector_dim: 2 is not in \[4, 4096\]"),
        (
            {**SMALL, "random_negative_sampling_rate": 0, "shuffled_negative_sampling_rate": 0},
            r"random_negative_sampling_rate \(0\) and shuffled_negative_sampling_rate \(0\) must add up to",
        ),
        (
            {**SMALL, "random_negative_sampling_rate": 300, "shuffled_negative_sampling_rate": 201},
            r"random_negative_sampling_rate \(300\) and shuffled_negative_sampling_rate \(201\) must add up",
        ),
        (
            {"num_entity_vectors": 50_000_000, "vector_dim": 64},
            r"num_entity_vectors \(50000000\) times vector_dim \(64\) makes a model of 12.8 GB; 8 GB are the most",
        ),
    ],
)
def test_settings_that_cannot_be_are_named(settings, sentence):
    with pytest.raises(ClientError, match=sentence):
        IPInsights(**settings).fit(web_log(events=10))


def test_arrays_that_hold_no_events():
    for x, sentence in (
        (np.ones((3, 2)), "Expected rows of text, not an array of float64"),
        ([["bob", None]], "row 1, column 2: 'None' is not a text"),
        ([["bob", "1.2.3.4"], ["ann", "here"]], "row 2, column 2: 'here' is not an IPv4 address"),
    ):
        with pytest.raises(ClientError, match=re.escape(sentence)):
            IPInsights(**SMALL).fit(x)
    ids = np.array([[7, "1.2.3.4"]], object)
    model = IPInsights(**SMALL, epochs=1).fit(ids)
    assert model.predict(ids) == model.predict([["7", "1.2.3.4"]])


def test_numbers_that_outgrow_all_bounds_end_the_training():
    with pytest.raises(ClientError, match=r"the training diverged, the loss is .*; a learning_rate below 10"):
        IPInsights(num_entity_vectors=40, vector_dim=64, learning_rate=10, num_ip_encoder_layers=12, epochs=50).fit(
            web_log(events=500)
        )


def test_a_stop_keeps_what_was_learnt(monkeypatch):
    """The stop comes after the first of two batches, which had filled a window."""
    monkeypatch.setattr(ipinsights_events, "WINDOW", 300)
    log = web_log(events=600)
    model = IPInsights(**SMALL, epochs=1, mini_batch_size=30)
    stopped = model.fit(Epochs(log[:300], log[300:], stop_after=1)).predict(log)
    assert np.array_equal(stopped, IPInsights(**SMALL, epochs=1, mini_batch_size=30).fit(log[:300]).predict(log))
    with pytest.raises(Stopped):
        IPInsights(**SMALL).fit(Epochs(log, stop_after=0))


@pytest.mark.usefixtures("exchange_port")
def test_hosts_with_a_shard_each_end_with_one_network():
    """Two hosts that meet other users, and one that meets nobody: each knows all users, as one host alone would."""
    log, later = web_log(), web_log(events=500, seed=5)
    left = np.isin(log[:, 0], [f"user_{user}" for user in range(8)])
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    shards = dict(zip(hosts, (Epochs(log[left]), Epochs(log[~left]), Epochs()), strict=True))
    settings = {"num_entity_vectors": 40, "vector_dim": 16, "epochs": 20, "learning_rate": 0.01, "mini_batch_size": 300}
    models = {host: IPInsights(**settings) for host in hosts}
    threads = [
        threading.Thread(target=models[host].fit, args=(shards[host],), kwargs={"run": Run(host=host, hosts=hosts)})
        for host in hosts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    first, *others = (models[host].predict(later) for host in hosts)
    assert all(np.array_equal(first, other) for other in others)
    assert (first > 0).mean() > 0.85
    strange = np.column_stack([later[:, 0], ["9.9.9.9"] * len(later)])
    assert (models[hosts[1]].predict(strange) < 0).mean() > 0.85
