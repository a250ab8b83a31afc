"""Transform jobs: what is refused at the call, what the room is given, how a record goes on."""

import pytest

from clary.errors import ServiceError, ValidationException
from clary.services.sagemaker.life import recover
from clary.services.sagemaker.model import create_model, delete_model
from clary.services.sagemaker.tags import list_tags
from clary.services.sagemaker.transform_job import (
    create_transform_job,
    describe_transform_job,
    list_transform_jobs,
    stop_transform_job,
)
from tests.services.sagemaker.conftest import KMEANS, model

ARN = "arn:aws:sagemaker:us-east-1:000000000000:transform-job/job"
CSV = {"ContentType": "text/csv", "SplitType": "Line"}
JSON_LINES = {"ContentType": "application/jsonlines", "SplitType": "Line"}


@pytest.fixture
def desk(desk):
    desk(create_model, **model())
    desk.transforms = desk.rooms.transforms
    return desk


def transform_job(name="job", *, given=CSV, output=None, source=None, **changes):
    """A CreateTransformJob request."""
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/test/", **(source or {})}
    output = {"Accept": "text/csv", "AssembleWith": "Line"} if output is None else output
    return {
        "TransformJobName": name,
        "ModelName": "model",
        "TransformInput": {"DataSource": {"S3DataSource": source}, **given},
        "TransformOutput": {"S3OutputPath": "s3://out/predictions", **output},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **changes,
    }


def test_the_least_request_is_described_with_the_defaults(desk):
    assert desk(create_transform_job, **transform_job(given={}, output={})) == {"TransformJobArn": ARN}
    job = desk(describe_transform_job, TransformJobName="job")
    assert (job["TransformJobStatus"], job["TransformJobArn"], job["ModelName"]) == ("InProgress", ARN, "model")
    assert (job["TransformInput"]["SplitType"], job["TransformInput"]["CompressionType"]) == ("None", "None")
    assert (job["TransformOutput"]["AssembleWith"], job["TransformOutput"]["KmsKeyId"]) == ("None", "")
    assert job["DataProcessing"] == {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}


def test_the_room_is_given_all_that_it_needs(desk):
    container = {"Image": KMEANS, "ModelDataUrl": "s3://data/model/model.tar.gz", "Environment": {"A": "1", "B": "2"}}
    desk(create_model, ModelName="other", PrimaryContainer=container, ExecutionRoleArn=model()["ExecutionRoleArn"])
    desk(
        create_transform_job,
        **transform_job(
            ModelName="other",
            BatchStrategy="SingleRecord",
            MaxPayloadInMB=5,
            MaxConcurrentTransforms=20,
            ModelClientConfig={"InvocationsTimeoutInSeconds": 30, "InvocationsMaxRetries": 0},
            Environment={"B": "3"},
            DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 2},
        ),
    )
    [spec] = desk.transforms.submitted
    assert (spec.max_payload_mb, spec.max_concurrent, spec.strategy) == (5, 20, "SingleRecord")
    assert (spec.timeout, spec.retries) == (30, 0)
    assert (spec.input_filter, spec.join, spec.output_filter) == ("$[1:]", True, "$[0,-1]")
    assert (spec.input_content, spec.output_content) == ("csv", "csv")
    assert (spec.source_uri, spec.output_uri) == ("s3://data/test/", "s3://out/predictions")
    assert len(set(spec.instances)) == 2
    assert spec.containers[0].environment == {
        "A": "1",
        "B": "3",
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "5",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "20",
    }


def test_what_is_not_asked_for_is_not_told_to_the_container(desk):
    desk(create_transform_job, **transform_job())
    assert desk.transforms.submitted[0].containers[0].environment == {"SAGEMAKER_BATCH": "true"}


