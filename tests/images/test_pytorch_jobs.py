"""PyTorch in its managed environment: two hosts that reduce together, and a model that is served without a script."""

import io
import json
import time

import numpy as np
import pytest

from clary import images
from clary.config import Settings
from tests.images.script_job import PYTORCH, archive, deploy, train
from tests.main_job import MainJob

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TWO_HOSTS = """
import json, os, torch
import torch.distributed as distributed

hosts = json.loads(os.environ["SM_HOSTS"])
rank = hosts.index(os.environ["SM_CURRENT_HOST"])
distributed.init_process_group("gloo", rank=rank, world_size=len(hosts))
total = torch.tensor([float(rank + 1)])
distributed.all_reduce(total)
print(f"sum={total.item()} on {os.environ['SM_CURRENT_HOST']}")
if rank == 0:
    model = torch.jit.script(torch.nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[total.item(), 0.0]]))
    model.save(os.path.join(os.environ["SM_MODEL_DIR"], "model.pt"))
distributed.destroy_process_group()
"""


@pytest.fixture(scope="module")
def job(aws):
    try:
        images.resolve(Settings(), PYTORCH).prepare(print, lambda: None)
    except images.BuildError as problem:
        pytest.skip(f"PyTorch can't be installed here: {problem}")
    name = f"pytorch-{time.time_ns()}"
    aws("s3").create_bucket(Bucket=name)
    return MainJob(aws, name)


@pytest.fixture(scope="module")
def reduced(job):
    """A job of two hosts."""
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    name = f"reduced-{time.time_ns()}"
    end = train(job, name, {"train.py": TWO_HOSTS}, image=PYTORCH, ResourceConfig=resources)
    assert end["TrainingJobStatus"] == "Completed", "\n".join(job.log(name))
    return end


def test_two_hosts_reduce_together(job, reduced):
    log = job.log(reduced["TrainingJobName"])
    assert {line for line in log if line.startswith("sum=")} == {"sum=3.0 on algo-1", "sum=3.0 on algo-2"}
    assert any("asked pytorch 2.6.0, got 2." in line for line in log)


def test_a_torchscript_model_is_served_by_the_defaults(job, reduced):
    name = reduced["TrainingJobName"]
    image = PYTORCH.replace("training", "inference")
    found = deploy(job, name, reduced["ModelArtifacts"]["S3ModelArtifacts"], {}, image)
    assert found["EndpointStatus"] == "InService", found.get("FailureReason")
    assert json.loads(job.invoke(name, "[[2, 1]]", "application/json")) == [[6.0]]
    buffer = io.BytesIO()
    np.save(buffer, np.array([[1, 0]], dtype="float32"))
    answer = job.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, ContentType="application/x-npy", Accept="application/x-npy", Body=buffer.getvalue()
    )
    assert np.load(io.BytesIO(answer["Body"].read())).tolist() == [[3.0]]


def test_a_repacked_model_brings_its_script(job, reduced):
    """As SDK v2's PyTorch model does it: the model and its code in one archive."""
    name = f"repacked-{time.time_ns()}"
    script = (
        "def model_fn(folder):\n    return 5\n\ndef transform_fn(model, body, kind, accept):\n    return str(model)"
    )
    job.put(f"{name}.tar.gz", archive({"code/serve.py": script}))
    variables = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    image = PYTORCH.replace("training", "inference")
    found = deploy(job, name, f"s3://{job.bucket}/{name}.tar.gz", variables, image)
    assert found["EndpointStatus"] == "InService", found.get("FailureReason")
    assert job.invoke(name, "[]", "application/json") == "5"
