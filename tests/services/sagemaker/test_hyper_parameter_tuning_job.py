"""Tuning jobs whose trials end as the test tells them to."""

import re

import pytest

from clary.errors import ServiceError
from clary.jobs import Scope
from clary.services.sagemaker import metrics_came, recover
from clary.services.sagemaker.errors import ResourceInUse, ResourceLimitExceeded, ValidationException
from clary.services.sagemaker.hyper_parameter_tuning_job import (
    create_hyper_parameter_tuning_job,
    delete_hyper_parameter_tuning_job,
    describe_hyper_parameter_tuning_job,
    list_hyper_parameter_tuning_jobs,
    list_training_jobs_for_hyper_parameter_tuning_job,
    stop_hyper_parameter_tuning_job,
)
from clary.services.sagemaker.search import search
from clary.services.sagemaker.tags import list_tags
from clary.services.sagemaker.training_job import delete_training_job, describe_training_job
from clary.store.metrics import Datum
from tests.services.sagemaker.conftest import KMEANS, ROLE, XGBOOST, channel

ARN = "arn:aws:sagemaker:us-east-1:000000000000:hyper-parameter-tuning-job/tune"
OBJECTIVE = {"Type": "Maximize", "MetricName": "validation:auc"}
RANGES = {
    "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}],
    "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "9", "ScalingType": "Linear"}],
}
GRID = {
    "CategoricalParameterRanges": [
        {"Name": "max_depth", "Values": ["2", "4"]},
        {"Name": "eta", "Values": ["0.1", "0.2", "0.3"]},
    ]
}


def definition(**changes):
    """A training job definition for XGBoost; a member given as None is left out."""
    content = {"ContentType": "text/csv"}
    whole = {
        "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [channel("train", **content), channel("validation", "s3://data/test/", **content)],
        "OutputDataConfig": {"S3OutputPath": "s3://out/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "StaticHyperParameters": {"num_round": "10", "objective": "binary:logistic"},
        **changes,
    }
    return {member: value for member, value in whole.items() if value is not None}


def tuning(name="tune", strategy="Random", most=4, parallel=2, **changes):
    """A CreateHyperParameterTuningJob request; members of its configuration are known by their names."""
    config = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": OBJECTIVE,
        "ResourceLimits": {"MaxNumberOfTrainingJobs": most, "MaxParallelTrainingJobs": parallel},
        "ParameterRanges": RANGES,
        "RandomSeed": 1,
    }
    outside = ("TrainingJobDefinition", "TrainingJobDefinitions", "WarmStartConfig", "Autotune", "Tags")
    config |= {member: value for member, value in changes.items() if member not in outside}
    whole = {"TrainingJobDefinition": definition()} | {
        member: changes[member] for member in outside if member in changes
    }
    whole = {member: value for member, value in whole.items() if value is not None}
    config = {member: value for member, value in config.items() if value is not None}
    return {"HyperParameterTuningJobName": name, "HyperParameterTuningJobConfig": config, **whole}


def limits(**changes):
    return {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2, **changes}


