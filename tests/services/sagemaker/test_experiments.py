"""Experiments, trials, trial components and their metrics, through boto3."""

import math
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from main_job import BOOSTING, CSV, MainJob


@pytest.fixture
def sagemaker(aws):
    return aws("sagemaker")


@pytest.fixture
def run(sagemaker, request):
    """An experiment, a trial and a component of it, named after the test."""
    name = request.node.name.replace("_", "-")[:60].rstrip("-")
    sagemaker.create_experiment(ExperimentName=name, Description="a test")
    sagemaker.create_trial(TrialName=f"{name}-trial", ExperimentName=name)
    sagemaker.create_trial_component(TrialComponentName=f"{name}-run", DisplayName="shown")
    sagemaker.associate_trial_component(TrialComponentName=f"{name}-run", TrialName=f"{name}-trial")
    return name


def code_and_message(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_what_is_created_is_described(sagemaker, run):
    experiment = sagemaker.describe_experiment(ExperimentName=run)
    assert experiment["ExperimentArn"] == f"arn:aws:sagemaker:us-east-1:000000000000:experiment/{run}"
    assert (experiment["DisplayName"], experiment["Description"]) == (run, "a test")
    assert experiment["CreatedBy"]["IamIdentity"]["Arn"]
    assert sagemaker.describe_trial(TrialName=f"{run}-trial")["ExperimentName"] == run
    component = sagemaker.describe_trial_component(TrialComponentName=f"{run}-run")
    assert component["DisplayName"] == "shown"
    assert (component["Parameters"], component["Metrics"], component["Sources"]) == ({}, [], [])
    by_arn = sagemaker.describe_trial_component(TrialComponentName=component["TrialComponentArn"])
    assert by_arn["TrialComponentName"] == f"{run}-run"


def test_a_taken_name_is_refused_in_the_words_that_the_sdk_looks_for(sagemaker, run):
    code, message = code_and_message(sagemaker.create_experiment, ExperimentName=run.upper())
    assert (code, message.endswith(f"with name ({run.upper()}) already exists.")) == ("ValidationException", True)
    code, message = code_and_message(sagemaker.create_trial_component, TrialComponentName=f"{run}-run")
    assert (code, "already exists" in message) == ("ValidationException", True)
    code, message = code_and_message(sagemaker.create_trial, TrialName=f"{run}-trial", ExperimentName=run)
    assert (code, "already exists" in message) == ("ValidationException", True)


def test_of_many_who_create_at_once_one_does(sagemaker):
    """And the others are refused at the first try, where the SDKs' retries would hide another answer."""

    def create(_):
        try:
            return sagemaker.create_experiment(ExperimentName=name)["ResponseMetadata"]
        except ClientError as problem:
            return problem.response["ResponseMetadata"]

    name = f"at-once-{time.time_ns()}"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(8)))
    assert sorted(answer["HTTPStatusCode"] for answer in answers) == [200, *[400] * 7]
    assert {answer["RetryAttempts"] for answer in answers} == {0}


def test_what_is_missing_is_named(sagemaker):
    assert code_and_message(sagemaker.describe_experiment, ExperimentName="none") == (
        "ResourceNotFound",
        "Experiment 'arn:aws:sagemaker:us-east-1:000000000000:experiment/none' does not exist.",
    )
    assert code_and_message(sagemaker.create_trial, TrialName="t", ExperimentName="none")[0] == "ResourceNotFound"
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_trial_component(TrialComponentName="none")


def test_lists_follow_the_links(sagemaker, run):
    sagemaker.create_trial_component(TrialComponentName=f"{run}-loose")

    def names(**request):
        found = sagemaker.list_trial_components(**request)["TrialComponentSummaries"]
        return [row["TrialComponentName"] for row in found]

    assert names(TrialName=f"{run}-trial") == names(ExperimentName=run) == [f"{run}-run"]
    assert f"{run}-loose" in names(MaxResults=100)
    for request in ({"ExperimentName": run}, {"TrialComponentName": f"{run}-run"}):
        (trial,) = sagemaker.list_trials(**request)["TrialSummaries"]
        assert trial["TrialName"] == f"{run}-trial"
    assert sagemaker.list_trials(TrialComponentName=f"{run}-loose")["TrialSummaries"] == []


