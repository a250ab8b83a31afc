"""Jobs that run scripts, as a user's program starts them: through boto3 alone."""

import io
import json
import tarfile

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
PYTORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312"


def archive(files):
    """A tar.gz of names and their contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            body = content if isinstance(content, bytes) else content.encode()
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return buffer.getvalue()


def train(
    job, name, files, program="train.py", *, image=SKLEARN, settings=None, definitions=(), channels=(), **changes
):
    """The end of a job that runs a script, its hyperparameters encoded as SDK v2 does it."""
    job.put(f"{name}/source/sourcedir.tar.gz", archive(files))
    source = f"s3://{job.bucket}/{name}/source/sourcedir.tar.gz"
    given = {**(settings or {}), "sagemaker_program": program, "sagemaker_submit_directory": source}
    specification = {"TrainingImage": image, "TrainingInputMode": "File", "MetricDefinitions": list(definitions)}
    request = job.request(name, *channels, image=image, AlgorithmSpecification=specification, **changes)
    request["HyperParameters"] = {key: json.dumps(value) for key, value in given.items()}
    if not channels:
        del request["InputDataConfig"]
    job.sagemaker.create_training_job(**request)
    return job.end(name)


def deploy(job, name, artefact, variables, image=SKLEARN):
    """The endpoint's description when it is in service, or has failed."""
    return job.deploy(name, artefact, image, Environment=variables)