class Tuner:
    """A tuning job at a desk, and what becomes of its trials."""

    def __init__(self, desk, **request):
        self.desk, self.name = desk, request.get("name", "tune")
        desk(create_hyper_parameter_tuning_job, **tuning(**request))
        desk.rooms.background.finish()

    def describe(self):
        return self.desk(describe_hyper_parameter_tuning_job, HyperParameterTuningJobName=self.name)

    @property
    def status(self):
        return self.describe()["HyperParameterTuningJobStatus"]

    def list(self, **request):
        answer = self.desk(
            list_training_jobs_for_hyper_parameter_tuning_job,
            HyperParameterTuningJobName=self.name,
            **{"MaxResults": 100, **request},
        )
        return answer["TrainingJobSummaries"]

    def running(self):
        return [row["TrainingJobName"] for row in self.list(StatusEquals="InProgress")]

    def tell(self, name, **change):
        self.desk.tell(f"arn:aws:sagemaker:us-east-1:000000000000:training-job/{name}", **change)
        self.desk.rooms.background.finish()

    def end(self, *values, status="Completed", metric="validation:auc", **change):
        """End the first running trials with these values of the objective, None where it has none."""
        for value in values:
            self.desk.clock.move(1)
            found = [{"MetricName": metric, "Value": value, "Timestamp": self.desk.clock.now()}]
            change["FinalMetricDataList"] = found if value is not None else []
            if status == "Completed":
                change["ModelArtifacts"] = {"S3ModelArtifacts": "s3://out/models/x/output/model.tar.gz"}
            self.tell(self.running()[0], SecondaryStatus=status, **change)

    def log(self, name, *values):
        """Values of the objective as a trial logs them."""
        dimensions = {"TrainingJobName": name}
        data = [Datum("validation:auc", dimensions, value, self.desk.clock.now()) for value in values]
        scope = Scope("000000000000", "us-east-1")
        self.desk.rooms.metrics.put(*scope, "/aws/sagemaker/TrainingJobs", data)
        metrics_came(self.desk.rooms, scope, data)
        self.desk.rooms.background.finish()

    def stopped(self):
        """The numbers of the trials that were asked to stop."""
        return [int(re.search(r"-(\d{3})-", arn)[1]) for arn in self.desk.jobs.stopped]


def refusal(desk, **request):
    with pytest.raises(ServiceError) as error:
        desk(create_hyper_parameter_tuning_job, **tuning(**request))
    assert not desk.rooms.background.waiting
    return error.value


def test_trials_are_training_jobs_of_its_own(desk):
    tuner = Tuner(desk, Tags=[{"Key": "team", "Value": "red"}])
    first, second = tuner.running()
    assert re.fullmatch(r"tune-001-[0-9a-f]{8}", first) and re.fullmatch(r"tune-002-[0-9a-f]{8}", second)
    job = desk(describe_training_job, TrainingJobName=first)
    assert job["TuningJobArn"] == ARN
    [summary, _] = tuner.list()
    tuned = summary["TunedHyperParameters"]
    assert job["HyperParameters"] == {
        "num_round": "10",
        "objective": "binary:logistic",
        "_tuning_objective_metric": "validation:auc",
        **tuned,
    }
    assert 0.1 <= float(tuned["eta"]) <= 0.5 and tuned["max_depth"] in "123456789"
    assert [spec.name for spec in desk.jobs.submitted] == [first, second]
    assert desk(list_tags, ResourceArn=job["TrainingJobArn"])["Tags"] == [{"Key": "team", "Value": "red"}]
    assert desk(list_tags, ResourceArn=ARN)["Tags"] == [{"Key": "team", "Value": "red"}]


