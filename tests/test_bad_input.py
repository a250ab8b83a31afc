"""What a user gets wrong ends in the error that AWS's client would show: never a traceback, a hang or a lost file."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from botocore.exceptions import ClientError

from clary.config import Settings
from clary.formats.recordio import write_records
from tests.conftest import running
from tests.main_job import BOOSTING, CLUSTERING, CSV, KMEANS, RECORDIO, UNLABELLED, XGBOOST, MainJob, labelled_rows

BUCKET = "bad-input"


@pytest.fixture(scope="module")
def main_job(aws):
    job = MainJob(aws, BUCKET)
    job.s3.create_bucket(Bucket=BUCKET)
    job.put("train/part-0.csv", labelled_rows())
    return job


def recordio(rows, width=3):
    stream = io.BytesIO()
    write_records(stream, np.ones((rows, width), np.float32))
    return stream.getvalue()


def clusters(content_type=UNLABELLED, **settings):
    return {"image": KMEANS, "settings": {**CLUSTERING, **settings}, "content_type": content_type}


HEADER = "row 1, column 1: 'label' is not a number. The file seems to begin with a header; CSV must come without one"
LABEL = "label must be in [0,1] for logistic regression"
# The file's content, what the job is told of it, and what FailureReason says.
BAD_DATA = {
    "header": (b"label,a,b\n1,2,3\n", {}, f"train/part-0: {HEADER}"),
    "word": (b"1,2,3\n0,word,4\n", {}, "train/part-0: row 2, column 2: 'word' is not a number"),
    "word in a large file": (
        b"1,2,3\n" * 5000 + b"0,2,3x\n",
        {},
        "train/part-0: row 5001, column 3: '3x' is not a number",
    ),
    "ragged": (b"1,2,3\n0,4\n", {}, "train/part-0: row 2 has 2 columns, the rows before it have 3"),
    "ragged between files": (
        {"a": b"1,2,3\n", "b": b"0,2,3,4\n"},
        {},
        "train/b: row 1 has 4 columns, the rows before it have 3",
    ),
    "only a label": (b"1\n0\n", {}, "train/part-0: 1 column(s) are too few for 1 label column(s) and at least"),
    "not text": (bytes(range(256)), {}, "train/part-0: row 1, column 1: "),
    "label beyond 1": (b"1,2,3\n2,4,5\n", {}, f"{LABEL}: found 2 in train/part-0, row 2"),
    "label below 0": (b"1,2\n-1,4\n", {}, f"{LABEL}: found -1 in train/part-0, row 2"),
    "label not a number": (b"1,2\nnan,4\n", {}, "train/part-0: row 2, the label is missing (NaN)"),
    "label beyond num_class": (
        b"0,2\n3,4\n",
        {"settings": {**BOOSTING, "objective": "multi:softmax", "num_class": "3"}},
        "label must be in [0, num_class), whole, with num_class 3: found 3 in train/part-0, row 2",
    ),
    "empty file": (b"", {}, "No data in training channel: it has no file, or its files have no row"),
    "empty file for k-means": (b"", clusters(), "k is 2, but the train channel has no rows"),
    "nan": (b"1,2,3\n1,nan,3\n", clusters(), "train/part-0: row 2, column 2 is missing (NaN)"),
    "empty cell": (b"1,2,3\n1,,3\n", clusters(), "train/part-0: row 2, column 2 is missing (NaN)"),
    "infinity": (b"1,2,3\n1,2,inf\n", clusters(), "train/part-0: row 2, column 3 is inf"),
    "feature_dim": (b"1,2,3\n4,5,6\n", clusters(feature_dim="4"), "train/part-0: feature_dim is 4, but the data has 3"),
    "feature_dim in recordio": (recordio(20), clusters(RECORDIO, feature_dim="4"), "feature_dim is 4, but the d"),
    "fewer rows than k": (b"1,2,3\n", clusters(), "k is 2, but the train channel has only 1 row"),
    "truncated recordio": (recordio(20)[:-5], clusters(RECORDIO), "train/part-0: record 20 of 28 bytes is truncated"),
    "csv as recordio": (b"1,2,3\n4,5,6\n", clusters(RECORDIO), "train/part-0: record 1 does not begin with recordIO's"),
    "libsvm": (b"1 1:2\n0 2:x\n", {"content_type": "text/libsvm"}, "train/part-0: row 2"),
    "csv as parquet": (b"1,2,3\n", {"content_type": "application/x-parquet"}, "train/part-0 is not a Parquet file"),
    "csv as gzip": (b"1,2,3\n", {"mode": "Pipe", "CompressionType": "Gzip"}, "not gzip data"),
    "word in a pipe": (b"1,2,3\n0,word,4\n", {"mode": "Pipe"}, "/part-0): row 2, column 2: 'word' is not a number"),
    "truncated recordio in a pipe": (
        recordio(20)[:-5],
        {**clusters(RECORDIO), "mode": "Pipe"},
        "record 20 of 28 bytes is truncated",
    ),
    "word streamed": (b"1,2,3\n0,word,4\n", {"mode": "FastFile"}, "row 2, column 2: 'word' is not a number"),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_fails_the_job_with_a_reason(main_job, case):
    content, options, reason = BAD_DATA[case]
    name = f"bad-{list(BAD_DATA).index(case)}"
    for file, body in (content if isinstance(content, dict) else {"part-0": content}).items():
        main_job.put(f"{name}/{file}", body)
    options = dict(options)
    compression = {key: options.pop(key) for key in ("CompressionType",) if key in options}
    channel = main_job.channel(options.pop("content_type", CSV), name, **compression)

    job = main_job.train(name, channel, **options)

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("ClientError: ")
    assert reason in job["FailureReason"]
    assert not [line for line in main_job.log(name) if "Traceback" in line]
    assert job.get("ModelArtifacts", {}).get("S3ModelArtifacts", "") == ""


def refused(function, **request):
    """The code and the message of a refusal, which is the client's fault."""
    with pytest.raises(ClientError) as error:
        function(**request)
    answer = error.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return answer["Error"]["Code"], answer["Error"]["Message"]