PROCESSED = {"DataProcessing": {"InputFilter": "$[1:]"}}
CAPTURE = {"DestinationS3Uri": "s3://out/captured"}
JOINED = {"DataProcessing": {"JoinSource": "Input"}}


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (transform_job(ModelName="none"), 'Could not find model ".*model/none"'),
        (transform_job(source={"S3DataType": "AugmentedManifestFile"}), "S3DataType: AugmentedManifestFile"),
        (transform_job(source={"S3DataType": "Converse"}), "S3DataType: Converse"),
        (transform_job(source={"S3Uri": "s3://data/none"}), "No S3 objects found"),
        (transform_job(source={"S3Uri": "s3://none/x"}), "No S3 objects found"),
        (transform_job(source={"S3DataType": "ManifestFile"}), "No S3 objects found"),
        (transform_job(given={"SplitType": "TFRecord"}), "SplitType asks for TFRecord"),
        (transform_job(output={"S3OutputPath": "s3://none/x"}), "'none' does not exist"),
        (transform_job(output={"KmsKeyId": "key"}), "TransformOutput.KmsKeyId"),
        (transform_job(MaxPayloadInMB=0), "MaxPayloadInMB 0 asks for HTTP chunked encoding"),
        (transform_job(MaxPayloadInMB=101), "at most 100, not 101"),
        (transform_job(MaxPayloadInMB=6, MaxConcurrentTransforms=17), "at most 100 MB, not 17 \\* 6"),
        (transform_job(MaxConcurrentTransforms=101), "MaxConcurrentTransforms must be at most 100"),
        (transform_job(Environment={"CLARY_X": "1"}), "Environment.CLARY_X"),
        (transform_job(DataCaptureConfig={"DestinationS3Uri": "s3://none/c"}), "DestinationS3Uri: the bucket 'none'"),
        (transform_job(DataCaptureConfig={**CAPTURE, "KmsKeyId": "key"}), "DataCaptureConfig.KmsKeyId"),
        (transform_job(output={}, DataCaptureConfig={**CAPTURE, "GenerateInferenceId": True}), "Accept to be text/csv"),
        (transform_job(ExperimentConfig={"TrialName": "t"}), "Trial .* does not exist"),
        (transform_job(DataProcessing={"InputFilter": "1:"}), "InputFilter is not a JSONPath .* begin with"),
        (transform_job(DataProcessing={"OutputFilter": "$[?(@.a)]"}), "OutputFilter is not a JSONPath"),
        (transform_job(DataProcessing={"InputFilter": "$.id"}), "InputFilter: '\\$.id' names members"),
        (transform_job(given={"SplitType": "Line"}, **PROCESSED), "ContentType to be text/csv, .* not 'unset'"),
        (transform_job(given={"ContentType": "text/libsvm"}, **PROCESSED), "not 'text/libsvm'"),
        (transform_job(given={"ContentType": "text/csv"}, **PROCESSED), "needs TransformInput.SplitType Line"),
        (transform_job(output={}, DataProcessing={"OutputFilter": "$[0]"}), "TransformOutput.Accept to be"),
        (transform_job(given=JSON_LINES, **JOINED), "to be the same, not 'application/jsonlines' and 'text/csv'"),
        (transform_job(output={"Accept": "text/csv"}, **JOINED), "to be the same, not Line and None"),
        (
            transform_job(TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 21}),
            "instances per transform job' is 20",
        ),
    ],
)
def test_what_could_not_run_is_refused_and_leaves_nothing(desk, request_, sentence):
    with pytest.raises(ServiceError, match=sentence):
        desk(create_transform_job, **request_)
    assert desk.transforms.submitted == []
    assert desk(list_transform_jobs)["TransformJobSummaries"] == []


def test_a_name_is_taken_once_without_regard_to_case(desk):
    desk(create_transform_job, **transform_job())
    with pytest.raises(ServiceError, match="must be unique") as caught:
        desk(create_transform_job, **transform_job("JOB"))
    assert caught.value.code == "ResourceInUse"
    assert len(desk.transforms.submitted) == 1