def test_a_tuning_job_runs_to_its_end(desk):
    tuner = Tuner(desk)
    tuner.end(0.7, 0.9)
    described = tuner.describe()
    assert (
        described["TrainingJobStatusCounters"]["Completed"] == described["TrainingJobStatusCounters"]["InProgress"] == 2
    )
    assert described["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 2, "Failed": 0}
    assert "HyperParameterTuningEndTime" not in described
    tuner.end(0.8)
    tuner.end(None, status="Failed", FailureReason="ClientError: bad")
    described = tuner.describe()
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert described["HyperParameterTuningEndTime"] == desk.clock.now()
    assert described["ConsumedResources"] == {"RuntimeInSeconds": 4}
    counters = {"Completed": 3, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 1, "Stopped": 0}
    assert described["TrainingJobStatusCounters"] == counters
    best = described["BestTrainingJob"]
    assert best["TrainingJobName"].startswith("tune-002-")
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == {**OBJECTIVE, "Value": 0.9}
    assert (best["ObjectiveStatus"], best["TrainingJobStatus"]) == ("Succeeded", "Completed")
    assert "OverallBestTrainingJob" not in described
    assert len(desk.jobs.submitted) == 4


def test_its_training_jobs_are_listed(desk):
    tuner = Tuner(desk)
    tuner.end(0.7, 0.9, 0.8)
    tuner.end(None, status="Failed", FailureReason="InternalServerError: gone")

    def numbers(**request):
        return [int(row["TrainingJobName"][5:8]) for row in tuner.list(**request)]

    assert numbers() == [1, 2, 3, 4]
    assert numbers(SortOrder="Descending") == [4, 3, 2, 1]
    assert numbers(SortBy="FinalObjectiveMetricValue") == [1, 3, 2]
    assert numbers(SortBy="FinalObjectiveMetricValue", SortOrder="Descending") == [2, 3, 1]
    assert numbers(StatusEquals="Failed") == [4]
    assert tuner.list(StatusEquals="Failed")[0]["FailureReason"] == "InternalServerError: gone"
    assert tuner.describe()["TrainingJobStatusCounters"]["RetryableError"] == 1
    request = {"HyperParameterTuningJobName": "tune", "MaxResults": 3}
    page = desk(list_training_jobs_for_hyper_parameter_tuning_job, **request)
    rest = desk(list_training_jobs_for_hyper_parameter_tuning_job, **request, NextToken=page["NextToken"])
    assert [len(page["TrainingJobSummaries"]), len(rest["TrainingJobSummaries"])] == [3, 1]
    assert rest["NextToken"] is None


def test_a_seed_repeats_the_search(desk):
    def values(**request):
        return [row["TunedHyperParameters"] for row in Tuner(desk, **request).list()]

    first = values(name="a")
    assert values(name="b") == first != values(name="c", RandomSeed=2)
    assert values(name="d", strategy="Bayesian") == first  # it begins at random


def test_a_bayesian_search_learns(desk):
    tuner = Tuner(desk, strategy="Bayesian", most=25, parallel=1)
    for _ in range(25):
        [name] = tuner.running()
        eta = float(desk(describe_training_job, TrainingJobName=name)["HyperParameters"]["eta"])
        tuner.end(1 - abs(eta - 0.2))
    assert tuner.status == "Completed"
    distances = [1 - row["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for row in tuner.list()]
    assert min(distances[8:]) < min(distances[:8]) / 2


def test_a_grid_is_searched_whole(desk):
    tuner = Tuner(desk, strategy="Grid", ParameterRanges=GRID, ResourceLimits={"MaxParallelTrainingJobs": 4})
    tuner.end(*[0.5] * 6)
    assert tuner.status == "Completed"
    values = [(row["TunedHyperParameters"]["max_depth"], row["TunedHyperParameters"]["eta"]) for row in tuner.list()]
    assert values == [(depth, eta) for depth in "24" for eta in ("0.1", "0.2", "0.3")]


@pytest.mark.parametrize(
    ("most", "endings", "reason"),
    [
        (9, ["Failed"] * 5, "No training job succeeded after 5 attempts. Please take a look"),
        (2, ["Failed"] * 2, "All training jobs failed. Please take a look"),
        (9, ["Completed", *["Failed"] * 4], "No objective metrics found after running 5 training jobs. Please ensure"),
    ],
)
def test_it_gives_up_when_nothing_works(desk, most, endings, reason):
    tuner = Tuner(desk, most=most)
    for status in endings:
        assert tuner.status == "InProgress"
        tuner.end(None, status=status, FailureReason="ClientError: bad" if status == "Failed" else None)
    for row in tuner.list(StatusEquals="Stopping"):
        tuner.tell(row["TrainingJobName"], SecondaryStatus="Stopped")
    described = tuner.describe()
    assert described["HyperParameterTuningJobStatus"] == "Failed"
    assert described["FailureReason"].startswith(reason)
    assert len(tuner.list()) < 9


def test_it_stops_with_its_trials(desk):
    tuner = Tuner(desk)
    tuner.end(0.7)
    desk(stop_hyper_parameter_tuning_job, HyperParameterTuningJobName="tune")
    desk.rooms.background.finish()
    assert tuner.status == "Stopping"
    assert tuner.stopped() == [2, 3]
    for row in tuner.list(StatusEquals="Stopping"):
        tuner.tell(row["TrainingJobName"], SecondaryStatus="Stopped")
    assert tuner.status == "Stopped"
    assert tuner.describe()["TrainingJobStatusCounters"]["Stopped"] == 2
    assert len(tuner.list()) == 3
    with pytest.raises(ValidationException, match="in status Stopped"):
        desk(stop_hyper_parameter_tuning_job, HyperParameterTuningJobName="tune")


@pytest.mark.parametrize(
    ("criteria", "values"),
    [
        ({"TargetObjectiveMetricValue": 0.9}, [0.7, 0.8, 0.9]),
        ({"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}, [0.7, 0.8, 0.8, 0.801, 0.7]),
        ({"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}, [0.7, 0.8, *[0.8] * 10]),
    ],
)
def test_completion_criteria(desk, criteria, values):
    tuner = Tuner(desk, most=50, parallel=1, TuningJobCompletionCriteria=criteria)
    for value in values:
        assert tuner.status == "InProgress"
        tuner.end(value)
    assert tuner.status == "Completed"
    assert len(tuner.list()) == len(values)
    converged = tuner.describe()["TuningJobCompletionDetails"]["ConvergenceDetectedTime"]
    assert converged == (desk.clock.now() if "ConvergenceDetected" in criteria else None)


def test_its_time_runs_out(desk):
    tuner = Tuner(desk, ResourceLimits=limits(MaxRuntimeInSeconds=120))
    assert desk.rooms.background.later == {(ARN, "deadline"): 120.0}
    tuner.end(0.7)
    desk.clock.move(120)
    recover(desk.rooms)
    desk.rooms.background.finish()
    assert tuner.stopped() == [2, 3]
    for row in tuner.list(StatusEquals="Stopping"):
        tuner.tell(row["TrainingJobName"], SecondaryStatus="Stopped")
    assert tuner.status == "Completed"


def test_trials_below_the_median_stop_early(desk):
    tuner = Tuner(desk, most=8, parallel=1, TrainingJobEarlyStoppingType="Auto")
    for final in (0.5, 0.6, 0.7, 0.8, 0.9):
        [name] = tuner.running()
        tuner.log(name, 0.5, final)
        tuner.end(final)
    [name] = tuner.running()
    tuner.log(name, 0.5)
    assert tuner.stopped() == []
    tuner.log(name, 0.59)  # the median of the averages of two epochs is 0.6
    assert tuner.stopped() == [6]
    tuner.tell(name, SecondaryStatus="Stopped", FinalMetricDataList=[{"MetricName": "validation:auc", "Value": 0.59}])
    assert tuner.describe()["ObjectiveStatusCounters"] == {"Succeeded": 6, "Pending": 1, "Failed": 0}
    [name] = tuner.running()
    tuner.log(name, 0.5, 0.61)
    assert tuner.stopped() == [6]


def test_without_early_stopping_trials_go_on(desk):
    tuner = Tuner(desk, most=8, parallel=1)
    for _ in range(5):
        tuner.log(tuner.running()[0], 0.9)
        tuner.end(0.9)
    tuner.log(tuner.running()[0], 0.1)
    assert tuner.stopped() == []


def test_hyperband_lets_the_best_go_on(desk):
    band = {"HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 4}}  # brackets: rung 2, and none
    tuner = Tuner(desk, strategy="Hyperband", most=9, parallel=5, StrategyConfig=band)
    first, second, third, *_ = tuner.running()
    tuner.log(first, 0.5, 0.6)
    tuner.log(third, 0.5)
    assert tuner.stopped() == []
    tuner.log(third, 0.55)
    assert tuner.stopped() == [3]
    tuner.log(second, 0.1, 0.1, 0.1)
    assert tuner.stopped() == [3]
    tuner.log(second, 0.1)
    assert tuner.stopped() == [3, 2]


def test_a_server_that_died_between_plan_and_start_goes_on(desk):
    desk.jobs.fails = OSError("the disk is full")
    desk(create_hyper_parameter_tuning_job, **tuning())
    with pytest.raises(OSError, match="full"):
        desk.rooms.background.finish()
    desk.jobs.fails = None
    recover(desk.rooms)
    desk.rooms.background.finish()
    names = [
        row["TrainingJobName"]
        for row in desk(list_training_jobs_for_hyper_parameter_tuning_job, HyperParameterTuningJobName="tune")[
            "TrainingJobSummaries"
        ]
    ]
    assert [spec.name for spec in desk.jobs.submitted] == names
    assert len(names) == 2
    recover(desk.rooms)
    desk.rooms.background.finish()
    assert len(desk.jobs.submitted) == 2


def test_trials_that_were_only_planned_when_it_is_stopped_never_begin(desk):
    desk.jobs.fails = OSError("the disk is full")
    desk(create_hyper_parameter_tuning_job, **tuning())
    with pytest.raises(OSError, match="full"):
        desk.rooms.background.finish()
    desk.jobs.fails = None
    desk(stop_hyper_parameter_tuning_job, HyperParameterTuningJobName="tune")
    desk.rooms.background.finish()
    described = desk(describe_hyper_parameter_tuning_job, HyperParameterTuningJobName="tune")
    assert described["HyperParameterTuningJobStatus"] == "Stopped"
    assert described["TrainingJobStatusCounters"]["Stopped"] == 2
    assert desk.jobs.submitted == []


def test_a_trial_that_cannot_be_created_has_failed(desk):
    desk.jobs.fails = ValidationException("no namespaces")
    tuner = Tuner(desk, most=3)
    assert tuner.status == "Failed"
    assert tuner.list()[0]["FailureReason"] == "ClientError: no namespaces"


def test_training_jobs_can_be_deleted_and_stay_in_the_list(desk):
    tuner = Tuner(desk, most=2)
    name = tuner.running()[0]
    tuner.end(0.7, 0.8)
    desk(delete_training_job, TrainingJobName=name)
    assert len(tuner.list()) == 2
    desk(delete_hyper_parameter_tuning_job, HyperParameterTuningJobName="tune")
    with pytest.raises(ServiceError, match="can't find a tuning job with the name tune") as error:
        tuner.describe()
    assert error.value.code == "ResourceNotFound"
    assert desk(describe_training_job, TrainingJobName=tuner.desk.jobs.submitted[1].name)


def test_one_that_runs_is_not_deleted_and_its_name_is_taken(desk):
    Tuner(desk)
    with pytest.raises(ValidationException, match="in status InProgress"):
        desk(delete_hyper_parameter_tuning_job, HyperParameterTuningJobName="tune")
    with pytest.raises(ResourceInUse, match="with the name, Tune, already exists"):
        desk(create_hyper_parameter_tuning_job, **tuning("Tune"))


def test_tuning_jobs_are_listed(desk):
    for name in ("b-1", "a-1", "c-2"):
        Tuner(desk, name=name, most=2)
        desk.clock.move(1)

    def names(**request):
        found = desk(list_hyper_parameter_tuning_jobs, **request)["HyperParameterTuningJobSummaries"]
        return [row["HyperParameterTuningJobName"] for row in found]

    assert names() == ["c-2", "a-1", "b-1"]
    assert names(SortBy="Name", SortOrder="Ascending") == ["a-1", "b-1", "c-2"]
    assert names(NameContains="-1") == ["a-1", "b-1"]
    assert names(StatusEquals="Completed") == []
    [summary] = desk(list_hyper_parameter_tuning_jobs, NameContains="c")["HyperParameterTuningJobSummaries"]
    assert summary["Strategy"] == "Random"
    assert summary["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2}
    assert summary["TrainingJobStatusCounters"]["InProgress"] == 2


def test_tuning_jobs_are_searched(desk):
    Tuner(desk, Tags=[{"Key": "team", "Value": "red"}])
    Tuner(desk, name="other")

    def found(name, value):
        filters = {"Filters": [{"Name": name, "Operator": "Equals", "Value": value}]}
        answer = desk(search, Resource="HyperParameterTuningJob", SearchExpression=filters)
        return [row["HyperParameterTuningJob"]["HyperParameterTuningJobName"] for row in answer["Results"]]

    assert found("Tags.team", "red") == ["tune"]
    assert sorted(found("HyperParameterTuningJobStatus", "InProgress")) == ["other", "tune"]
    assert found("TrainingJobStatusCounters.InProgress", "3") == []


def several(**changes):
    """Two definitions: XGBoost and K-Means."""
    clusters = definition(
        DefinitionName="clusters",
        TuningObjective={"Type": "Minimize", "MetricName": "test:msd"},
        AlgorithmSpecification={"TrainingImage": KMEANS, "TrainingInputMode": "File"},
        InputDataConfig=[channel("train"), channel("test")],
        StaticHyperParameters={"k": "2", "feature_dim": "2"},
        HyperParameterRanges={"IntegerParameterRanges": [{"Name": "epochs", "MinValue": "1", "MaxValue": "3"}]},
    )
    trees = definition(
        DefinitionName="trees",
        TuningObjective={"Type": "Minimize", "MetricName": "validation:error"},
        HyperParameterRanges=RANGES,
    )
    request = {"TrainingJobDefinition": None, "HyperParameterTuningJobObjective": None, "ParameterRanges": None}
    return {**request, "TrainingJobDefinitions": [clusters, trees], **changes}


def test_several_definitions_take_turns(desk):
    tuner = Tuner(desk, **several())
    tuner.end(0.3, metric="test:msd")
    tuner.end(0.2, metric="validation:error")
    rows = tuner.list()
    assert [row["TrainingJobDefinitionName"] for row in rows] == ["clusters", "trees"] * 2
    assert list(rows[0]["TunedHyperParameters"]) == ["epochs"]
    best = tuner.describe()["BestTrainingJob"]
    assert best["TrainingJobDefinitionName"] == "trees"
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["MetricName"] == "validation:error"


@pytest.fixture
def parent(desk):
    """A tuning job that has ended; its trials count more, the nearer eta is to 0.2."""
    tuner = Tuner(desk, name="parent", most=10, parallel=1)
    for _ in range(10):
        [name] = tuner.running()
        eta = float(desk(describe_training_job, TrainingJobName=name)["HyperParameters"]["eta"])
        tuner.end(1 - abs(eta - 0.2))
    return tuner


def warm(kind="IdenticalDataAndAlgorithm", *names):
    parents = [{"HyperParameterTuningJobName": name} for name in names or ("parent",)]
    return {"ParentHyperParameterTuningJobs": parents, "WarmStartType": kind}


@pytest.mark.parametrize("kind", ["IdenticalDataAndAlgorithm", "TransferLearning"])
def test_a_warm_start_learns_from_its_parent(desk, parent, kind):
    tuner = Tuner(desk, strategy="Bayesian", most=8, parallel=1, WarmStartConfig=warm(kind))
    for _ in range(8):
        [name] = tuner.running()
        eta = float(desk(describe_training_job, TrainingJobName=name)["HyperParameters"]["eta"])
        tuner.end(0.5 * (1 - abs(eta - 0.2)))

    def distance(found):
        return sum(abs(float(row["TunedHyperParameters"]["eta"]) - 0.2) for row in found) / len(found)

    assert distance(tuner.list()) < 0.8 * distance(parent.list())
    described = tuner.describe()
    assert described["BestTrainingJob"]["TrainingJobName"].startswith("tune-")
    if kind == "TransferLearning":
        assert "OverallBestTrainingJob" not in described
    else:
        overall = described["OverallBestTrainingJob"]
        assert overall["TuningJobName"] == "parent"
        assert overall["TrainingJobName"] == parent.describe()["BestTrainingJob"]["TrainingJobName"]


def static(**changes):
    return definition(StaticHyperParameters={"num_round": "10", "objective": "binary:logistic", **changes})


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"strategy": "Hyperband"}, "Bayesian and Random, not for Hyperband"),
        ({"WarmStartConfig": warm("TransferLearning", "parent", "Parent")}, "more than once"),
        ({"WarmStartConfig": warm("TransferLearning", "nobody")}, "can't find a tuning job with the name nobody"),
        (
            {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:error"}},
            "objective metric must be the same",
        ),
        ({"TrainingJobDefinition": static(alpha="1")}, "number of static and tunable hyperparameters .*: 4, not 5"),
        (
            {
                "ParameterRanges": {
                    "CategoricalParameterRanges": [{"Name": "eta", "Values": ["0.2"]}],
                    "IntegerParameterRanges": RANGES["IntegerParameterRanges"],
                }
            },
            "The type of eta must be the same",
        ),
        (
            {"TrainingJobDefinition": definition(InputDataConfig=[channel("train", ContentType="text/csv")])},
            "InputDataConfig must be the same",
        ),
    ],
)
def test_parents_that_do_not_fit_are_refused(desk, parent, request_, sentence):
    band = {"StrategyConfig": {"HyperbandStrategyConfig": {"MaxResource": 9}}} if "strategy" in request_ else {}
    assert re.search(sentence, refusal(desk, **{"WarmStartConfig": warm(), **band, **request_}).message)


def test_a_parent_must_have_ended(desk):
    Tuner(desk, name="parent")
    assert "in status InProgress; it must have ended" in refusal(desk, WarmStartConfig=warm()).message


def ranged(kind, **entry):
    return {f"{kind}ParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5", **entry}]}


def hyperband(least, most):
    return {"HyperbandStrategyConfig": {"MinResource": least, "MaxResource": most}}


def scripted(*metrics):
    definitions = [{"Name": name, "Regex": f"{name}=([0-9.]+)"} for name in metrics]
    specification = {"TrainingImage": XGBOOST, "TrainingInputMode": "File", "MetricDefinitions": definitions}
    return {
        "StaticHyperParameters": {"sagemaker_program": "train.py"},
        "AlgorithmSpecification": specification,
    }


SCRIPT_RANGES = {
    "ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0.1", "MaxValue": "0.5"}],
    "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "9"}],
    "CategoricalParameterRanges": [{"Name": "way", "Values": ["up", "down"]}],
}


def test_any_hyperparameter_of_a_script_is_searched_by_a_metric_of_its_own(desk):
    objective = {"Type": "Minimize", "MetricName": "loss"}
    tuner = Tuner(
        desk,
        HyperParameterTuningJobObjective=objective,
        ParameterRanges=SCRIPT_RANGES,
        TrainingJobDefinition=definition(**scripted("loss")),
    )
    spec = desk.jobs.submitted[0]
    assert (spec.image, spec.algorithm, spec.metrics[0].name) == (XGBOOST, "", "loss")
    assert {"rate", "depth", "way", "sagemaker_program"} <= spec.hyperparameters.keys()
    tuner.end(0.4, 0.1, 0.3, 0.2, metric="loss")
    found = tuner.describe()
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    assert found["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 0.1


def test_a_scripts_objective_must_be_among_its_metrics(desk):
    assert (
        "Choose a valid objective metric: loss"
        in refusal(desk, TrainingJobDefinition=definition(**scripted("loss"))).message
    )


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"TrainingJobDefinition": None}, "Exactly one of TrainingJobDefinition and TrainingJobDefinitions"),
        ({"HyperParameterTuningJobObjective": None}, "A metric is required for this hyperparameter tuning job"),
        (
            {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:fun"}},
            r"\[validation:fun\], isn't valid for the \[.*xgboost:1.7-1\] algorithm",
        ),
        (
            {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:auc"}},
            r"type, \[Minimize\], that you specified for objective metric, \[validation:auc\], isn't valid",
        ),
        ({"ParameterRanges": None}, "at least one parameter range"),
        ({"ParameterRanges": ranged("Continuous", Name="nonsense")}, "nonsense isn't one of the algorithm's"),
        ({"ParameterRanges": ranged("Integer", Name="seed")}, "seed isn't one that can be tuned.*max_depth"),
        ({"ParameterRanges": ranged("Continuous", Name="max_depth")}, "max_depth is of type Integer"),
        ({"ParameterRanges": ranged("Continuous", MaxValue="2")}, r"eta isn't valid: 2(.0)? is not in \[0, 1\]"),
        ({"ParameterRanges": ranged("Continuous", MinValue="0.9")}, "MinValue 0.9 is greater than its MaxValue 0.5"),
        ({"ParameterRanges": ranged("Continuous", MinValue="x")}, "'x' is not a number"),
        (
            {"ParameterRanges": ranged("Integer", Name="alpha")},
            "MinValue of the hyperparameter alpha is not an int",
        ),
        (
            {"ParameterRanges": ranged("Continuous", MinValue="0", ScalingType="Logarithmic")},
            "Logarithmic scaling is for ranges of values greater than 0",
        ),
        (
            {"ParameterRanges": ranged("Continuous", Name="alpha", MaxValue="1", ScalingType="ReverseLogarithmic")},
            "within 0 <= x < 1.0",
        ),
        (
            {
                "ParameterRanges": ranged(
                    "Integer", Name="max_depth", MinValue="0", MaxValue="3", ScalingType="ReverseLogarithmic"
                )
            },
            "not for integer ranges",
        ),
        ({"ParameterRanges": {**ranged("Continuous"), **GRID}}, "eta has more than one range"),
        ({"TrainingJobDefinition": static(eta="0.3")}, "eta is in StaticHyperParameters and has a range"),
        ({"TrainingJobDefinition": static(learning_rate="0.3")}, "learning_rate is in StaticHyperParameters"),
        ({"TrainingJobDefinition": static(_tuning_objective_metric="validation:f1")}, "not the tuning job's objective"),
        ({"TrainingJobDefinition": static(nonsense="1")}, "Extraneous hyperparameter found: nonsense"),
        ({"TrainingJobDefinition": definition(StaticHyperParameters={})}, "Missing required hyperparameter: num_round"),
        ({"TrainingJobDefinition": definition(ResourceConfig=None)}, "exactly one of ResourceConfig"),
        (
            {"TrainingJobDefinition": definition(EnableManagedSpotTraining=True)},
            "Invalid MaxWaitTimeInSeconds. It must be present",
        ),
        ({"Autotune": {"Mode": "Enabled"}}, "Autotune asks for Autotune"),
        ({"ParameterRanges": {"AutoParameters": [{"Name": "eta", "ValueHint": "0.1"}]}}, "AutoParameters asks for"),
        ({"strategy": "Grid"}, "Grid searches CategoricalParameterRanges only"),
        ({"strategy": "Grid", "ParameterRanges": GRID}, "must be the number of all combinations, 6"),
        ({"strategy": "Hyperband"}, "needs HyperbandStrategyConfig.MaxResource"),
        ({"strategy": "Hyperband", "StrategyConfig": hyperband(5, 4)}, "MinResource is 5 and MaxResource 4"),
        (
            {"strategy": "Hyperband", "StrategyConfig": hyperband(1, 4), "TrainingJobEarlyStoppingType": "Auto"},
            "TrainingJobEarlyStoppingType must be Off",
        ),
        ({"StrategyConfig": hyperband(1, 4)}, "goes with strategy Hyperband, not with Random"),
        ({"ResourceLimits": {"MaxParallelTrainingJobs": 2}}, "MaxNumberOfTrainingJobs is required for strategy Random"),
        ({"most": 1}, r"MaxParallelTrainingJobs \(2\) can't be greater than MaxNumberOfTrainingJobs \(1\)"),
        (several(ParameterRanges=RANGES), "HyperParameterTuningJobConfig.ParameterRanges goes with"),
        (
            several(TrainingJobDefinitions=[definition(TuningObjective=OBJECTIVE, HyperParameterRanges=RANGES)]),
            "must have a DefinitionName of its own",
        ),
    ],
)
def test_what_can_not_be_searched_is_refused(desk, request_, sentence):
    problem = refusal(desk, **request_)
    assert isinstance(problem, ValidationException)
    assert re.search(sentence, problem.message)


def test_quotas(desk):
    assert isinstance(refusal(desk, most=751, strategy="Bayesian"), ResourceLimitExceeded)
    assert isinstance(refusal(desk, most=200, parallel=101), ResourceLimitExceeded)


def test_instance_configurations(desk):
    configs = [
        {"InstanceType": "ml.c5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5},
    ]
    flexible = {"AllocationStrategy": "Prioritized", "InstanceConfigs": configs}
    whole = definition(ResourceConfig=None, HyperParameterTuningResourceConfig=flexible)
    Tuner(desk, TrainingJobDefinition=whole)
    assert desk.jobs.submitted[0].instance_type == "ml.c5.large"
    whole["HyperParameterTuningResourceConfig"]["InstanceType"] = "ml.m5.large"
    assert "give the one or the other" in refusal(desk, name="other", TrainingJobDefinition=whole).message
