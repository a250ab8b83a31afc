"""Scripts in managed environments: trained, followed, failed and served through a real server."""

import io
import json
import tarfile
import time
import zipfile

import numpy as np
import pytest
from botocore.exceptions import ClientError

from tests.images.script_job import SKLEARN, archive, deploy, train
from tests.main_job import OFTEN, ROLE, MainJob, labelled_rows

pytestmark = pytest.mark.slow  # the environment is built once on a machine: half a minute

SCRIPT = """
import argparse, json, os, sys
import joblib, numpy, sklearn
from sklearn.linear_model import LogisticRegression

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-C", type=float)
    parser.add_argument("--words")
    parser.add_argument("-n", type=int)
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    args = parser.parse_args()
    data = numpy.loadtxt(os.path.join(args.train, "rows.csv"), delimiter=",")
    model = LogisticRegression(C=args.C).fit(data[:, 1:], data[:, 0])
    print(f"accuracy={model.score(data[:, 1:], data[:, 0]):.4f}; sklearn {sklearn.__version__}")
    joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
    seen = {name: value for name, value in os.environ.items() if name.startswith("SM_")}
    with open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "seen.json"), "w") as file:
        json.dump({"variables": seen, "arguments": sys.argv[1:]}, file)

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))
"""


@pytest.fixture(scope="module")
def job(aws):
    name = f"scripts-{time.time_ns()}"
    aws("s3").create_bucket(Bucket=name)
    found = MainJob(aws, name)
    found.put("train/rows.csv", labelled_rows())
    return found


@pytest.fixture(scope="module")
def trained(job):
    """A job whose script trained a model and noted what it saw."""
    end = train(
        job,
        f"trained-{time.time_ns()}",
        {"train.py": SCRIPT},
        settings={"C": 0.5, "words": "two words", "n": 3},
        definitions=[{"Name": "accuracy", "Regex": r"accuracy=([0-9.]+)"}],
        channels=[job.channel()],
    )
    assert end["TrainingJobStatus"] == "Completed", "\n".join(job.log(end["TrainingJobName"]))
    return end


def output_of(job, name):
    """What a script wrote to its output folder."""
    body = job.s3.get_object(Bucket=job.bucket, Key=f"models/{name}/output/output.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return json.load(archive.extractfile("seen.json"))


def test_a_script_sees_its_arguments_and_variables(job, trained):
    seen = output_of(job, trained["TrainingJobName"])
    assert seen["arguments"] == ["-C", "0.5", "-n", "3", "--words", "two words"]
    variables = seen["variables"]
    assert variables["SM_CHANNEL_TRAIN"] == "/opt/ml/input/data/train"
    assert variables["SM_HPS"] == '{"C":0.5,"n":3,"words":"two words"}'
    assert (variables["SM_HP_C"], variables["SM_NUM_GPUS"], variables["SM_HOSTS"]) == ("0.5", "0", '["algo-1"]')
    assert json.loads(variables["SM_TRAINING_ENV"])["is_master"] is True


def test_own_metrics_are_taken_from_the_log(job, trained):
    (metric,) = trained["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"] > 0.9) == ("accuracy", True)
    definitions = [{"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"}]
    assert trained["AlgorithmSpecification"]["MetricDefinitions"] == definitions


def test_a_failing_script_is_worded_as_by_the_real_container(job):
    end = train(job, f"failing-{time.time_ns()}", {"train.py": "print('begun')\nraise KeyError('no such column')"})
    assert end["TrainingJobStatus"] == "Failed"
    assert end["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage ")
    assert "KeyError: 'no such column'" in end["FailureReason"]
    assert end["FailureReason"].endswith('python3 train.py", exit code: 1')


def test_a_missing_script_is_named(job):
    end = train(job, f"missing-{time.time_ns()}", {"other.py": ""})
    assert "No file train.py in the source code, which has other.py" in end["FailureReason"]


WHEEL = "tiny_words-1.0-py3-none-any.whl"


