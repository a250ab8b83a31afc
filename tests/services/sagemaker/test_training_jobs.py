import dataclasses

import pytest

from clary import algorithms
from clary.errors import ServiceError
from clary.services.sagemaker.errors import ResourceInUse, ValidationException
from clary.services.sagemaker.training_job import (
    create_training_job,
    delete_training_job,
    describe_training_job,
    list_training_jobs,
    stop_training_job,
    update_training_job,
)
from tests.services.sagemaker.conftest import KMEANS, ROLE, XGBOOST, channel, training_job

ARN = "arn:aws:sagemaker:us-east-1:000000000000:training-job/job"


def refused(desk, **changes):
    """The sentence with which a job is refused."""
    with pytest.raises(ValidationException) as error:
        desk(create_training_job, **training_job(**changes))
    assert not desk.jobs.submitted
    assert error.value.status == 400
    return error.value.message


def describe(desk, name="job", **options):
    return desk(describe_training_job, TrainingJobName=name, **options)


def test_a_job_is_recorded_and_submitted(desk):
    assert desk(create_training_job, **training_job(Environment={"A": "b"})) == {"TrainingJobArn": ARN}

    [spec] = desk.jobs.submitted
    assert (spec.id, spec.name, spec.algorithm) == (ARN, "job", "kmeans")
    assert spec.hyperparameters == {"k": "2", "feature_dim": "2"}
    assert spec.environment == {"A": "b"}
    assert (spec.output_uri, spec.compression) == ("s3://out/models", "GZIP")
    assert (spec.max_seconds, spec.max_attempts, spec.instance_count) == (3600, 1, 1)
    assert spec.metric_dimensions == {"TrainingJobName": "job"}
    assert {metric.name for metric in spec.metrics} >= {"test:msd", "test:ssd"}
    [train] = spec.channels
    assert (train.name, train.uri, train.mode) == ("train", "s3://data/train/", "File")
    assert train.content_type == "text/csv;label_size=0"


def test_the_tag_latest_is_warned_of_in_the_log(desk):
    specification = {"TrainingImage": KMEANS.replace(":1", ":latest"), "TrainingInputMode": "File"}
    desk(create_training_job, **training_job(AlgorithmSpecification=specification))
    assert desk.jobs.submitted[0].notes == [
        "Warning: the image tag :latest of kmeans is not for production; use :1 or a version."
    ]


def test_every_honoured_member_reaches_the_job(desk):
    pipe = channel(
        "train",
        CompressionType="Gzip",
        RecordWrapperType="None",
        ShuffleConfig={"Seed": 7},
        InputMode="Pipe",
        S3DataSource={"S3DataDistributionType": "ShardedByS3Key"},
    )
    request = training_job(
        InputDataConfig=[pipe, channel("test", InputMode="FastFile")],
        RetryStrategy={"MaximumRetryAttempts": 2},
        EnableNetworkIsolation=True,
        EnableInterContainerTrafficEncryption=True,
        OutputDataConfig={"S3OutputPath": "s3://out", "CompressionType": "NONE"},
    )
    desk(create_training_job, **request)

    [spec] = desk.jobs.submitted
    assert (spec.max_attempts, spec.network_isolation, spec.encrypt_between) == (3, True, True)
    assert (spec.output_uri, spec.compression) == ("s3://out", "NONE")
    train, test = spec.channels
    assert (train.mode, train.compression, train.shuffle_seed) == ("Pipe", "Gzip", 7)
    assert (train.distribution, test.distribution) == ("ShardedByS3Key", "FullyReplicated")
    assert test.mode == "FastFile"


def test_a_new_job_is_described_as_aws_describes_it(desk):
    desk(create_training_job, **training_job(StoppingCondition=None))
    job = describe(desk)

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("InProgress", "Starting")
    assert job["CreationTime"] == job["LastModifiedTime"] == desk.clock.now()
    assert job["SecondaryStatusTransitions"] == [
        {"Status": "Starting", "StartTime": desk.clock.now(), "StatusMessage": "Starting the training job"}
    ]
    assert job["OutputDataConfig"] == {"KmsKeyId": "", "CompressionType": "GZIP", "S3OutputPath": "s3://out/models"}
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert job["InputDataConfig"][0]["CompressionType"] == "None"
    assert job["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3DataDistributionType"] == "FullyReplicated"
    assert {"Name", "Regex"} == set(job["AlgorithmSpecification"]["MetricDefinitions"][0])
    assert job["AlgorithmSpecification"]["TrainingImage"] == KMEANS
    assert (job["EnableNetworkIsolation"], job["EnableManagedSpotTraining"]) == (False, False)


