"""Pipelines and their executions, called directly: jobs only note what they are told, and a test says how they end."""

import json
from dataclasses import replace

import pytest

from clary.access.identities import Identity
from clary.errors import ServiceError
from clary.services.sagemaker import pipeline, pipeline_operations, resources
from clary.services.sagemaker.model_package import describe_model_package, list_model_packages
from clary.services.sagemaker.pipeline import (
    create_pipeline,
    delete_pipeline,
    describe_pipeline,
    list_pipeline_versions,
    list_pipelines,
    update_pipeline,
    update_pipeline_version,
)
from clary.services.sagemaker.pipeline_execution import (
    describe_pipeline_definition_for_execution,
    describe_pipeline_execution,
    list_pipeline_execution_steps,
    list_pipeline_executions,
    list_pipeline_parameters_for_execution,
    retry_pipeline_execution,
    start_pipeline_execution,
    stop_pipeline_execution,
    update_pipeline_execution,
)
from clary.services.sagemaker.tags import add_tags, list_tags
from clary.services.sagemaker.training_job import delete_training_job, describe_training_job, list_training_jobs
from clary.services.sagemaker.trial import list_trials
from clary.services.sagemaker.trial_component import list_trial_components
from clary.store.changes import Changes
from tests.services.sagemaker.conftest import ACCOUNT, KMEANS, ROLE, training_job

