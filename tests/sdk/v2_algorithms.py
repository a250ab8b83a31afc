"""SDK v2's classes of the built-in algorithms: record_set, fit, deploy with the SDK's own wait, predict, delete."""

import numpy as np
import sagemaker
from sagemaker.amazon.amazon_estimator import RecordSet
from sklearn.datasets import load_diabetes, load_digits
from v2_tumours import TYPE, features, held_out, rows, session

_digits = load_digits()  # some of them: the SDK writes and reads records value by value
_pixels, _written = _digits.data[:700].astype("float32"), _digits.target[:700].astype("float32")
_tumours = rows.astype("float32")
_scaled = ((_tumours[:, 1:] - features.mean(axis=0)) / features.std(axis=0)).astype("float32")


def _labels(records, name):
    """One array a record: what an algorithm answered under that name."""
    return np.array([record.label[name].float32_tensor.values for record in records])


def _deployed(algorithm, asked):
    """What an endpoint of the trained algorithm answers; nothing of it is left."""
    predictor = algorithm.deploy(1, TYPE)
    try:
        return predictor.predict(asked)
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()


def kmeans():
    here = session()
    algorithm = sagemaker.KMeans(sagemaker.get_execution_role(here), 1, TYPE, k=10, sagemaker_session=here)
    records = [algorithm.record_set(_pixels[:600]), algorithm.record_set(_pixels[600:], channel="test")]
    algorithm.fit(records, mini_batch_size=200)
    answer = _deployed(algorithm, _pixels[:100])
    assert len(set(_labels(answer, "closest_cluster")[:, 0])) >= 8
    assert (_labels(answer, "distance_to_cluster") > 0).all()
    frame = algorithm.training_job_analytics.dataframe()
    assert "test:msd" in set(frame["metric_name"]), frame
    assert (frame["value"] > 0).all()


def linear_learner():
    here = session()
    algorithm = sagemaker.LinearLearner(
        sagemaker.get_execution_role(here),
        1,
        TYPE,
        predictor_type="binary_classifier",
        epochs=10,
        sagemaker_session=here,
    )
    algorithm.fit(algorithm.record_set(_tumours[:480, 1:], labels=_tumours[:480, 0]), mini_batch_size=50)
    answer = _deployed(algorithm, held_out[:, 1:].astype("float32"))
    assert (_labels(answer, "predicted_label")[:, 0] == held_out[:, 0]).mean() > 0.9
    assert ((_labels(answer, "score") >= 0) & (_labels(answer, "score") <= 1)).all()


def random_cut_forest():
    here = session()
    algorithm = sagemaker.RandomCutForest(
        sagemaker.get_execution_role(here),
        1,
        TYPE,
        num_samples_per_tree=200,
        num_trees=50,
        sagemaker_session=here,
    )
    usual = np.random.default_rng(0).normal(size=(500, 2)).astype("float32")
    algorithm.fit(algorithm.record_set(usual))
    scores = _labels(_deployed(algorithm, np.vstack([usual[:50], [[9, 9]]]).astype("float32")), "score")[:, 0]
    assert scores[-1] > scores[:-1].max()


def knn():
    here = session()
    algorithm = sagemaker.KNN(
        sagemaker.get_execution_role(here),
        1,
        TYPE,
        k=5,
        sample_size=600,
        predictor_type="classifier",
        sagemaker_session=here,
    )
    algorithm.fit(algorithm.record_set(_pixels[:600], labels=_written[:600]))
    read = _labels(_deployed(algorithm, _pixels[600:]), "predicted_label")[:, 0]
    assert (read == _written[600:]).mean() > 0.9


def pca():
    here = session()
    algorithm = sagemaker.PCA(sagemaker.get_execution_role(here), 1, TYPE, num_components=3, sagemaker_session=here)
    algorithm.fit(algorithm.record_set(_pixels))
    projected = _labels(_deployed(algorithm, _pixels[:200]), "projection")
    centered = _pixels - _pixels.mean(axis=0)
    wanted = (centered @ np.linalg.svd(centered, full_matrices=False)[2][:3].T)[:200]
    for component in range(3):
        theirs = np.abs(wanted[:, component])
        assert any(np.allclose(np.abs(projected[:, other]), theirs, atol=0.1) for other in range(3))


def factorization_machines():
    here = session()
    algorithm = sagemaker.FactorizationMachines(
        sagemaker.get_execution_role(here),
        1,
        TYPE,
        num_factors=4,
        predictor_type="regressor",
        epochs=20,
        sagemaker_session=here,
    )
    known, progress = load_diabetes(return_X_y=True)
    known, progress = known.astype("float32") * 20, ((progress - progress.mean()) / progress.std()).astype("float32")
    algorithm.fit(algorithm.record_set(known[:400], labels=progress[:400]), mini_batch_size=50)
    scores = _labels(_deployed(algorithm, known[400:]), "score")[:, 0]
    assert np.corrcoef(scores, progress[400:])[0, 1] > 0.5


def lda():
    here = session()
    algorithm = sagemaker.LDA(sagemaker.get_execution_role(here), TYPE, num_topics=4, sagemaker_session=here)
    algorithm.fit(algorithm.record_set(_pixels), mini_batch_size=700)
    mixtures = _labels(_deployed(algorithm, _pixels[:20]), "topic_mixture")
    assert mixtures.shape == (20, 4)
    assert np.allclose(mixtures.sum(axis=1), 1, atol=1e-3)


def ip_insights():
    here = session()
    algorithm = sagemaker.IPInsights(
        sagemaker.get_execution_role(here),
        1,
        TYPE,
        num_entity_vectors=100,
        vector_dim=16,
        epochs=5,
        sagemaker_session=here,
    )
    homes = [(f"user_{user}", f"10.{user}.0.{host}") for host in range(100) for user in range(20)]
    text = "\n".join(",".join(visit) for visit in homes)
    where = here.upload_string_as_file_body(text, here.default_bucket(), "visits/rows.csv")
    # feature_dim is None: the class would send it along, and the algorithm has no such hyperparameter.
    records = RecordSet(where, len(homes), None, s3_data_type="S3Prefix", distribution="FullyReplicated")
    algorithm.fit(records, mini_batch_size=100)
    answer = _deployed(algorithm, [["user_7", "10.7.0.200"], ["user_7", "203.0.113.50"]])
    home, abroad = (one["dot_product"] for one in answer["predictions"])
    assert home > abroad
