"""A built-in algorithm's example data trained on by some hosts, a shard each, and what the model then says of it."""

import io
import tarfile

import numpy as np
from algorithm_jobs import as_csv, as_recordio
from main_job import RECORDIO

from clary import algorithms
from clary.algorithms.base import CSV
from clary.formats import Batch

ACCOUNT = "382416733822"
MORE = {"factorization-machines": {"epochs": "40"}, "ipinsights": {"epochs": "40"}}
"""Where hosts share what they learned only after an epoch: enough of them."""
MEASURES = {"kmeans": "distance_to_cluster", "ipinsights": "dot_product", "pca": "projection", "knn": "predicted_label"}


def answers(main_job, folder, name, hosts):
    """The answers of the model that a job on that many hosts makes, as one row of numbers."""
    algorithm = algorithms.load(name)
    features = algorithm.example.features()
    labels = algorithm.example.labels() if algorithm.example.labels else None
    content_type, write = f"{CSV};label_size={0 if labels is None else 1}", as_csv
    if CSV not in algorithm.channels[0].content_types:
        content_type, write = RECORDIO, as_recordio
    for part in range(2):
        body = write(features[part::2], None if labels is None else labels[part::2])
        main_job.put(f"{name}/part-{part}", body)
    image = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{name}:1"
    if name == "xgboost":
        image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    channel = main_job.channel(content_type, name)
    channel["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    job_name = f"{main_job.bucket}-{name}-on-{hosts}"
    job = main_job.train(
        job_name,
        channel,
        image=image,
        settings={**algorithm.example.settings, **MORE.get(name, {})},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1},
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    packed = main_job.s3.get_object(Bucket=main_job.bucket, Key=f"models/{job_name}/output/model.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(packed["Body"].read())) as archive:
        archive.extractall(folder, filter="data")
    answer = algorithms.estimator(name).load(folder).respond(Batch(features))
    return np.asarray(answer[MEASURES.get(name, "score")], float).ravel()