def test_the_life_of_a_job_is_written_once_however_often_it_is_told(desk):
    desk(create_training_job, **training_job())
    start = desk.clock.now()
    told = []

    def tell(seconds, **change):
        told.append({"Time": start + seconds, **change})
        desk.tell(ARN, **told[-1])

    tell(0.1, SecondaryStatus="Starting", StatusMessage="Preparing the instances for training")
    tell(1, SecondaryStatus="Downloading")
    tell(2, SecondaryStatus="Training", TrainingStartTime=start + 1)
    for change in told:
        desk.tell(ARN, **change)
    metrics = [{"MetricName": "test:msd", "Value": 2.5, "Timestamp": start + 5}]
    tell(5, SecondaryStatus="Uploading", FinalMetricDataList=metrics)
    artifacts = {"S3ModelArtifacts": "s3://out/models/job/output/model.tar.gz"}
    tell(6, SecondaryStatus="Completed", TrainingEndTime=start + 6, ModelArtifacts=artifacts)
    for change in told:
        desk.tell(ARN, **change)

    job = describe(desk)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    steps = [
        (step["Status"], step["StartTime"] - start, step["EndTime"] - start)
        for step in job["SecondaryStatusTransitions"]
    ]
    assert steps == [
        ("Starting", 0, pytest.approx(0.1)),
        ("Starting", pytest.approx(0.1), 1),
        ("Downloading", 1, 2),
        ("Training", 2, 5),
        ("Uploading", 5, 6),
        ("Completed", 6, 6),
    ]
    assert (job["TrainingTimeInSeconds"], job["BillableTimeInSeconds"]) == (5, 5)
    assert (job["FinalMetricDataList"], job["ModelArtifacts"]) == (metrics, artifacts)
    assert job["LastModifiedTime"] == start + 6


def test_a_failure_is_described_with_its_reason(desk):
    desk(create_training_job, **training_job())
    desk.tell(ARN, SecondaryStatus="Failed", FailureReason="ClientError: " + "x" * 2000)
    job = describe(desk)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("ClientError: x")
    assert len(job["FailureReason"]) == 1024


def test_running_too_long_ends_as_stopped(desk):
    desk(create_training_job, **training_job())
    desk.tell(ARN, SecondaryStatus="MaxRuntimeExceeded")
    job = describe(desk)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_names_are_unique_and_free_again_after_a_failed_submit(desk):
    desk.jobs.fails = ServiceError("disk full", code="InsufficientStorage", status=507)
    with pytest.raises(ServiceError, match="disk full"):
        desk(create_training_job, **training_job())
    desk.jobs.fails = None
    desk(create_training_job, **training_job())
    with pytest.raises(ResourceInUse) as error:
        desk(create_training_job, **training_job("JOB"))
    assert error.value.message == (
        "Training job names must be unique within an AWS account and region, and a training job with this name "
        f"already exists ({ARN})"
    )
    assert error.value.code == "ResourceInUse"


