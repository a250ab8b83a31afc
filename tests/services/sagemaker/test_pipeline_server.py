"""Pipelines through boto3 and a real server: the jobs of all types of steps are really done."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.main_job import BOOSTING, KMEANS, ROLE, XGBOOST, MainJob, labelled_rows, wait_until

BUCKET = "pipeline-server"
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}

MEASURE = (
    "import json, pathlib; rows = pathlib.Path('/opt/ml/processing/in/rows.csv').read_text().split(); "
    "pathlib.Path('/opt/ml/processing/out/found.json').write_text(json.dumps({'rows': {'count': len(rows)}}))"
)


def get(path):
    return {"Get": path}


@pytest.fixture(scope="module")
def job(aws):
    job = MainJob(aws, BUCKET)
    job.s3.create_bucket(Bucket=BUCKET)
    for channel in ("train", "validation"):
        job.put(f"{channel}/rows.csv", labelled_rows())
    job.put("test/rows.csv", b"2,0,0\n-2,0,0\n")
    return job


def step(name, kind, arguments, **members):
    return {"Name": name, "Type": kind, "Arguments": arguments, **members}


def training(job, **settings):
    """The arguments of a training step."""
    channels = [job.channel(), job.channel(prefix="validation", name="validation")]
    request = job.request("unused", *channels, settings={**BOOSTING, **settings})
    return {member: value for member, value in request.items() if member != "TrainingJobName"}


def processing():
    """The arguments of a step that counts the rows of the training data."""
    place = {"S3Uri": f"s3://{BUCKET}/train/", "LocalPath": "/opt/ml/processing/in"}
    outputs = {"S3Uri": f"s3://{BUCKET}/found", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    return {
        "AppSpecification": {"ImageUri": KMEANS, "ContainerEntrypoint": ["python3", "-c", MEASURE]},
        "ProcessingInputs": [
            {"InputName": "rows", "S3Input": {**place, "S3DataType": "S3Prefix", "S3InputMode": "File"}}
        ],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "found", "S3Output": outputs}]},
        "ProcessingResources": {"ClusterConfig": CLUSTER},
        "RoleArn": ROLE,
    }


def tuning(job):
    """The arguments of a tuning step: two trials."""
    arguments = training(job)
    static = arguments.pop("HyperParameters")
    eta = {"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:logloss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"ContinuousParameterRanges": [eta]},
        },
        "TrainingJobDefinition": {**arguments, "StaticHyperParameters": static},
    }


def transform():
    place = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/test/"}
    return {
        "ModelName": get("Steps.model.ModelName"),
        "TransformInput": {"DataSource": {"S3DataSource": place}, "ContentType": "text/csv", "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": {"Std:Join": {"On": "/", "Values": [f"s3://{BUCKET}", "scored"]}}},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }


def create(job, name, *steps):
    definition = json.dumps({"Version": "2020-12-01", "Steps": steps})
    return job.sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=definition)


def start(job, name):
    return job.sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]


def end(job, arn):
    """The execution's description when it has ended."""

    def ended():
        found = job.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return found["PipelineExecutionStatus"] not in ("Executing", "Stopping") and found

    return wait_until(ended, "it never ended")


def steps_of(job, arn):
    found = job.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return {row["StepName"]: row for row in found}


def test_every_type_of_job(job):
    best = {
        "Std:Join": {
            "On": "/",
            "Values": [
                f"s3://{BUCKET}/models",
                get("Steps.tune.TrainingJobSummaries[0].TrainingJobName"),
                "output/model.tar.gz",
            ],
        }
    }
    container = {"Image": XGBOOST, "ModelDataUrl": best}
    file = {"PropertyFileName": "found", "OutputName": "found", "FilePath": "found.json"}
    count = {
        "Std:JsonGet": {"PropertyFile": get("Steps.measure.PropertyFiles.found"), "Path": "rows.count"},
    }
    package = {"ModelPackageGroupName": "from-pipeline", "InferenceSpecification": {"Containers": [container]}}
    enough = {
        "Conditions": [{"Type": "GreaterThanOrEqualTo", "LeftValue": count, "RightValue": 200}],
        "IfSteps": [
            step("tune", "Tuning", tuning(job)),
            step("model", "Model", {"PrimaryContainer": container, "ExecutionRoleArn": ROLE}),
            step("register", "RegisterModel", package),
            step("transform", "Transform", transform()),
        ],
    }
    create(
        job,
        "every-type",
        step("measure", "Processing", processing(), PropertyFiles=[file]),
        step("enough", "Condition", enough),
    )
    arn = start(job, "every-type")
    described, steps = end(job, arn), steps_of(job, arn)
    reasons = {name: row.get("FailureReason") for name, row in steps.items()}
    assert described["PipelineExecutionStatus"] == "Succeeded", reasons
    assert set(steps) == {"measure", "enough", "tune", "model", "register", "transform"}
    metadata = {name: next(iter(row["Metadata"])) for name, row in steps.items()}
    assert metadata == {
        "measure": "ProcessingJob",
        "enough": "Condition",
        "tune": "TuningJob",
        "model": "Model",
        "register": "RegisterModel",
        "transform": "TransformJob",
    }
    scores = job.s3.get_object(Bucket=BUCKET, Key="scored/rows.csv.out")["Body"].read().split()
    assert float(scores[0]) > 0.5 > float(scores[1])
    found = job.sagemaker.describe_model_package(ModelPackageName=steps["register"]["Metadata"]["RegisterModel"]["Arn"])
    name = steps["tune"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    trial = job.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)["BestTrainingJob"]
    assert trial["TrainingJobName"] in found["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]


def test_a_stop_ends_the_training(job):
    create(job, "endless", step("train", "Training", training(job, num_round="1000000")))
    arn = start(job, "endless")
    wait_until(lambda: steps_of(job, arn).get("train", {}).get("Metadata"), "it never began")
    name = steps_of(job, arn)["train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    wait_until(lambda: any("logloss" in line for line in job.log(name)), "it never trained")
    job.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert end(job, arn)["PipelineExecutionStatus"] == "Stopped"
    assert steps_of(job, arn)["train"]["StepStatus"] == "Stopped"
    assert job.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Stopped"


def test_what_goes_wrong_in_the_work_is_told(job):
    create(job, "wrong", step("train", "Training", training(job, objective="multi:softmax", num_class="0")))
    arn = start(job, "wrong")
    assert end(job, arn)["FailureReason"] == "Step failure: One or multiple steps failed."
    assert steps_of(job, arn)["train"]["FailureReason"].startswith("ClientError: ")


def test_errors_have_the_codes_of_aws(job):
    sagemaker = job.sagemaker
    create(job, "named", step("train", "Training", training(job)))
    with pytest.raises(ClientError, match="already exists") as error:
        create(job, "Named", step("other", "Training", training(job)))
    assert error.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_pipeline(PipelineName="none")
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.start_pipeline_execution(PipelineName="none")
    with pytest.raises(ClientError, match="Std:Upper"):
        create(job, "unfit", step("train", "Training", {"RoleArn": {"Std:Upper": "x"}}))
