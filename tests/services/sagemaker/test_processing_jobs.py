"""Processing jobs: what is refused at the call, what the room is given, how a record goes on."""

import pytest

from clary.errors import ServiceError, ValidationException
from clary.jobs.spec import OutputSpec
from clary.services.sagemaker.life import recover
from clary.services.sagemaker.processing_job import (
    create_processing_job,
    delete_processing_job,
    describe_processing_job,
    list_processing_jobs,
    stop_processing_job,
)
from clary.services.sagemaker.tags import list_tags
from tests.services.sagemaker.conftest import KMEANS, ROLE

ARN = "arn:aws:sagemaker:us-east-1:000000000000:processing-job/job"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ENTRY = ["python3", "/opt/ml/processing/input/code/run.py"]


def given(name="data", **changes):
    """A ProcessingInput; a member given as None is left out."""
    source = {
        "S3Uri": f"s3://data/{name}/",
        "LocalPath": f"/opt/ml/processing/input/{name}/",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        **changes.pop("S3Input", {}),
    }
    return {"InputName": name, "S3Input": {key: value for key, value in source.items() if value is not None}, **changes}


def output(name="out", **changes):
    """A ProcessingOutput."""
    place = {"S3Uri": f"s3://out/{name}", "LocalPath": f"/opt/ml/processing/{name}", "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "S3Output": {**place, **changes.pop("S3Output", {})}, **changes}


def processing_job(name="job", *, application=None, cluster=None, inputs=(), outputs=(), **changes):
    """A CreateProcessingJob request."""
    cluster = {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 5, **(cluster or {})}
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": KMEANS, "ContainerEntrypoint": ENTRY, **(application or {})},
        "ProcessingResources": {"ClusterConfig": cluster},
        "ProcessingInputs": list(inputs),
        "ProcessingOutputConfig": {"Outputs": list(outputs)},
        **changes,
    }