def test_stopping(desk):
    desk(create_training_job, **training_job())
    desk.clock.move(3)
    desk(stop_training_job, TrainingJobName="job")
    assert desk.jobs.stopped == [ARN]
    assert describe(desk)["TrainingJobStatus"] == "Stopping"
    with pytest.raises(ValidationException, match="because the training job is in status Stopping"):
        desk(stop_training_job, TrainingJobName="job")
    desk.tell(ARN, SecondaryStatus="Stopping")
    desk.tell(ARN, SecondaryStatus="Training")  # it began while the order was on its way
    assert describe(desk)["SecondaryStatus"] == "Stopping"
    desk.tell(ARN, SecondaryStatus="Uploading")
    assert describe(desk)["TrainingJobStatus"] == "Stopping"
    desk.tell(ARN, SecondaryStatus="Stopped")
    steps = [step["Status"] for step in describe(desk)["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Stopping", "Uploading", "Stopped"]
    with pytest.raises(ValidationException, match="because the training job is in status Stopped"):
        desk(stop_training_job, TrainingJobName="job")


def test_deleting_needs_an_end_and_frees_the_name(desk):
    desk(create_training_job, **training_job())
    with pytest.raises(ResourceInUse, match="in status InProgress"):
        desk(delete_training_job, TrainingJobName="job")
    desk.tell(ARN, SecondaryStatus="Completed")
    desk(delete_training_job, TrainingJobName="job")
    assert desk.jobs.forgotten == [ARN]
    desk(create_training_job, **training_job())
    assert describe(desk)["TrainingJobStatus"] == "InProgress"


@pytest.mark.parametrize("operation", [describe_training_job, stop_training_job, delete_training_job])
def test_an_unknown_job(desk, operation):
    with pytest.raises(ValidationException, match=r"^Requested resource not found\.$"):
        desk(operation, TrainingJobName="nobody")


def test_updates_that_ask_for_nothing_are_stored_and_the_others_refused(desk):
    desk(create_training_job, **training_job())
    desk(update_training_job, TrainingJobName="job", ProfilerConfig={"DisableProfiler": True})
    assert describe(desk)["ProfilerConfig"] == {"DisableProfiler": True}
    with pytest.raises(ValidationException, match="KeepAlivePeriodInSeconds asks for a warm pool"):
        desk(update_training_job, TrainingJobName="job", ResourceConfig={"KeepAlivePeriodInSeconds": 60})


NOT_DONE = {
    "VpcConfig": {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}},
    "OutputDataConfig.KmsKeyId": {"OutputDataConfig": {"S3OutputPath": "s3://out", "KmsKeyId": "alias/key"}},
    "DebugRuleConfigurations": {"DebugRuleConfigurations": [{"RuleConfigurationName": "r", "RuleEvaluatorImage": "i"}]},
    "DebugHookConfig.CollectionConfigurations": {
        "DebugHookConfig": {"S3OutputPath": "s3://out", "CollectionConfigurations": [{"CollectionName": "losses"}]}
    },
    "ProfilerRuleConfigurations": {
        "ProfilerRuleConfigurations": [{"RuleConfigurationName": "r", "RuleEvaluatorImage": "i"}]
    },
    "TensorBoardOutputConfig": {"TensorBoardOutputConfig": {"S3OutputPath": "s3://out"}},
    "RemoteDebugConfig": {"RemoteDebugConfig": {"EnableRemoteDebug": True}},
    "InfraCheckConfig": {"InfraCheckConfig": {"EnableInfraCheck": True}},
    "ServerlessJobConfig": {"ServerlessJobConfig": {"BaseModelArn": "arn", "JobType": "FineTuning"}},
    "MlflowConfig": {"MlflowConfig": {"MlflowResourceArn": "arn"}},
    "ModelPackageConfig": {"ModelPackageConfig": {"ModelPackageGroupArn": "arn"}},
    "SessionChainingConfig": {"SessionChainingConfig": {"EnableSessionTagChaining": True}},
}


@pytest.mark.parametrize("member", NOT_DONE)
def test_what_is_not_done_is_refused_by_name(desk, member):
    message = refused(desk, **NOT_DONE[member])
    assert message.startswith(f"{member} asks for ")
    assert "which Clary does not support yet" in message


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("KeepAlivePeriodInSeconds", 60),
        ("VolumeKmsKeyId", "key"),
        ("InstanceGroups", [{"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "g"}]),
        ("TrainingPlanArn", "arn"),
        ("InstancePlacementConfig", {"EnableMultipleJobs": True}),
    ],
)
def test_resources_that_are_not_done_are_refused_by_name(desk, member, value):
    config = {"InstanceType": "ml.m5.large", "InstanceCount": 1, member: value}
    assert refused(desk, ResourceConfig=config).startswith(f"ResourceConfig.{member} asks for ")


def test_what_asks_for_nothing_is_accepted_and_echoed(desk):
    nothing = {
        "DebugHookConfig": {"S3OutputPath": "s3://out", "CollectionConfigurations": []},
        "ProfilerConfig": {"DisableProfiler": False, "S3OutputPath": "s3://out"},
        "EnableManagedSpotTraining": False,
        "RemoteDebugConfig": {"EnableRemoteDebug": False},
        "InfraCheckConfig": {"EnableInfraCheck": False},
        "ExperimentConfig": {},
        "DebugRuleConfigurations": [],
    }
    desk(create_training_job, **training_job(**nothing))
    job = describe(desk)
    assert {member: job[member] for member in nothing} == nothing
    assert job["ProfilingStatus"] == "Disabled"


def test_resources_must_fit(desk):
    def resources(**changes):
        return {"InstanceType": "ml.m5.large", "InstanceCount": 1, **changes}

    assert "InstanceCount must be at least 1, not 0" in refused(desk, ResourceConfig=resources(InstanceCount=0))
    assert "InstanceType is required" in refused(desk, ResourceConfig={"InstanceCount": 1})
    seconds = {"MaxRuntimeInSeconds": 28 * 86400 + 1}
    assert "at most 2419200 (28 days), not 2419201" in refused(desk, StoppingCondition=seconds)


def test_metric_definitions_of_a_built_in_algorithm_cannot_be_overridden(desk):
    specification = {
        "TrainingImage": KMEANS,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "m", "Regex": "(.*)"}],
    }
    assert refused(desk, AlgorithmSpecification=specification) == (
        "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry the request without "
        "specifying metric definitions."
    )


