"""Jobs on two instances, each with its shard of the objects: the model is about the one that a single host makes."""

import numpy as np
import pytest
from main_job import MainJob
from several_hosts import answers

from clary import algorithms

AGREE = {"ipinsights": 0.5}
"""Networks with made-up negatives differ by chance; how good they are is asked in the algorithm's own tests."""


@pytest.fixture(scope="module")
def main_job(server):
    job = MainJob(server.client, "several-hosts")
    job.s3.create_bucket(Bucket=job.bucket)
    return job


@pytest.mark.parametrize("name", [name for name in algorithms.NAMES if algorithms.load(name).max_instances is None])
def test_two_hosts_make_the_model_of_one(main_job, tmp_path, name):
    one, two = (answers(main_job, tmp_path / str(hosts), name, hosts) for hosts in (1, 2))
    assert np.corrcoef(one, two)[0, 1] > AGREE.get(name, 0.95)