def test_the_least_request_is_described_with_the_defaults(desk):
    request = processing_job(inputs=[given()], outputs=[output()])
    assert desk(create_processing_job, **request) == {"ProcessingJobArn": ARN}
    job = desk(describe_processing_job, ProcessingJobName="job")
    assert (job["ProcessingJobStatus"], job["ProcessingJobArn"]) == ("InProgress", ARN)
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}
    assert job["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 1
    [source] = job["ProcessingInputs"]
    assert (source["AppManaged"], source["S3Input"]["S3DataDistributionType"]) == (False, "FullyReplicated")
    assert source["S3Input"]["S3CompressionType"] == "None"
    assert "ProcessingEndTime" not in job


def test_the_room_is_given_all_that_it_needs(desk):
    sharded = {"S3DataDistributionType": "ShardedByS3Key", "S3InputMode": "Pipe", "S3CompressionType": "Gzip"}
    desk(
        create_processing_job,
        **processing_job(
            application={"ContainerArguments": ["--ratio", "0.8"]},
            cluster={"InstanceCount": 3},
            inputs=[given(), given("rows", S3Input=sharded), given("theirs", AppManaged=True)],
            outputs=[
                output(),
                output("live", S3Output={"S3UploadMode": "Continuous", "S3Uri": "https://s3.amazonaws.com/out/live"}),
                output("own", AppManaged=True),
            ],
            Environment={"A": "1"},
            NetworkConfig={"EnableNetworkIsolation": True},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        ),
    )
    [spec] = desk.jobs.submitted
    assert (spec.kind, spec.id, spec.instance_count, spec.max_seconds) == ("processing", ARN, 3, 60)
    assert (spec.image, spec.command, spec.arguments) == ("", ENTRY, ["--ratio", "0.8"])
    assert (spec.environment, spec.network_isolation, spec.volume_gib, spec.role) == ({"A": "1"}, True, 5, ROLE)
    data, rows = spec.channels
    assert (data.name, data.uri, data.path, data.mode) == ("data", "s3://data/data/", "processing/input/data", "File")
    assert (rows.distribution, rows.mode, rows.compression) == ("ShardedByS3Key", "Pipe", "Gzip")
    assert spec.outputs == [
        OutputSpec(path="processing/out", uri="s3://out/out"),
        OutputSpec(path="processing/live", uri="s3://out/live", continuous=True),
    ]
    assert spec.log_group == "/aws/sagemaker/ProcessingJobs"


def test_the_container_is_told_what_was_asked(desk):
    desk(create_processing_job, **processing_job(inputs=[given()], outputs=[output()]))
    [spec] = desk.jobs.submitted
    told = spec.configuration
    assert told["ProcessingJobArn"] == ARN
    assert told["AppSpecification"] == {
        "ImageUri": KMEANS,
        "ContainerEntrypoint": ENTRY,
        "ContainerArguments": None,
    }
    assert told["ProcessingInputs"][0]["S3Input"]["S3DownloadMode"] == "StartOfJob"
    assert told["ProcessingOutputConfig"]["KmsKeyId"] is None
    assert told["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] is None
    assert told["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}


def test_a_framework_brings_an_environment_of_its_own(desk):
    desk(create_processing_job, **processing_job(application={"ImageUri": SKLEARN}))
    assert desk.jobs.submitted[0].image == SKLEARN


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"application": {"ImageUri": "mine:latest"}}, "AppSpecification.ImageUri: 'mine:latest'"),
        ({"cluster": {"VolumeKmsKeyId": "key"}}, "ClusterConfig.VolumeKmsKeyId asks for encryption"),
        (
            {"cluster": {"InstancePreferences": [{"InstanceType": "ml.m5.large"}]}},
            "InstancePreferences asks for a list of instance types",
        ),
        ({"ProcessingOutputConfig": {"Outputs": [], "KmsKeyId": "k"}}, "ProcessingOutputConfig.KmsKeyId asks for"),
        ({"NetworkConfig": {"VpcConfig": {"Subnets": ["a"], "SecurityGroupIds": ["b"]}}}, "NetworkConfig.VpcConfig"),
        ({"Environment": {"CLARY_OPT_ML": "/"}}, "Environment.CLARY_OPT_ML"),
        (
            {"inputs": [{"InputName": "a", "DatasetDefinition": {"AthenaDatasetDefinition": {"Catalog": "c"}}}]},
            "ProcessingInputs[0].DatasetDefinition.AthenaDatasetDefinition asks for a data set from Athena",
        ),
        (
            {"inputs": [{"InputName": "a", "DatasetDefinition": {"RedshiftDatasetDefinition": {"ClusterId": "c"}}}]},
            "ProcessingInputs[0].DatasetDefinition.RedshiftDatasetDefinition asks for a data set from Redshift",
        ),
        (
            {"inputs": [{"InputName": "a", "DatasetDefinition": {"LocalPath": "/opt/ml/processing/a"}}]},
            "ProcessingInputs[0].DatasetDefinition must have exactly one of",
        ),
        ({"inputs": [{"InputName": "a"}]}, "ProcessingInputs[0] must have exactly one of S3Input and"),
        ({"inputs": [given(), given()]}, "ProcessingInputs: the InputName 'data' is given more than once"),
        ({"inputs": [given(S3Input={"LocalPath": None})]}, "ProcessingInputs[0].S3Input is managed by SageMaker and"),
        ({"inputs": [given(S3Input={"S3InputMode": None})]}, "lacks S3InputMode"),
        ({"inputs": [given(S3Input={"LocalPath": "/opt/ml/processing/../x"})]}, "must be an absolute path below"),
        (
            {"inputs": [given("a"), given("b", S3Input={"LocalPath": given("a")["S3Input"]["LocalPath"]})]},
            "ProcessingInputs: the LocalPath '/opt/ml/processing/input/a/' is given more than once",
        ),
        ({"inputs": [given(S3Input={"LocalPath": "/opt/ml/input/x"})]}, "[0].S3Input.LocalPath: '/opt/ml/input/x'"),
        ({"inputs": [given(S3Input={"S3CompressionType": "Gzip"})]}, "Gzip is for S3InputMode Pipe only"),
        ({"outputs": [output(), output()]}, "the OutputName 'out' is given more than once"),
        ({"outputs": [output(S3Output={"LocalPath": "/opt/ml/processing/"})]}, "Outputs[0].S3Output.LocalPath"),
        ({"outputs": [output(S3Output={"S3Uri": "s3://nowhere/a"})]}, "the bucket 'nowhere' does not exist"),
        (
            {"outputs": [{"OutputName": "a", "AppManaged": True, "FeatureStoreOutput": {"FeatureGroupName": "f"}}]},
            "ProcessingOutputConfig.Outputs[0].FeatureStoreOutput asks for an output to a feature group",
        ),
        ({"outputs": [{"OutputName": "a"}]}, "Outputs[0].S3Output is required"),
    ],
)
def test_what_can_not_be_done_is_refused_by_name(desk, changes, words):
    with pytest.raises(ValidationException) as refused:
        desk(create_processing_job, **processing_job(**changes))
    assert words in refused.value.message
    assert not desk.jobs.submitted