def test_hyperparameters_must_be_the_algorithms(desk):
    message = refused(desk, HyperParameters={"k": "none", "feature_dim": "2", "kk": "3"})
    assert "kk" in message
    assert "'none'" in message


def test_data_must_be_there(desk):
    assert refused(desk, InputDataConfig=[channel("train", "s3://data/nothing/")]) == (
        'No S3 objects found under S3 URL "s3://data/nothing/" given in input data source. Please ensure that the '
        "bucket exists in the selected region (us-east-1), that objects exist under that S3 prefix, and that the role "
        f'"{ROLE}" has "s3:ListBucket" permissions on bucket "data".'
    )
    assert "No S3 objects found" in refused(desk, InputDataConfig=[channel("train", "s3://no-such-bucket/x")])
    assert refused(desk, OutputDataConfig={"S3OutputPath": "s3://no-such-bucket/x"}) == (
        "OutputDataConfig.S3OutputPath: the bucket 'no-such-bucket' does not exist."
    )
    assert "is not an S3 URI" in refused(desk, OutputDataConfig={"S3OutputPath": "https://example.org/x"})


def test_channels_must_be_the_algorithms(desk):
    assert "'train'" in refused(desk, InputDataConfig=[channel("train"), channel("train")])
    assert "trian" in refused(desk, InputDataConfig=[channel("train"), channel("trian", "s3://data/train")])
    assert "required channel: train" in refused(desk, InputDataConfig=[channel("test")])
    assert "image/png" in refused(desk, InputDataConfig=[channel("train", ContentType="image/png")])
    gzip = channel("train", CompressionType="Gzip")
    assert "CompressionType Gzip is for Pipe mode only" in refused(desk, InputDataConfig=[gzip])
    system = {"FileSystemId": "fs-12345678", "FileSystemAccessMode": "ro", "FileSystemType": "EFS"}
    source = {"ChannelName": "train", "DataSource": {"FileSystemDataSource": system}}
    message = refused(desk, InputDataConfig=[source])
    assert message.startswith("InputDataConfig[0].DataSource.FileSystemDataSource asks for")
    assert "must have an S3DataSource" in refused(desk, InputDataConfig=[{"ChannelName": "train", "DataSource": {}}])


def test_augmented_manifests_have_their_rules(desk):
    augmented = {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["a"]}
    message = refused(desk, InputDataConfig=[channel("train", S3DataSource=augmented)])
    assert "AugmentedManifestFile is for Pipe mode only" in message
    plain = channel("train", S3DataSource={"AttributeNames": ["a"]})
    assert "AttributeNames goes with S3DataType AugmentedManifestFile" in refused(desk, InputDataConfig=[plain])


def test_factorization_machines_learn_from_recordio_alone(desk):
    image = KMEANS.replace("/kmeans:", "/factorization-machines:")
    settings = {"feature_dim": "9", "num_factors": "2", "predictor_type": "regressor"}
    changes = {
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "HyperParameters": settings,
    }
    sentence = refused(desk, InputDataConfig=[channel("train", ContentType="text/csv")], **changes)
    assert "text/csv is not an accepted ContentType: application/x-recordio-protobuf" in sentence
    recordio = channel("train", ContentType="application/x-recordio-protobuf")
    desk(create_training_job, **training_job(InputDataConfig=[recordio], **changes))


