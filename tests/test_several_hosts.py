"""Jobs on two instances, each with its shard of the objects: the model is about the one that a single host makes."""

import io
import tarfile

import numpy as np
import pytest
from algorithm_jobs import as_csv, as_recordio
from main_job import RECORDIO, MainJob

from clary import algorithms
from clary.algorithms.base import CSV
from clary.formats import Batch

ACCOUNT = "382416733822"
MORE = {"factorization-machines": {"epochs": "40"}, "ipinsights": {"epochs": "40"}}
"""Where hosts share what they learned only after an epoch: enough of them."""
AGREE = {"ipinsights": 0.5}
"""Networks with made-up negatives differ by chance; how good they are is asked in the algorithm's own tests."""
MEASURES = {"kmeans": "distance_to_cluster", "ipinsights": "dot_product", "pca": "projection", "knn": "predicted_label"}


@pytest.fixture(scope="module")
def main_job(server):
    job = MainJob(server.client, "several-hosts")
    job.s3.create_bucket(Bucket=job.bucket)
    return job


@pytest.mark.parametrize("name", [name for name in algorithms.NAMES if algorithms.load(name).max_instances is None])
def test_two_hosts_make_the_model_of_one(main_job, tmp_path, name):
    algorithm = algorithms.load(name)
    features = algorithm.example.features()
    labels = algorithm.example.labels() if algorithm.example.labels else None
    content_type = f"{CSV};label_size={0 if labels is None else 1}"
    write = as_csv
    if CSV not in algorithm.channels[0].content_types:
        content_type, write = RECORDIO, as_recordio
    for part in range(2):
        body = write(features[part::2], None if labels is None else labels[part::2])
        main_job.put(f"{name}/part-{part}", body)
    image = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{name}:1"
    if name == "xgboost":
        image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    found = []
    for hosts in (1, 2):
        channel = main_job.channel(content_type, name)
        channel["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
        resources = {"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1}
        job = main_job.train(
            f"{name}-on-{hosts}",
            channel,
            image=image,
            settings={**algorithm.example.settings, **MORE.get(name, {})},
            ResourceConfig=resources,
        )
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        folder = tmp_path / str(hosts)
        packed = main_job.s3.get_object(Bucket=main_job.bucket, Key=f"models/{name}-on-{hosts}/output/model.tar.gz")
        with tarfile.open(fileobj=io.BytesIO(packed["Body"].read())) as archive:
            archive.extractall(folder, filter="data")
        answer = algorithms.estimator(name).load(folder).respond(Batch(features))
        found.append(np.asarray(answer[MEASURES.get(name, "score")], float).ravel())
    assert np.corrcoef(*found)[0, 1] > AGREE.get(name, 0.95)