def source(uri, name="train"):
    place = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {"InputDataConfig": [{"ChannelName": name, "DataSource": place, "ContentType": CSV}]}


def settings(**changes):
    return {"HyperParameters": {**BOOSTING, **changes}}


def image(uri):
    return {"AlgorithmSpecification": {"TrainingImage": uri, "TrainingInputMode": "File"}}


ECR = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
BAD_JOBS = {
    "missing bucket": (
        source("s3://nowhere-at-all/train/"),
        'No S3 objects found under S3 URL "s3://nowhere-at-all/tr',
    ),
    "empty channel": (source(f"s3://{BUCKET}/nothing/"), f'No S3 objects found under S3 URL "s3://{BUCKET}/nothing/"'),
    "output bucket": (
        {"OutputDataConfig": {"S3OutputPath": "s3://nowhere-at-all/"}},
        "'nowhere-at-all' does not exist",
    ),
    "misspelt channel": (source(f"s3://{BUCKET}/train/", "trian"), "Missing required channel: train"),
    "not S3": (source("https://example.com/train"), "https://example.com/train"),
    "unknown setting": (settings(num_rounds="3"), "hyperparameter found: num_rounds (did you mean num_round?)"),
    "out of range": (settings(eta="2"), "Hyperparameter eta: 2"),
    "not a number": (settings(max_depth="deep"), "Hyperparameter max_depth: 'deep' is not a number"),
    "number with a mark": (settings(num_round="1_0"), "Hyperparameter num_round: '1_0' is not a number"),
    "huge number": (settings(num_round="9" * 2000), "is not an integer of 32 bits"),
    "environment": ({"Environment": {"A": "x\0y"}}, "Environment.A has a NUL character"),
    "own variable": (
        {"Environment": {"CLARY_OPT_ML": "/etc"}},
        "Environment.CLARY_OPT_ML: names that begin with CLARY_",
    ),
    "required setting": ({"HyperParameters": {}}, "Missing required hyperparameter: num_round"),
    "unknown image": (image("my-image:1"), "'my-image:1' is not an image that runs here"),
    "unknown algorithm": (image(f"{ECR}/sagemaker-ygboost:1.7-1"), "is not an image that runs here"),
    "unknown version": (image(f"{ECR}/sagemaker-xgboost:9.9-9"), "9.9-9"),
}