ARN = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:pipeline/flow"
USER = Identity(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDAANN", "test")
ARTEFACT = "s3://data/model/model.tar.gz"
SCORE = [{"MetricName": "test:msd", "Value": 0.5, "Timestamp": 0}]


def get(path):
    return {"Get": path}


def step(name, kind="Training", arguments=None, **members):
    if arguments is None and kind == "Training":
        arguments = training_job(TrainingJobName=None)
    return {"Name": name, "Type": kind, "Arguments": arguments or {}, **members}


def condition(name, left, right, yes=(), no=()):
    rows = [{"Type": "LessThan", "LeftValue": left, "RightValue": right}]
    return step(name, "Condition", {"Conditions": rows, "IfSteps": list(yes), "ElseSteps": list(no)})


def container(of="train"):
    return {"Image": KMEANS, "ModelDataUrl": get(f"Steps.{of}.ModelArtifacts.S3ModelArtifacts")}


def text(*steps, **members):
    return json.dumps({"Version": "2020-12-01", "Steps": list(steps), **members})


REGISTER = step(
    "register",
    "RegisterModel",
    {"ModelPackageGroupName": "models", "InferenceSpecification": {"Containers": [container()]}},
)
MODEL = step("model", "Model", {"PrimaryContainer": container(), "ExecutionRoleArn": ROLE})


class Flow:
    """A desk with one pipeline."""

    def __init__(self, desk):
        self.desk, self.rooms, self.tokens = desk, desk.rooms, 0

    def token(self):
        self.tokens += 1
        return f"{self.tokens:032}"

    def create(self, *steps, name="Flow", definition=None, **members):
        given = definition if definition is not None else text(*steps)
        request = {"PipelineName": name, "RoleArn": ROLE, "PipelineDefinition": given, "ClientRequestToken": "c" * 32}
        return self.desk(create_pipeline, **{**request, **members})

    def start(self, token=None, finish=True, **members):
        arn = self.desk(
            start_pipeline_execution,
            **{"PipelineName": "flow", "ClientRequestToken": token or self.token(), **members},
        )["PipelineExecutionArn"]
        if finish:
            self.finish()
        return arn

    def finish(self):
        self.rooms.background.finish()

    def describe(self, arn):
        return self.desk(describe_pipeline_execution, PipelineExecutionArn=arn)

    def status(self, arn):
        return self.describe(arn)["PipelineExecutionStatus"]

    def steps(self, arn):
        rows = self.desk(list_pipeline_execution_steps, PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        return {row["StepName"]: row for row in rows}

    def statuses(self, arn):
        return {name: row["StepStatus"] for name, row in self.steps(arn).items()}

    def jobs(self):
        """The ARNs of the training jobs that were submitted."""
        return [spec.id for spec in self.rooms.jobs.submitted]

    def tell(self, arn, status="Completed", **change):
        """Let a job end."""
        ends = {"ModelArtifacts": {"S3ModelArtifacts": ARTEFACT}, "FinalMetricDataList": SCORE}
        self.desk.tell(arn, SecondaryStatus=status, **{**ends, **change})
        self.finish()

    def refuses(self, words, function=None, **request):
        with pytest.raises(ServiceError) as error:
            self.desk(function, **request) if function else self.create(**request)
        assert words in error.value.message
        return error.value.code


@pytest.fixture
def flow(desk):
    anonymous = desk.call
    desk.call = lambda *given: replace(anonymous(*given), identity=USER)
    return Flow(desk)


def test_a_pipeline_is_created_once(flow):
    assert flow.create(step("a"), Tags=[{"Key": "k", "Value": "v"}]) == {"PipelineArn": ARN}
    assert flow.create(step("a"), Tags=[{"Key": "k", "Value": "v"}]) == {"PipelineArn": ARN}
    code = flow.refuses("Pipeline with name (Flow) already exists", definition=text(step("b")))
    assert code == "ValidationException"
    found = flow.desk(describe_pipeline, PipelineName=ARN)
    assert (found["PipelineName"], found["PipelineDisplayName"], found["PipelineStatus"]) == ("Flow", "Flow", "Active")
    assert json.loads(found["PipelineDefinition"])["Steps"][0]["Name"] == "a"
    assert found["CreatedBy"]["IamIdentity"]["Arn"] == USER.arn
    flow.desk(add_tags, ResourceArn=ARN, Tags=[{"Key": "l", "Value": "w"}])
    assert [tag["Key"] for tag in flow.desk(list_tags, ResourceArn=ARN)["Tags"]] == ["k", "l"]


def test_what_no_server_could_run_is_refused(flow):
    flow.refuses("does not support steps of Type Callback yet; it has Training", definition=text(step("a", "Callback")))
    flow.refuses("unknown argument 'Colour'", definition=text(step("a", arguments={"Colour": 1})))
    flow.refuses("unknown argument 'X'", definition=text(step("a", "Fail", {"X": 1})))
    flow.refuses("Unable to parse pipeline definition. It is not valid JSON", definition=" ")
    flow.refuses(
        "Steps.a.Colour", definition=text(step("a"), step("b", "Fail", {"ErrorMessage": get("Steps.a.Colour")}))
    )
    cached = {**MODEL, "CacheConfig": {"Enabled": True, "ExpireAfter": "PT1H"}}
    flow.refuses("a step of Type Model can't be cached", definition=text(step("train"), cached))
    flow.refuses("PipelineVersionAliases", definition=text(step("a")), PipelineVersionAliases=["x"])
    flow.refuses("Either Pipeline Definition", definition="")
    place = {"Bucket": "data", "ObjectKey": "flow.json"}
    flow.refuses("shouldn't be present", definition=text(step("a")), PipelineDefinitionS3Location=place)
    flow.refuses("s3://data/flow.json can't be read", definition="", PipelineDefinitionS3Location=place)


def test_a_type_of_step_needs_its_operation(flow, monkeypatch):
    has = pipeline_operations.exists
    monkeypatch.setattr(pipeline_operations, "exists", lambda name: name != "CreateTransformJob" and has(name))
    flow.refuses("does not support steps of Type Transform yet", definition=text(step("a", "Transform")))


def test_a_definition_may_lie_in_s3(flow):
    with flow.rooms.objects.incoming() as incoming:
        incoming.write([text(step("a")).encode()])
        flow.rooms.objects.put("data", "flow.json", incoming.finish(), {}, lambda found: None)
    flow.create(definition="", PipelineDefinitionS3Location={"Bucket": "data", "ObjectKey": "flow.json"})
    assert flow.desk(describe_pipeline, PipelineName="flow")["PipelineDefinition"] == text(step("a"))


def test_updates_make_versions_and_executions_keep_theirs(flow):
    first, second = text(step("a")), text(step("b"))
    flow.create(definition=first)
    arn = flow.start()
    changes = {"PipelineName": "Flow", "PipelineDefinition": second, "PipelineDescription": "new"}
    assert flow.desk(update_pipeline, **changes) == {"PipelineArn": ARN, "PipelineVersionId": 2}
    assert flow.desk(update_pipeline, PipelineName="Flow", PipelineDisplayName="Shown")["PipelineVersionId"] == 2
    found = flow.desk(describe_pipeline, PipelineName="flow")
    assert (found["PipelineDefinition"], found["PipelineDescription"], found["PipelineDisplayName"]) == (
        second,
        "new",
        "Shown",
    )
    assert flow.desk(describe_pipeline, PipelineName="flow", PipelineVersionId=1)["PipelineDefinition"] == first
    shown = flow.desk(describe_pipeline_definition_for_execution, PipelineExecutionArn=arn)
    assert shown["PipelineDefinition"] == first
    flow.tell(flow.jobs()[0])
    assert flow.statuses(arn) == {"a": "Succeeded"}
    assert flow.statuses(flow.start()) == {"b": "Executing"}
    assert flow.statuses(flow.start(PipelineVersionId=1)) == {"a": "Executing"}
    versions = flow.desk(list_pipeline_versions, PipelineName="flow")["PipelineVersionSummaries"]
    assert [row["PipelineVersionId"] for row in versions] == [2, 1]
    for number in (1, 2):
        shown = {"PipelineVersionDisplayName": f"v{number}"}
        flow.desk(update_pipeline_version, PipelineArn=ARN, PipelineVersionId=number, **shown)
        found = flow.desk(describe_pipeline, PipelineName="flow", PipelineVersionId=number)
        assert found["PipelineVersionDisplayName"] == f"v{number}"
    flow.desk(update_pipeline, **changes)
    assert flow.desk(describe_pipeline, PipelineName="flow")["PipelineVersionDisplayName"] is None
    versions = flow.desk(list_pipeline_versions, PipelineName="flow")["PipelineVersionSummaries"]
    assert [row["PipelineVersionDisplayName"] for row in versions] == [None, "v2", "v1"]
    flow.refuses("Version 4", update_pipeline_version, PipelineArn=ARN, PipelineVersionId=4)
    flow.refuses(
        "Version 4", start_pipeline_execution, PipelineName="flow", PipelineVersionId=4, ClientRequestToken="x"
    )
    assert flow.refuses("does not exist", update_pipeline, PipelineName="none") == "ResourceNotFound"


def test_listing_pipelines(flow):
    for name in ("Apple", "Banana", "Apricot"):
        flow.create(step("a"), name=name)
        flow.rooms.clock.move(10)

    def names(**request):
        found = flow.desk(list_pipelines, **request)
        return [row["PipelineName"] for row in found["PipelineSummaries"]]

    assert names() == ["Apricot", "Banana", "Apple"]
    assert names(PipelineNamePrefix="Ap", SortBy="Name", SortOrder="Ascending") == ["Apple", "Apricot"]
    assert names(CreatedBefore=flow.rooms.clock.now() - 15) == ["Banana", "Apple"]
    assert names(ManagedBy="AWS") == []


def test_from_training_to_a_registered_model(flow):
    flow.create(
        step("train"), condition("good", get("Steps.train.FinalMetricDataList['test:msd'].Value"), 1, [REGISTER, MODEL])
    )
    arn = flow.start(PipelineExecutionDescription="why")
    name = arn.rpartition("/")[2]
    assert flow.statuses(arn) == {"train": "Executing"}
    [job] = flow.jobs()
    assert job.startswith(f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/pipelines-{name}-train-")
    assert flow.steps(arn)["train"]["Metadata"] == {"TrainingJob": {"Arn": job}}
    flow.rooms.clock.move(60)
    flow.tell(job)
    steps = flow.steps(arn)
    assert flow.describe(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert flow.describe(arn)["PipelineExecutionDescription"] == "why"
    assert {row["StepStatus"] for row in steps.values()} == {"Succeeded"}
    assert list(steps) == ["model", "register", "good", "train"]
    assert steps["train"]["EndTime"] - steps["train"]["StartTime"] == 60
    assert steps["good"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    package = steps["register"]["Metadata"]["RegisterModel"]["Arn"]
    found = flow.desk(describe_model_package, ModelPackageName=package)
    assert found["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == ARTEFACT
    assert found["CreatedBy"]["IamIdentity"]["Arn"].endswith("assumed-role/ClaryExecutionRole/SageMaker")
    assert f"model/pipelines-{name}-model-" in steps["model"]["Metadata"]["Model"]["Arn"]


def test_a_fail_step_says_why(flow):
    words = {"Std:Join": {"On": " ", "Values": ["more than", get("Parameters.limit")]}}
    no = step("bad", "Fail", {"ErrorMessage": words})
    score = get("Steps.train.FinalMetricDataList['test:msd'].Value")
    parameters = [{"Name": "limit", "Type": "Float", "DefaultValue": 0.1}]
    flow.create(
        definition=text(
            step("train"), condition("good", score, get("Parameters.limit"), no=[no]), Parameters=parameters
        )
    )
    arn = flow.start()
    flow.tell(flow.jobs()[0])
    assert (flow.status(arn), flow.describe(arn)["FailureReason"]) == ("Failed", "more than 0.1")
    assert flow.steps(arn)["bad"]["Metadata"] == {"Fail": {"ErrorMessage": "more than 0.1"}}
    assert flow.steps(arn)["good"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    flow.refuses(
        "none that a Fail step ended", retry_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="r" * 32
    )


def test_parameters_and_variables_reach_the_jobs(flow):
    arguments = training_job(
        get("Parameters.prefix"),
        HyperParameters={"k": {"Std:Join": {"Values": [get("Parameters.k")]}}, "feature_dim": "2"},
        OutputDataConfig={
            "S3OutputPath": {"Std:Join": {"On": "/", "Values": ["s3://out", get("Execution.PipelineExecutionId")]}}
        },
        Environment={"JOB": get("Execution.TrainingJobName")},
    )
    rows = [{"Name": "k", "Type": "Integer", "DefaultValue": 2}, {"Name": "prefix", "Type": "String"}]
    flow.create(definition=text(step("a", arguments=arguments), Parameters=rows))
    flow.refuses(
        "prefix has no default value", start_pipeline_execution, PipelineName="flow", ClientRequestToken="x" * 32
    )
    for given, words in (("j", "Unknown pipeline parameters: j"), ("k", "k of Type Integer: 'x' is no integer")):
        parameters = [{"Name": given, "Value": "x"}, {"Name": "prefix", "Value": "mine"}]
        flow.refuses(
            words,
            start_pipeline_execution,
            PipelineName="flow",
            ClientRequestToken="x" * 32,
            PipelineParameters=parameters,
        )
    arn = flow.start(PipelineParameters=[{"Name": "k", "Value": "7"}, {"Name": "prefix", "Value": "mine"}])
    identity, [job] = arn.rpartition("/")[2], flow.jobs()
    name = job.rpartition("/")[2]
    found = flow.desk(describe_training_job, TrainingJobName=name)
    assert name.startswith(f"mine-{identity}-")
    assert found["HyperParameters"]["k"] == "7"
    assert found["OutputDataConfig"]["S3OutputPath"] == f"s3://out/{identity}"
    assert found["Environment"] == {"JOB": found["TrainingJobName"]}
    listed = flow.desk(list_pipeline_parameters_for_execution, PipelineExecutionArn=arn)["PipelineParameters"]
    assert listed == [{"Name": "k", "Value": "7"}, {"Name": "prefix", "Value": "mine"}]


def test_a_start_is_done_once_for_a_token(flow):
    flow.create(step("a"))
    first = flow.start("t" * 32)
    assert flow.start("t" * 32) == first
    assert len(flow.jobs()) == 1
    again = {"PipelineName": "flow", "ClientRequestToken": "t" * 32, "PipelineExecutionDescription": "other"}
    assert flow.refuses("used before", start_pipeline_execution, **again) == "ConflictException"
    second = flow.start()
    flow.rooms.clock.move(1)
    found = flow.desk(list_pipeline_executions, PipelineName=ARN)["PipelineExecutionSummaries"]
    assert {row["PipelineExecutionArn"] for row in found} == {first, second}


def test_what_a_job_refuses_fails_its_step(flow):
    bad = step("bad", arguments=training_job(TrainingJobName=None, HyperParameters={"k": "none", "feature_dim": "2"}))
    unfit = step("unfit", arguments={**training_job(TrainingJobName=None), "RoleArn": 5})
    flow.create(bad, unfit, step("after", DependsOn=["bad"]))
    arn = flow.start()
    steps = flow.steps(arn)
    assert flow.status(arn) == "Failed"
    assert flow.describe(arn)["FailureReason"] == "Step failure: One or multiple steps failed."
    start = "ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: "
    assert steps["bad"]["FailureReason"].startswith(start)
    assert "k" in steps["bad"]["FailureReason"]
    assert steps["unfit"]["FailureReason"].startswith(start)
    assert set(steps) == {"bad", "unfit"}


def test_after_a_failure_what_runs_ends_and_nothing_begins(flow):
    flow.create(step("a"), step("b"), step("c", DependsOn=["b"]))
    arn = flow.start()
    one, other = flow.jobs()
    flow.tell(one, "Failed", FailureReason="AlgorithmError: no")
    assert flow.status(arn) == "Executing"
    flow.tell(other)
    assert flow.statuses(arn) == {"b": "Succeeded", "a": "Failed"}
    assert flow.steps(arn)["a"]["FailureReason"] == "ClientError: AlgorithmError: no"
    flow.desk(retry_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="r" * 32)
    flow.finish()
    assert flow.statuses(arn) == {"c": "Executing", "a": "Executing", "b": "Succeeded"}
    for job in flow.jobs()[2:]:
        flow.tell(job)
    flow.desk(retry_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="r" * 32)  # the same again
    assert flow.status(arn) == "Succeeded"
    assert "FailureReason" not in flow.describe(arn)
    again = {"PipelineExecutionArn": arn, "ClientRequestToken": "s" * 32}
    flow.refuses("can't be retried", retry_pipeline_execution, **again)


def test_a_value_that_is_not_there_fails_the_step(flow):
    score = get("Steps.train.FinalMetricDataList['other'].Value")
    flow.create(step("train"), condition("good", score, 1))
    arn = flow.start()
    flow.tell(flow.jobs()[0])
    assert flow.steps(arn)["good"]["FailureReason"].endswith("step train has no FinalMetricDataList.other")
    assert flow.status(arn) == "Failed"


def test_json_in_s3_decides(flow):
    read = {"Std:JsonGet": {"S3Uri": "s3://data/metrics.json", "Path": "mse.value"}}
    flow.create(condition("good", read, 1))
    missing = flow.start()
    assert "s3://data/metrics.json can't be read" in flow.steps(missing)["good"]["FailureReason"]
    for content, outcome in (('{"mse": {"value": 0.5}}', "True"), ('{"mse": {"value": 2}}', "False")):
        with flow.rooms.objects.incoming() as incoming:
            incoming.write([content.encode()])
            flow.rooms.objects.put("data", "metrics.json", incoming.finish(), {}, lambda found: None)
        assert flow.steps(flow.start())["good"]["Metadata"] == {"Condition": {"Outcome": outcome}}


CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "PT1H"}}


def test_an_earlier_result_is_taken_while_it_is_fresh(flow):
    rows = [
        {"Name": "k", "Type": "String", "DefaultValue": "2"},
        {"Name": "out", "Type": "String", "DefaultValue": "s3://out/a"},
    ]
    arguments = training_job(
        TrainingJobName=None,
        HyperParameters={"k": get("Parameters.k"), "feature_dim": "2"},
        OutputDataConfig={"S3OutputPath": get("Parameters.out")},
    )
    flow.create(definition=text(step("train", arguments=arguments, **CACHED), MODEL, Parameters=rows))
    first = flow.start()
    flow.start()  # the first has no result yet
    for job in flow.jobs():
        flow.tell(job)
    flow.rooms.clock.move(3000)
    hit = flow.start(PipelineParameters=[{"Name": "out", "Value": "s3://out/b"}])
    train = flow.steps(hit)["train"]
    assert flow.status(hit) == "Succeeded"
    assert train["CacheHitResult"]["SourcePipelineExecutionArn"] != hit
    assert train["Metadata"]["TrainingJob"]["Arn"] in flow.jobs()
    assert flow.steps(first)["train"]["CacheHitResult"] is None
    assert len(flow.jobs()) == 2
    assert flow.statuses(flow.start(PipelineParameters=[{"Name": "k", "Value": "3"}])) == {"train": "Executing"}
    flow.rooms.clock.move(1000)
    assert flow.statuses(flow.start()) == {"train": "Executing"}  # a hit doesn't keep a result fresh


def test_a_limit_is_tried_again(flow):
    config = {"InstanceType": "ml.m5.large", "InstanceCount": 21, "VolumeSizeInGB": 1}
    policy = {"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "IntervalSeconds": 60, "BackoffRate": 2, "MaxAttempts": 2}
    many = training_job(TrainingJobName=None, ResourceConfig=config)
    flow.create(step("a", arguments=many, RetryPolicies=[policy]))
    arn = flow.start()
    for tries, pause in ((1, 60), (2, 120)):
        assert flow.steps(arn)["a"]["AttemptCount"] == tries
        assert flow.statuses(arn) == {"a": "Executing"}
        assert flow.rooms.background.later[arn, "a"] == pause
        flow.rooms.clock.move(pause)
        flow.desk(update_pipeline_execution, PipelineExecutionArn=arn)  # wakes the driver, as the timer would
        flow.finish()
    assert flow.statuses(arn) == {"a": "Failed"}
    assert flow.steps(arn)["a"]["AttemptCount"] == 3


def test_a_job_lost_inside_is_tried_again_under_another_name(flow):
    flow.create(step("a", RetryPolicies=[{"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 0}]))
    arn = flow.start()
    flow.tell(flow.jobs()[0], "Failed", FailureReason="InternalServerError: it was killed")
    first, second = flow.jobs()
    assert first != second
    flow.tell(second)
    assert flow.statuses(arn) == {"a": "Succeeded"}


def test_a_stop_reaches_the_jobs(flow):
    flow.create(step("a"), step("b", DependsOn=["a"]))
    arn = flow.start()
    flow.desk(stop_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="s" * 32)
    flow.finish()
    assert (flow.status(arn), flow.statuses(arn)) == ("Stopping", {"a": "Stopping"})
    assert flow.rooms.jobs.stopped == flow.jobs()
    flow.tell(flow.jobs()[0], "Stopped")
    assert (flow.status(arn), flow.statuses(arn)) == ("Stopped", {"a": "Stopped"})
    flow.desk(stop_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="s" * 32)  # the same again
    flow.desk(retry_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="r" * 32)
    flow.finish()
    for _ in range(2):
        flow.tell(flow.jobs()[-1])
    assert (flow.status(arn), flow.statuses(arn)) == ("Succeeded", {"b": "Succeeded", "a": "Succeeded"})
    flow.refuses(
        "only one that is Executing", stop_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="s" * 32
    )


def test_a_stop_before_anything_began(flow):
    flow.create(step("a"))
    arn = flow.start(finish=False)
    flow.desk(stop_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="s" * 32)
    flow.finish()
    assert (flow.status(arn), flow.statuses(arn), flow.jobs()) == ("Stopped", {}, [])


def test_a_job_stopped_by_hand_fails_its_step(flow):
    flow.create(step("a"))
    arn = flow.start()
    flow.tell(flow.jobs()[0], "Stopped")
    assert (flow.status(arn), flow.steps(arn)["a"]["FailureReason"]) == ("Failed", "ClientError: The job is Stopped.")


def test_no_more_steps_at_a_time_than_asked_for(flow):
    flow.create(step("a"), step("b"), step("c"), ParallelismConfiguration={"MaxParallelExecutionSteps": 2})
    arn = flow.start()
    assert len(flow.jobs()) == 2
    flow.tell(flow.jobs()[0])
    assert len(flow.jobs()) == 3
    one = flow.start(ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
    assert len(flow.jobs()) == 4
    flow.desk(
        update_pipeline_execution, PipelineExecutionArn=one, ParallelismConfiguration={"MaxParallelExecutionSteps": 3}
    )
    flow.finish()
    assert len(flow.jobs()) == 6
    assert flow.describe(arn)["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 2}


def select(arn, *names):
    config = {"SelectedSteps": [{"StepName": name} for name in names]}
    return {"SelectiveExecutionConfig": config | ({"SourcePipelineExecutionArn": arn} if arn else {})}


def test_selected_steps_run_on_earlier_results(flow):
    flow.create(step("train"), REGISTER, MODEL)
    source = flow.start()
    start = {"PipelineName": "flow", "ClientRequestToken": "x" * 32}
    flow.refuses("has not ended", start_pipeline_execution, **start, **select(source, "model"))
    flow.tell(flow.jobs()[0])
    arn = flow.start(**select(source, "model"))
    assert (flow.status(arn), flow.statuses(arn)) == ("Succeeded", {"model": "Succeeded", "train": "Succeeded"})
    assert flow.steps(arn)["train"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
    assert len(flow.jobs()) == 1
    only = flow.start(**select("", "train"))
    assert flow.statuses(only) == {"train": "Executing"}
    flow.tell(flow.jobs()[1], "Failed", FailureReason="no")
    flow.refuses("no step none", start_pipeline_execution, **start, **select(source, "none"))
    flow.refuses("is required", start_pipeline_execution, **start, **select("", "model"))
    flow.refuses("did not succeed", start_pipeline_execution, **start, **select(only, "model"))


def test_a_deletion_takes_the_executions_along(flow):
    flow.create(step("a", **CACHED))
    arn = flow.start()
    delete = {"PipelineName": "Flow", "ClientRequestToken": "d" * 32}
    assert flow.refuses("executions that run", delete_pipeline, **delete) == "ConflictException"
    assert flow.desk(describe_pipeline, PipelineName="flow")["PipelineStatus"] == "Active"
    flow.tell(flow.jobs()[0])
    assert flow.desk(delete_pipeline, **delete) == {"PipelineArn": ARN}
    assert flow.refuses("does not exist", describe_pipeline_execution, PipelineExecutionArn=arn) == "ResourceNotFound"
    assert flow.refuses(f"Pipeline '{ARN}' does not exist", delete_pipeline, **delete) == "ResourceNotFound"
    flow.create(step("a", **CACHED))
    assert flow.desk(list_pipeline_executions, PipelineName="flow")["PipelineExecutionSummaries"] == []
    assert flow.statuses(flow.start()) == {"a": "Executing"}


def test_jobs_join_the_experiment_of_their_execution(flow):
    config = {"ExperimentName": get("Execution.PipelineName"), "TrialName": get("Execution.PipelineExecutionId")}
    shown = training_job(TrainingJobName=None, ExperimentConfig={"TrialComponentDisplayName": "shown"})
    flow.create(definition=text(step("a"), step("b", arguments=shown), PipelineExperimentConfig=config))
    for _ in range(2):
        arn = flow.start()
        joined = {"ExperimentName": "Flow", "TrialName": arn.rpartition("/")[2]}
        assert flow.describe(arn)["PipelineExperimentConfig"] == joined
        assert flow.statuses(arn) == {"b": "Executing", "a": "Executing"}
        found = flow.desk(list_trial_components, TrialName=joined["TrialName"])["TrialComponentSummaries"]
        assert "shown" in [row["DisplayName"] for row in found]
        assert sorted(row["TrialComponentSource"]["SourceArn"] for row in found) == sorted(flow.jobs()[-2:])
    assert len(flow.desk(list_trials, ExperimentName="flow")["TrialSummaries"]) == 2


def test_a_deletion_that_was_cut_off_is_finished(flow):
    flow.create(step("a"))
    flow.start()
    flow.tell(flow.jobs()[0])
    key = resources.key_of_arn(ARN)

    def begin(record):
        record.status = "Deleting"

    flow.rooms.records.change(key, begin)
    flow.refuses("does not exist", start_pipeline_execution, PipelineName="flow", ClientRequestToken="x" * 32)
    pipeline.recover(flow.rooms)
    assert flow.rooms.records.get(key) is None
    assert list(flow.rooms.records.every("sagemaker/pipeline-execution")) == []


class Killed(BaseException):
    """The server dies."""


class Counted:
    """A function that dies at its n-th call, before it does anything, or after it has done it."""

    def __init__(self, function, number, after):
        self.function, self.left, self.after = function, number, after

    def __call__(self, *given, **more):
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        answer = self.function(*given, **more)
        if self.left == 0:
            raise Killed
        return answer


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, 16))
def test_a_server_that_dies_at_any_write_goes_on(flow, monkeypatch, number, after):
    """Each write of records is the last that a server does; the next server takes up what it finds."""
    flow.create(step("train", **CACHED), step("other"), REGISTER, MODEL)
    arn = flow.start(finish=False)
    names = ("create", "change", "put", "create_under")
    with monkeypatch.context() as patch:
        write = Counted(lambda name, *given, **more: real[name](*given, **more), number, after)
        real = {name: getattr(flow.rooms.records, name) for name in names}
        for name in names:
            patch.setattr(flow.rooms.records, name, lambda *given, name=name, **more: write(name, *given, **more))
        with pytest.raises(Killed):
            drive(flow)
    flow.rooms.background.waiting.clear()
    flow.rooms.changes = Changes()
    pipeline.recover(flow.rooms)
    drive(flow)
    assert flow.status(arn) == "Succeeded"
    assert set(flow.statuses(arn).values()) == {"Succeeded"}
    jobs = flow.desk(list_training_jobs)["TrainingJobSummaries"]
    assert sorted(row["TrainingJobName"].split("-")[2] for row in jobs) == ["other", "train"]
    packages = flow.desk(list_model_packages, ModelPackageGroupName="models")["ModelPackageSummaryList"]
    assert len(packages) == 1


def drive(flow):
    """Let jobs end until nothing is left to do."""
    flow.finish()
    ended = True
    while ended:
        running = [
            row
            for row in flow.desk(list_training_jobs)["TrainingJobSummaries"]
            if row["TrainingJobStatus"] == "InProgress"
        ]
        ended = bool(running)
        for row in running:
            flow.tell(row["TrainingJobArn"])


def test_a_job_that_was_deleted_is_not_started_again(flow):
    flow.create(step("a"))
    arn = flow.start()
    [job] = flow.jobs()
    flow.desk.tell(job, SecondaryStatus="Completed")
    flow.rooms.background.waiting.clear()
    flow.desk(delete_training_job, TrainingJobName=job.rpartition("/")[2])
    pipeline.recover(flow.rooms)
    flow.finish()
    assert flow.steps(arn)["a"]["FailureReason"] == "ClientError: The job was deleted."
    assert len(flow.jobs()) == 1