def test_the_life_of_a_job_is_written_once_however_often_it_is_told(desk):
    desk(create_transform_job, **transform_job())
    desk(delete_model, ModelName="model")
    start = desk.clock.now()
    for _ in range(2):
        desk.tell(ARN, TransformJobStatus="InProgress", TransformStartTime=start + 1)
        desk.tell(ARN, TransformJobStatus="InProgress", TransformStartTime=start + 2)
        desk.tell(ARN, TransformJobStatus="Failed", TransformEndTime=start + 3, FailureReason="ClientError: x")
        desk.tell(ARN, TransformJobStatus="Completed", TransformEndTime=start + 4)
    job = desk(describe_transform_job, TransformJobName="job")
    assert (job["TransformJobStatus"], job["FailureReason"]) == ("Failed", "ClientError: x")
    assert (job["TransformStartTime"], job["TransformEndTime"]) == (start + 1, start + 3)


def test_stop(desk):
    desk(create_transform_job, **transform_job())
    assert desk(stop_transform_job, TransformJobName="job") == {}
    assert desk.transforms.stopped == [ARN]
    desk.tell(ARN, TransformJobStatus="InProgress", TransformStartTime=1.0)
    assert desk(describe_transform_job, TransformJobName="job")["TransformJobStatus"] == "Stopping"
    with pytest.raises(ValidationException, match="in status Stopping"):
        desk(stop_transform_job, TransformJobName="job")
    desk.tell(ARN, TransformJobStatus="Stopped", TransformEndTime=2.0)
    with pytest.raises(ValidationException, match="in status Stopped"):
        desk(stop_transform_job, TransformJobName="job")


@pytest.mark.parametrize("function", [describe_transform_job, stop_transform_job])
def test_a_job_that_is_not_there(desk, function):
    with pytest.raises(ValidationException, match="Could not find requested job with name: none"):
        desk(function, TransformJobName="none")


def test_lists_are_filtered_sorted_and_paged(desk):
    for name in ("b-1", "a-2", "a-1"):
        desk(create_transform_job, **transform_job(name))
        desk.clock.move(10)
    desk.tell(ARN.replace("job/job", "job/a-2"), TransformJobStatus="Completed", TransformEndTime=1.0)

    def names(**request):
        return [row["TransformJobName"] for row in desk(list_transform_jobs, **request)["TransformJobSummaries"]]

    assert names() == ["a-1", "a-2", "b-1"]
    assert names(SortBy="Name", SortOrder="Ascending") == ["a-1", "a-2", "b-1"]
    assert names(NameContains="A-") == ["a-1", "a-2"]
    assert names(StatusEquals="Completed") == ["a-2"]
    assert names(CreationTimeAfter=desk.clock.now() - 15) == ["a-1"]
    first = desk(list_transform_jobs, MaxResults=2)
    assert names(MaxResults=2, NextToken=first["NextToken"]) == ["b-1"]
    assert set(first["TransformJobSummaries"][1]) >= {"TransformJobArn", "CreationTime", "LastModifiedTime"}


def test_tags(desk):
    desk(create_transform_job, **transform_job(Tags=[{"Key": "a", "Value": "1"}]))
    assert desk(list_tags, ResourceArn=ARN)["Tags"] == [{"Key": "a", "Value": "1"}]


def test_what_a_killed_server_left_is_taken_up(desk):
    for name in ("lost", "known", "stopping"):
        desk(create_transform_job, **transform_job(name))
    desk(stop_transform_job, TransformJobName="stopping")
    specs = {spec.name: spec for spec in desk.transforms.submitted}
    desk.transforms.submitted[:] = [specs["known"]]
    recover(desk.rooms)
    assert desk.transforms.recovered == 1
    assert desk.transforms.submitted == [specs["known"], specs["lost"]]
    assert desk(describe_transform_job, TransformJobName="stopping")["TransformJobStatus"] == "Stopped"