@pytest.mark.parametrize("image", [KMEANS, SKLEARN])
def test_an_image_that_processes_nothing_by_itself_needs_an_entry_point(desk, image):
    request = processing_job()
    request["AppSpecification"] = {"ImageUri": image}
    with pytest.raises(ValidationException, match="give ContainerEntrypoint, such as"):
        desk(create_processing_job, **request)


def test_a_name_is_taken_until_its_job_is_deleted(desk):
    desk(create_processing_job, **processing_job())
    with pytest.raises(ServiceError) as taken:
        desk(create_processing_job, **processing_job("JOB"))
    assert (taken.value.code, ARN in taken.value.message) == ("ResourceInUse", True)
    with pytest.raises(ServiceError, match="only one that is Completed, Failed, Stopped can be deleted"):
        desk(delete_processing_job, ProcessingJobName="job")
    desk.tell(ARN, SecondaryStatus="Completed")
    desk(delete_processing_job, ProcessingJobName="job")
    assert desk.jobs.forgotten == [ARN]
    with pytest.raises(ValidationException, match="Could not find requested job with name: job"):
        desk(describe_processing_job, ProcessingJobName="job")
    desk(create_processing_job, **processing_job())


def test_a_job_that_the_room_refuses_leaves_no_record(desk):
    desk.jobs.fails = ValidationException("no room")
    with pytest.raises(ValidationException, match="no room"):
        desk(create_processing_job, **processing_job())
    assert desk(list_processing_jobs)["ProcessingJobSummaries"] == []


def test_a_record_goes_on_as_the_room_tells(desk):
    desk(create_processing_job, **processing_job(Tags=[{"Key": "team", "Value": "red"}]))
    desk.tell(ARN, SecondaryStatus="Downloading", TrainingStartTime=5.0)
    desk.tell(ARN, SecondaryStatus="Training")
    assert desk(describe_processing_job, ProcessingJobName="job")["ProcessingJobStatus"] == "InProgress"
    desk.tell(ARN, SecondaryStatus="Failed", FailureReason="AlgorithmError: , exit code: 1", ExitMessage="no")
    desk.tell(ARN, SecondaryStatus="Completed")
    job = desk(describe_processing_job, ProcessingJobName="job")
    assert (job["ProcessingJobStatus"], job["FailureReason"]) == ("Failed", "AlgorithmError: , exit code: 1")
    assert (job["ExitMessage"], job["ProcessingStartTime"]) == ("no", 5.0)
    assert job["ProcessingEndTime"] == desk.clock.now()
    [summary] = desk(list_processing_jobs, StatusEquals="Failed")["ProcessingJobSummaries"]
    assert (summary["ProcessingJobName"], summary["ExitMessage"]) == ("job", "no")
    assert desk(list_processing_jobs, StatusEquals="Completed")["ProcessingJobSummaries"] == []
    assert desk(list_tags, ResourceArn=ARN)["Tags"] == [{"Key": "team", "Value": "red"}]


def test_stop_asks_the_room_once(desk):
    desk(create_processing_job, **processing_job())
    desk(stop_processing_job, ProcessingJobName="job")
    assert desk.jobs.stopped == [ARN]
    assert desk(describe_processing_job, ProcessingJobName="job")["ProcessingJobStatus"] == "Stopping"
    with pytest.raises(ValidationException, match="the processing job is in status Stopping"):
        desk(stop_processing_job, ProcessingJobName="job")
    desk.tell(ARN, SecondaryStatus="Uploading")
    desk.tell(ARN, SecondaryStatus="MaxRuntimeExceeded")
    assert desk(describe_processing_job, ProcessingJobName="job")["ProcessingJobStatus"] == "Stopped"


def test_the_next_server_takes_up_what_the_last_one_left(desk):
    for name in ("lost", "stopped", "both", "done"):
        desk(create_processing_job, **processing_job(name))
    for name in ("stopped", "both"):
        desk(stop_processing_job, ProcessingJobName=name)
    desk.tell(ARN.replace("/job", "/done"), SecondaryStatus="Completed")
    desk.jobs.submitted = [spec for spec in desk.jobs.submitted if spec.name == "stopped"]  # whose folder was kept
    desk.jobs.stopped = []
    recover(desk.rooms)
    assert [spec.name for spec in desk.jobs.submitted] == ["stopped", "lost"]
    assert desk.jobs.stopped == [ARN.replace("/job", "/stopped")]
    assert desk(describe_processing_job, ProcessingJobName="both")["ProcessingJobStatus"] == "Stopped"