@pytest.mark.parametrize("case", BAD_JOBS)
def test_a_job_that_cannot_run_is_refused_at_the_call(main_job, case):
    changes, reason = BAD_JOBS[case]
    name = f"refused-{list(BAD_JOBS).index(case)}"
    code, message = refused(main_job.sagemaker.create_training_job, **{**main_job.request(name), **changes})
    assert code == "ValidationException"
    assert reason in message
    assert refused(main_job.sagemaker.describe_training_job, TrainingJobName=name)[0] == "ValidationException"


def test_more_instances_than_an_account_may_have_are_refused(main_job):
    sagemaker = main_job.sagemaker
    large = {"InstanceType": "ml.m5.large", "InstanceCount": 21, "VolumeSizeInGB": 1}
    request = main_job.request("too-many", ResourceConfig=large)
    code, message = refused(sagemaker.create_training_job, **request)
    assert (code, "is 20 Instances, with a request of 21" in message) == ("ResourceLimitExceeded", True)

    main_job.put("too-many/model.tar.gz", b"anything")
    container = {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/too-many/model.tar.gz"}
    sagemaker.create_model(ModelName="too-many", PrimaryContainer=container, ExecutionRoleArn=request["RoleArn"])
    variants = [
        {"VariantName": name, "ModelName": "too-many", "InstanceType": "ml.m5.large", "InitialInstanceCount": count}
        for name, count in (("a", 10), ("b", 11))
    ]
    sagemaker.create_endpoint_config(EndpointConfigName="too-many", ProductionVariants=variants)
    code, _ = refused(sagemaker.create_endpoint, EndpointName="too-many", EndpointConfigName="too-many")
    assert code == "ResourceLimitExceeded"


def test_names_are_taken_once(main_job):
    main_job.put("taken-once/model.tar.gz", b"anything")
    sagemaker = main_job.sagemaker
    container = {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/taken-once/model.tar.gz"}
    role = main_job.request("taken-once")["RoleArn"]
    variant = {"VariantName": "v", "ModelName": "taken-once", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    creations = [
        (sagemaker.create_training_job, main_job.request("taken-once"), "ResourceInUse"),
        (
            sagemaker.create_model,
            {"ModelName": "taken-once", "PrimaryContainer": container, "ExecutionRoleArn": role},
            "ValidationException",
        ),
        (
            sagemaker.create_endpoint_config,
            {"EndpointConfigName": "taken-once", "ProductionVariants": [variant]},
            "ValidationException",
        ),
        (
            sagemaker.create_endpoint,
            {"EndpointName": "taken-once", "EndpointConfigName": "taken-once"},
            "ValidationException",
        ),
    ]
    for create, request, code in creations:
        create(**request)
        found, message = refused(create, **request)
        assert found == code
        assert "exist" in message
    main_job.end("taken-once")
    sagemaker.delete_endpoint(EndpointName="taken-once")


def archive(*members):
    """A model.tar.gz of members: (name, type, link target or content)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind == tarfile.REGTYPE:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content
                tar.addfile(member)
    return stream.getvalue()


FILE, LINK, HARD = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
BAD_MODELS = {
    "absolute path": (archive(("/tmp/clary-poison", FILE, b"x")), "'/tmp/clary-poison' would be written outside"),
    "parent": (archive(("../clary-poison", FILE, b"x")), "'../clary-poison' would be written outside"),
    "hidden parent": (archive(("a/../../clary-poison", FILE, b"x")), "would be written outside"),
    "link": (archive(("xgboost-model", LINK, "/etc/passwd")), "links to '/etc/passwd'"),
    "link up": (archive(("a/b", LINK, "../../x")), "links to '../../x'"),
    "hard link": (archive(("xgboost-model", HARD, "/etc/passwd")), "links to '/etc/passwd'"),
    "through a link": (archive(("a", LINK, "."), ("a/../../clary-poison", FILE, b"x")), "would be written outside"),
    "device": (archive(("xgboost-model", tarfile.CHRTYPE, "")), "is neither a file nor a folder"),
    "not an archive": (b"this is no archive", "Failed to extract model data archive"),
    "cut short": (archive(("xgboost-model", FILE, os.urandom(50_000)))[:-2000], "Failed to extract model data archive"),
}
# AWS's reason sends to the log, which says what is wrong.
UNLOADABLE = {
    "empty": (archive(), "There is no model file in /opt/ml/model; xgboost-model was expected"),
    "pickle": (archive(("xgboost-model", FILE, b"\x80\x04cposix\nsystem\n")), "is a Python pickle"),
    "not a model": (archive(("xgboost-model", FILE, b"garbage")), "is neither UBJSON nor JSON"),
    "broken json": (archive(("xgboost-model", FILE, b'{"learner": 1}')), "is not a model of XGBoost"),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_a_poisoned_model_fails_the_endpoint_and_writes_nothing(main_job, case):
    body, reason = BAD_MODELS[case]
    name = f"poison-{list(BAD_MODELS).index(case)}"
    main_job.put(f"{name}/model.tar.gz", body)
    endpoint = main_job.deploy(name, f"s3://{BUCKET}/{name}/model.tar.gz")
    assert endpoint["EndpointStatus"] == "Failed"
    assert reason in endpoint["FailureReason"]
    assert not Path("/tmp/clary-poison").exists()
    code, _ = refused(main_job.client("sagemaker-runtime").invoke_endpoint, EndpointName=name, Body=b"1")
    assert code == "ValidationError"
    main_job.sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize("case", UNLOADABLE)
def test_a_model_that_cannot_be_loaded_fails_the_endpoint_and_the_log_says_why(main_job, case):
    body, reason = UNLOADABLE[case]
    name = f"unloadable-{list(UNLOADABLE).index(case)}"
    main_job.put(f"{name}/model.tar.gz", body)
    endpoint = main_job.deploy(name, f"s3://{BUCKET}/{name}/model.tar.gz")
    assert endpoint["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check. Please check CloudWatch logs" in endpoint["FailureReason"]
    events = main_job.client("logs").filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["events"]
    lines = [event["message"] for event in events]
    assert [line for line in lines if reason in line]
    assert not [line for line in lines if "Traceback" in line]
    main_job.sagemaker.delete_endpoint(EndpointName=name)


def test_a_model_that_is_gone_when_the_endpoint_starts(main_job):
    main_job.put("gone/model.tar.gz", b"x")
    sagemaker = main_job.sagemaker
    container = {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/gone/nothing.tar.gz"}
    role = main_job.request("gone")["RoleArn"]
    code, message = refused(sagemaker.create_model, ModelName="gone", PrimaryContainer=container, ExecutionRoleArn=role)
    assert (code, message) == (
        "ValidationException",
        f"Could not find model data at s3://{BUCKET}/gone/nothing.tar.gz.",
    )


@pytest.fixture
def small_disk(tmp_path):
    """A data folder on a disk of 32 MiB; only root can mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "none", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_refuses_what_it_cannot_keep_and_goes_on_reading(small_disk):
    with running(Settings(port=0, data_dir=small_disk / "data")) as server:
        job = MainJob(server.client, BUCKET)
        job.s3.create_bucket(Bucket=BUCKET)
        job.put("train/part-0.csv", labelled_rows())
        job.put("filler", bytes(6 << 20))
        with pytest.raises(ClientError) as error:
            job.put("large", bytes(40 << 20))
        assert error.value.response["Error"]["Code"] == "InsufficientStorage"
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 507

        fill(small_disk / "rest")
        for attempt in (
            lambda: job.put("small", bytes(100_000)),
            lambda: job.start("full"),
        ):
            with pytest.raises(ClientError) as error:
                attempt()
            assert error.value.response["Error"]["Code"] == "InsufficientStorage"
        assert job.s3.get_object(Bucket=BUCKET, Key="train/part-0.csv")["Body"].read() == labelled_rows()
        assert [row["Key"] for row in job.s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [
            "filler",
            "train/part-0.csv",
        ]
        assert refused(job.sagemaker.describe_training_job, TrainingJobName="full")[0] == "ValidationException"

        (small_disk / "rest").unlink()
        assert job.train("full")["TrainingJobStatus"] == "Completed"
        assert job.artefact("full") == ["xgboost-model"]


def fill(path):
    """Take what is left of a disk."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 12)):
                pass
        except OSError:
            return