@pytest.mark.parametrize("content_type", ["csv", "text/csv", "TEXT/CSV; label_size=1", "libsvm", "text/x-libsvm"])
def test_content_types_have_short_names(desk, content_type):
    request = training_job(
        AlgorithmSpecification={"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        HyperParameters={"num_round": "2"},
        InputDataConfig=[channel("train", ContentType=content_type)],
    )
    desk(create_training_job, **request)


def declare(monkeypatch, **changes):
    """K-Means as if it were declared otherwise."""
    other = dataclasses.replace(algorithms.load("kmeans"), **changes)
    monkeypatch.setattr(algorithms, "load", lambda name: other)


def test_an_algorithm_that_cannot_be_distributed_refuses_several_instances(desk, monkeypatch):
    declare(monkeypatch, max_instances=1)
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    assert "1 instance(s) at most, not on 2" in refused(desk, ResourceConfig=resources)


def test_the_instance_class_must_be_the_algorithms(desk, monkeypatch):
    declare(monkeypatch, gpu="only")
    assert "trains on GPU instances only; ml.m5.large has none" in refused(desk)
    declare(monkeypatch, gpu="no")
    resources = {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}
    assert "trains on CPU instances only; ml.g5.xlarge has an accelerator" in refused(desk, ResourceConfig=resources)


def test_a_job_says_what_trains(desk):
    request = training_job()
    del request["AlgorithmSpecification"]  # which the model doesn't require
    with pytest.raises(ValidationException, match="exactly one of TrainingImage and AlgorithmName; this one has neit"):
        desk(create_training_job, **request)


def test_an_old_xgboost_has_no_gpu(desk):
    def job(version, instance_type):
        image = XGBOOST.replace("1.7-1", version)
        return training_job(
            AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
            HyperParameters={"num_round": "2"},
            ResourceConfig={"InstanceType": instance_type, "InstanceCount": 1},
            InputDataConfig=[channel("train", ContentType="text/csv")],
        )

    with pytest.raises(ValidationException, match=r"1\.0-1 trains on CPU instances only; ml\.p3\.2xlarge"):
        desk(create_training_job, **job("1.0-1-cpu-py3", "ml.p3.2xlarge"))
    desk(create_training_job, **job("1.0-1-cpu-py3", "ml.m5.large"))


def test_a_role_must_exist_only_where_the_settings_say_so(desk, tmp_path):
    from clary.config import Settings

    desk.rooms.settings = Settings(data_dir=tmp_path, strict_roles=True)
    assert refused(desk).startswith(f"Could not assume role {ROLE}.")


def names(answer):
    return [row["TrainingJobName"] for row in answer["TrainingJobSummaries"]]


@pytest.fixture
def three_jobs(desk):
    for name in ("b-one", "a-two", "c-three"):
        desk(create_training_job, **training_job(name))
        desk.clock.move(10)
    desk.tell(f"{ARN[:-3]}a-two", SecondaryStatus="Completed", TrainingEndTime=desk.clock.now())
    return desk


def test_listing_orders_filters_and_pages(three_jobs):
    desk, started = three_jobs, three_jobs.clock.now() - 30
    assert names(desk(list_training_jobs)) == ["c-three", "a-two", "b-one"]
    assert names(desk(list_training_jobs, SortOrder="Ascending")) == ["b-one", "a-two", "c-three"]
    assert names(desk(list_training_jobs, SortBy="Name", SortOrder="Ascending")) == ["a-two", "b-one", "c-three"]
    assert names(desk(list_training_jobs, SortBy="Status"))[-1] == "a-two"
    assert names(desk(list_training_jobs, NameContains="T")) == ["c-three", "a-two"]
    assert names(desk(list_training_jobs, StatusEquals="Completed")) == ["a-two"]
    assert names(desk(list_training_jobs, CreationTimeAfter=started + 5)) == ["c-three", "a-two"]
    assert names(desk(list_training_jobs, CreationTimeBefore=started + 5)) == ["b-one"]
    assert names(desk(list_training_jobs, LastModifiedTimeAfter=started + 25)) == ["a-two"]
    assert names(desk(list_training_jobs, WarmPoolStatusEquals="Available")) == []

    first = desk(list_training_jobs, MaxResults=2)
    second = desk(list_training_jobs, MaxResults=2, NextToken=first["NextToken"])
    assert (names(first), names(second)) == (["c-three", "a-two"], ["b-one"])
    assert second["NextToken"] is None
    with pytest.raises(ValidationException, match="token"):
        desk(list_training_jobs, MaxResults=2, NextToken="made up")


def test_a_summary(three_jobs):
    summary = three_jobs(list_training_jobs, NameContains="two")["TrainingJobSummaries"][0]
    assert summary["TrainingJobArn"] == f"{ARN[:-3]}a-two"
    assert (summary["TrainingJobStatus"], summary["SecondaryStatus"]) == ("Completed", "Completed")
    assert summary["TrainingEndTime"] == summary["LastModifiedTime"] == three_jobs.clock.now()


def test_status_with_max_results_filters_the_page_as_aws_documents(three_jobs):
    first = three_jobs(list_training_jobs, StatusEquals="Completed", MaxResults=1)
    assert names(first) == []
    second = three_jobs(list_training_jobs, StatusEquals="Completed", MaxResults=1, NextToken=first["NextToken"])
    assert names(second) == ["a-two"]