def wheel():
    """A package of one module, as a wheel."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("tiny_words.py", "WORD = 'installed'")
        file.writestr("tiny_words-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-words\nVersion: 1.0\n")
        file.writestr(
            "tiny_words-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr("tiny_words-1.0.dist-info/RECORD", "")
    return buffer.getvalue()


def test_requirements_are_installed_for_the_job_alone(job):
    script = "import sys, tiny_words, sklearn\nprint(tiny_words.WORD, tiny_words.__file__, sys.prefix)"
    files = {"train.py": script, "requirements.txt": f"./{WHEEL}", WHEEL: wheel()}
    name = f"requirements-{time.time_ns()}"
    assert train(job, name, files)["TrainingJobStatus"] == "Completed"
    assert any(line.startswith("installed /tmp/environment/lib/") for line in job.log(name))


def test_a_shell_script_is_an_entry_point_too(job):
    script = '#!/bin/sh\necho "model of $SM_CURRENT_HOST: $*" > $SM_MODEL_DIR/words'
    end = train(job, f"shell-{time.time_ns()}", {"train.sh": script}, "train.sh", settings={"rounds": 2})
    assert end["TrainingJobStatus"] == "Completed"
    assert job.artefact(end["TrainingJobName"]) == ["words"]


def test_a_package_is_installed_and_its_module_run(job):
    setup = "from setuptools import setup\nsetup(name='mine', version='1.0', packages=['mine'])"
    files = {"setup.py": setup, "mine/__init__.py": "", "mine/words.py": "WORD = 'packaged'"}
    files["mine/train.py"] = "from mine.words import WORD\nprint(WORD)"
    name = f"package-{time.time_ns()}"
    end = train(job, name, files, "mine/train.py")
    assert end["TrainingJobStatus"] == "Completed", "\n".join(job.log(name))
    assert "packaged" in job.log(name)


def test_an_entry_point_of_the_users_own_writes_beside_its_code(job):
    """As SDK v3 starts a script: bash, a channel with the code and one with drivers that must be made executable."""
    name = f"bash-{time.time_ns()}"
    job.put(f"{name}/sm_drivers/sm_train.sh", "#!/bin/bash\nset -e\ncd /opt/ml/input/data/code\npython3 train.py")
    job.put(f"{name}/code/train.py", "import sklearn\nopen('/opt/ml/input/sm_training.env', 'w').write('')")
    drivers = "/opt/ml/input/data/sm_drivers/sm_train.sh"
    specification = {
        "TrainingImage": SKLEARN,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/bash"],
        "ContainerArguments": ["-c", f"chmod +x {drivers} && {drivers}"],
    }
    channels = [job.channel(prefix=f"{name}/{channel}", name=channel) for channel in ("code", "sm_drivers")]
    job.start(name, *channels, AlgorithmSpecification=specification, settings={"word": "x"})
    end = job.end(name)
    assert end["TrainingJobStatus"] == "Completed", "\n".join(job.log(name))
    assert job.s3.get_object(Bucket=job.bucket, Key=f"{name}/code/train.py")["Body"].read().startswith(b"import")


def test_a_trained_model_is_served_by_its_script(job, trained):
    name = trained["TrainingJobName"]
    source = f"s3://{job.bucket}/{name}/source/sourcedir.tar.gz"
    variables = {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": source}
    found = deploy(job, name, trained["ModelArtifacts"]["S3ModelArtifacts"], variables)
    assert found["EndpointStatus"] == "InService", found.get("FailureReason")
    assert json.loads(job.invoke(name, "2,0,0\n-2,0,0\n")) == [1.0, 0.0]
    assert json.loads(job.invoke(name, "[[2, 0, 0]]", "application/json")) == [1.0]
    buffer = io.BytesIO()
    np.save(buffer, np.array([[-2.0, 0, 0]]))
    answer = job.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, ContentType="application/x-npy", Accept="application/x-npy", Body=buffer.getvalue()
    )
    assert np.load(io.BytesIO(answer["Body"].read())).tolist() == [0.0]
    with pytest.raises(ClientError, match=r"415.*UnsupportedFormatError") as error:
        job.invoke(name, "2,0,0", "text/plain")
    assert error.value.response["Error"]["Code"] == "ModelError"


def test_a_batch_transform_asks_the_script(job, trained):
    name = f"scored-{time.time_ns()}"
    job.put(f"{name}/rows.csv", "2,0,0\n-2,0,0\n")
    source = f"s3://{job.bucket}/{trained['TrainingJobName']}/source/sourcedir.tar.gz"
    container = {
        "Image": SKLEARN,
        "ModelDataUrl": trained["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": source},
    }
    job.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    place = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{job.bucket}/{name}/"}}
    job.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={"DataSource": place, "ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{job.bucket}/{name}-out", "Accept": "text/csv"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    waiter = job.sagemaker.get_waiter("transform_job_completed_or_stopped")
    waiter.wait(TransformJobName=name, WaiterConfig=OFTEN)
    body = job.s3.get_object(Bucket=job.bucket, Key=f"{name}-out/rows.csv.out")["Body"].read()
    assert body.split() == [b"1.0", b"0.0"]


def test_a_model_that_can_not_be_loaded_fails_the_endpoint(job, trained):
    name = f"unloaded-{time.time_ns()}"
    job.put(f"{name}/source.tar.gz", archive({"serve.py": "def model_fn(folder):\n    raise OSError('no such model')"}))
    variables = {
        "SAGEMAKER_PROGRAM": "serve.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{job.bucket}/{name}/source.tar.gz",
    }
    found = deploy(job, name, trained["ModelArtifacts"]["S3ModelArtifacts"], variables)
    assert "did not pass the ping health check" in found["FailureReason"]