def test_pages_hold_every_experiment_once(sagemaker, run):
    for number in range(4):
        sagemaker.create_experiment(ExperimentName=f"{run}-{number}")
    pages = sagemaker.get_paginator("list_experiments").paginate(
        SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    names = [row["ExperimentName"] for page in pages for row in page["ExperimentSummaries"]]
    assert names == sorted(names)
    assert [name for name in names if name.startswith(run)] == [run, *(f"{run}-{number}" for number in range(4))]


def test_an_update_adds_and_removes_parameters(sagemaker, run):
    name = f"{run}-run"
    first = {"rate": {"NumberValue": 0.5}, "kind": {"StringValue": "sgd"}}
    sagemaker.update_trial_component(TrialComponentName=name, Parameters=first)
    sagemaker.update_trial_component(
        TrialComponentName=name,
        Parameters={"rate": {"NumberValue": 0.1}},
        ParametersToRemove=["kind"],
        OutputArtifacts={"model": {"Value": "s3://b/model"}},
        Status={"PrimaryStatus": "Completed"},
    )
    component = sagemaker.describe_trial_component(TrialComponentName=name)
    assert component["Parameters"] == {"rate": {"NumberValue": 0.1}}
    assert component["OutputArtifacts"] == {"model": {"Value": "s3://b/model"}}
    assert component["Status"] == {"PrimaryStatus": "Completed"}
    many = {f"p{number}": {"NumberValue": 1} for number in range(300)}
    message = code_and_message(sagemaker.update_trial_component, TrialComponentName=name, Parameters=many)[1]
    assert message == "A trial component has at most 300 Parameters; this would make 301."


def test_what_is_linked_is_not_deleted(sagemaker, run):
    trial, component = f"{run}-trial", f"{run}-run"
    assert "still has trials" in code_and_message(sagemaker.delete_experiment, ExperimentName=run)[1]
    assert component in code_and_message(sagemaker.delete_trial, TrialName=trial)[1]
    assert trial in code_and_message(sagemaker.delete_trial_component, TrialComponentName=component)[1]
    neither = {"TrialComponentName": "none-such", "TrialName": "none-such"}
    code, message = code_and_message(sagemaker.associate_trial_component, **neither)
    assert code == "ResourceNotFound" and "experiment-trial/none-such" in message
    sagemaker.disassociate_trial_component(TrialComponentName=component, TrialName=trial)
    sagemaker.delete_trial_component(TrialComponentName=component)
    sagemaker.delete_trial(TrialName=trial)
    sagemaker.delete_experiment(ExperimentName=run)
    assert code_and_message(sagemaker.describe_experiment, ExperimentName=run)[0] == "ResourceNotFound"


def test_tags_of_an_experiment(sagemaker, run):
    arn = sagemaker.describe_experiment(ExperimentName=run)["ExperimentArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "a"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]


def points(*values, now, name="loss"):
    return [{"MetricName": name, "Timestamp": now, "Step": step, "Value": value} for step, value in enumerate(values)]


def test_points_are_summed_up_and_come_back_as_a_curve(aws, sagemaker, run):
    metrics, component, now = aws("sagemaker-metrics"), f"{run}-run", int(time.time())
    assert "Errors" not in metrics.batch_put_metrics(
        TrialComponentName=component, MetricData=points(4.0, 2.0, 3.0, now=now)
    )
    metrics.batch_put_metrics(TrialComponentName=component, MetricData=points(7.0, now=now))
    described = sagemaker.describe_trial_component(TrialComponentName=component)
    (summary,) = described["Metrics"]
    assert {name: summary[name] for name in ("Count", "Min", "Max", "Avg", "Last", "SourceArn")} == {
        "Count": 4, "Min": 2.0, "Max": 7.0, "Avg": 4.0, "Last": 7.0, "SourceArn": described["TrialComponentArn"],
    }  # fmt: skip
    assert summary["StdDev"] == pytest.approx(3.5**0.5)

    def curve(statistic="Avg", period="IterationNumber", axis="IterationNumber", **more):
        query = {"MetricName": "loss", "ResourceArn": described["TrialComponentArn"], "MetricStat": statistic}
        query |= {"Period": period, "XAxisType": axis, **more}
        (result,) = metrics.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"]
        return result

    assert (curve()["XAxisValues"], curve()["MetricValues"]) == ([0, 1, 2], [5.5, 2.0, 3.0])
    assert curve("Max")["MetricValues"] == [7.0, 2.0, 3.0]
    hourly = curve("Count", "OneHour", "Timestamp")
    assert (hourly["XAxisValues"], hourly["MetricValues"]) == ([now // 3600 * 3600], [4.0])
    assert curve(Start=now + 1)["MetricValues"] == []
    wrong = curve(period="OneHour")
    assert (wrong["Status"], wrong["Message"]) == (
        "ValidationError",
        "XAxisType IterationNumber needs the Period IterationNumber, not OneHour.",
    )


def test_a_point_too_far_from_now_is_refused_alone(aws, sagemaker, run):
    metrics, now = aws("sagemaker-metrics"), int(time.time())
    data = [*points(1.0, now=now), *points(1.0, now=now - 15 * 86_400)]
    answer = metrics.batch_put_metrics(TrialComponentName=f"{run}-run", MetricData=data)
    assert answer["Errors"] == [{"Code": "VALIDATION_ERROR", "MetricIndex": 1}]
    (summary,) = sagemaker.describe_trial_component(TrialComponentName=f"{run}-run")["Metrics"]
    assert summary["Count"] == 1
    with pytest.raises(ClientError, match="does not exist"):
        metrics.batch_put_metrics(TrialComponentName="nowhere", MetricData=points(1.0, now=now))


def test_a_point_that_is_no_number_is_refused_alone(aws, sagemaker, run):
    metrics, now = aws("sagemaker-metrics"), int(time.time())
    data = points(math.nan, 2.0, math.inf, -1e200, now=now)
    answer = metrics.batch_put_metrics(TrialComponentName=f"{run}-run", MetricData=data)
    assert [error["MetricIndex"] for error in answer["Errors"]] == [0, 2, 3]
    (summary,) = sagemaker.describe_trial_component(TrialComponentName=f"{run}-run")["Metrics"]
    assert (summary["Count"], summary["Avg"], summary["StdDev"]) == (1, 2.0, 0.0)


def test_a_search_finds_components_by_trial_and_by_metric(aws, sagemaker, run):
    metrics, now = aws("sagemaker-metrics"), int(time.time())
    for number, best in enumerate([0.7, 0.9]):
        name = f"{run}-{number}"
        sagemaker.create_trial_component(TrialComponentName=name, Parameters={"depth": {"NumberValue": number}})
        sagemaker.associate_trial_component(TrialComponentName=name, TrialName=f"{run}-trial")
        metrics.batch_put_metrics(TrialComponentName=name, MetricData=points(best, now=now, name="test:accuracy"))

    def names(**filter_):
        of_this = {"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": run}
        found = sagemaker.search(
            Resource="ExperimentTrialComponent",
            SearchExpression={"Filters": [of_this, *([filter_] if filter_ else [])]},
            SortBy="metrics.test:accuracy.max",
            SortOrder="Descending",
        )["Results"]
        return [row["TrialComponent"]["TrialComponentName"].removeprefix(f"{run}-") for row in found]

    assert names() == ["1", "0", "run"]
    assert names(Name="Metrics.test:accuracy.Max", Operator="GreaterThan", Value="0.8") == ["1"]
    assert names(Name="Parameters.depth.NumberValue", Operator="Equals", Value="0") == ["0"]
    (result,) = sagemaker.search(
        Resource="ExperimentTrial",
        SearchExpression={"Filters": [{"Name": "ExperimentName", "Operator": "Equals", "Value": run}]},
    )["Results"]
    assert result["Trial"]["TrialName"] == f"{run}-trial"


def test_a_job_becomes_a_component_that_shows_it(aws, sagemaker, run):
    aws("s3").create_bucket(Bucket=run)
    job = MainJob(aws, run)
    job.put("train/rows.csv", "".join(f"{row % 2},{row % 2 + row / 100},{row}\n" for row in range(60)))
    config = {"ExperimentName": run, "TrialName": f"{run}-trial", "TrialComponentDisplayName": "Training"}
    channels = [job.channel(), job.channel(CSV, "train", "validation")]
    job.start(f"{run}-job", *channels, settings={**BOOSTING, "eta": "0.5"}, ExperimentConfig=config)
    described = job.end(f"{run}-job")
    assert described["ExperimentConfig"] == config
    (summary,) = sagemaker.list_trial_components(SourceArn=described["TrainingJobArn"])["TrialComponentSummaries"]
    assert (summary["TrialComponentName"], summary["Status"]["PrimaryStatus"]) == (
        f"{run}-job-aws-training-job",
        "Completed",
    )
    component = sagemaker.describe_trial_component(TrialComponentName=summary["TrialComponentName"])
    assert component["DisplayName"] == "Training"
    assert component["Parameters"]["eta"] == {"NumberValue": 0.5}
    assert component["Parameters"]["objective"] == {"StringValue": "binary:logistic"}
    assert component["Parameters"]["SageMaker.InstanceType"] == {"StringValue": "ml.m5.large"}
    assert component["InputArtifacts"]["train"] == {"MediaType": CSV, "Value": f"s3://{run}/train/"}
    model = described["ModelArtifacts"]["S3ModelArtifacts"]
    assert component["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"] == model
    final = {row["MetricName"]: row["Value"] for row in described["FinalMetricDataList"]}
    shown = {row["MetricName"]: row for row in component["Metrics"]}
    assert shown.keys() == final.keys()
    assert shown["validation:logloss"]["Last"] == pytest.approx(final["validation:logloss"])
    assert shown["validation:logloss"]["Count"] == 3


def test_a_job_of_an_unknown_trial_is_refused(aws, sagemaker, run):
    aws("s3").create_bucket(Bucket=run)
    job = MainJob(aws, run)
    job.put("train/rows.csv", "1,2\n0,1\n")
    code, message = code_and_message(
        sagemaker.create_training_job,
        **job.request(f"{run}-job", ExperimentConfig={"ExperimentName": run, "TrialName": "none"}),
    )
    assert (code, "experiment-trial/none' does not exist" in message) == ("ResourceNotFound", True)


def test_lineage_joins_an_artifact_to_the_component_that_it_came_from(sagemaker, run):
    component = sagemaker.describe_trial_component(TrialComponentName=f"{run}-run")["TrialComponentArn"]
    source = {"SourceUri": f"s3://b/{run}", "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "e"}]}
    request = {"ArtifactName": "matrix", "ArtifactType": "ConfusionMatrix", "Source": source}
    arn = sagemaker.create_artifact(**request)["ArtifactArn"]
    assert "already exists" in code_and_message(sagemaker.create_artifact, **request)[1]
    described = sagemaker.describe_artifact(ArtifactArn=arn)
    assert (described["ArtifactName"], described["Source"]) == ("matrix", source)
    pair = {"SourceArn": component, "DestinationArn": arn}
    sagemaker.add_association(**pair, AssociationType="Produced")
    assert "already exists" in code_and_message(sagemaker.add_association, **pair)[1]
    (edge,) = sagemaker.list_associations(SourceArn=component)["AssociationSummaries"]
    assert (edge["DestinationArn"], edge["DestinationType"], edge["AssociationType"]) == (
        arn,
        "ConfusionMatrix",
        "Produced",
    )
    (found,) = sagemaker.list_artifacts(SourceUri=f"s3://b/{run}")["ArtifactSummaries"]
    assert found["ArtifactArn"] == arn
    assert component in code_and_message(sagemaker.delete_artifact, ArtifactArn=arn)[1]
    sagemaker.delete_association(**pair)
    sagemaker.delete_artifact(Source=source)
    assert code_and_message(sagemaker.describe_artifact, ArtifactArn=arn)[0] == "ResourceNotFound"


def test_an_artifact_that_is_missing_is_not_associated(sagemaker, run):
    component = sagemaker.describe_trial_component(TrialComponentName=f"{run}-run")["TrialComponentArn"]
    gone = f"arn:aws:sagemaker:us-east-1:000000000000:artifact/{'0' * 32}"
    code, message = code_and_message(sagemaker.add_association, SourceArn=gone, DestinationArn=component)
    assert (code, message) == ("ResourceNotFound", f"Artifact '{gone}' does not exist.")
    context = gone.replace("artifact", "context")
    assert (
        "can't be associated"
        in code_and_message(sagemaker.add_association, SourceArn=context, DestinationArn=component)[1]
    )
