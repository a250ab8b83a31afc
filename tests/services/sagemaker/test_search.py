import pytest

from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.model import create_model
from clary.services.sagemaker.search import search
from clary.services.sagemaker.training_job import create_training_job
from tests.services.sagemaker.conftest import channel, model, training_job

ARN = "arn:aws:sagemaker:us-east-1:000000000000:training-job/"


@pytest.fixture
def jobs(desk):
    """Three jobs: `one` completed with msd 1.5, `two` failed, `three` runs."""
    desk(create_training_job, **training_job("one", Tags=[{"Key": "team", "Value": "red"}]))
    desk.clock.move(10)
    desk(create_training_job, **training_job("two", HyperParameters={"k": "10", "feature_dim": "2"}))
    desk.clock.move(10)
    both = [channel("train"), channel("test")]
    desk(create_training_job, **training_job("three", InputDataConfig=both, Environment={"a.b": "c"}))
    desk.clock.move(10)
    metrics = [{"MetricName": "test:msd", "Value": 1.5, "Timestamp": desk.clock.now()}]
    desk.tell(f"{ARN}one", SecondaryStatus="Completed", FinalMetricDataList=metrics)
    desk.clock.move(10)
    desk.tell(f"{ARN}two", SecondaryStatus="Failed", FailureReason="ClientError: bad")
    return desk


def found(desk, *filters, **request):
    if filters:
        request.setdefault("SearchExpression", {"Filters": [to_filter(*row) for row in filters]})
    answer = desk(search, Resource="TrainingJob", **request)
    return [row["TrainingJob"]["TrainingJobName"] for row in answer["Results"]]


def to_filter(name, operator=None, value=None):
    row = {"Name": name, "Operator": operator, "Value": value}
    return {member: part for member, part in row.items() if part is not None}


@pytest.mark.parametrize(
    ("row", "names"),
    [
        (("TrainingJobStatus", None, "Failed"), ["two"]),
        (("TrainingJobStatus", "NotEquals", "Failed"), ["one", "three"]),
        (("TrainingJobStatus", "In", "Failed, Completed"), ["two", "one"]),
        (("TrainingJobName", "Contains", "t"), ["two", "three"]),
        (("FailureReason", "Exists"), ["two"]),
        (("FailureReason", "NotExists"), ["one", "three"]),
        (("HyperParameters.k", "Equals", "2"), ["one", "three"]),
        (("HyperParameters.k", "GreaterThan", "9"), ["two"]),
        (("HyperParameters.k", "LessThanOrEqualTo", "9.5"), ["one", "three"]),
        (("Metrics.test:msd", "LessThan", "2"), ["one"]),
        (("Tags.team", "Equals", "red"), ["one"]),
        (("Environment.a.b", "Equals", "c"), ["three"]),
        (("ResourceConfig.InstanceCount", "GreaterThanOrEqualTo", "1"), ["two", "one", "three"]),
        (("EnableNetworkIsolation", "Equals", "false"), ["two", "one", "three"]),
        (("InputDataConfig.ChannelName", "Equals", "test"), ["three"]),
        (("AlgorithmSpecification.TrainingImage", "Contains", "/kmeans"), ["two", "one", "three"]),
        (("CreationTime", "GreaterThan", "2023-11-14T22:13:25"), ["two", "three"]),
        (("CreationTime", "LessThan", "2023-11-14T22:13:25Z"), ["one"]),
    ],
)
def test_filters(jobs, row, names):
    assert found(jobs, row) == names


def test_expressions_are_combined(jobs):
    def either(*parts, **members):
        return {"SearchExpression": {"Operator": "Or", "Filters": [to_filter(*part) for part in parts], **members}}

    one, two = ("TrainingJobName", "Equals", "one"), ("TrainingJobName", "Equals", "two")
    assert found(jobs, one, two) == []
    assert found(jobs, **either(one, two)) == ["two", "one"]
    inner = either(("TrainingJobStatus", "Equals", "InProgress"))["SearchExpression"]
    assert found(jobs, **either(one, SubExpressions=[inner])) == ["one", "three"]


def test_a_nested_filter_holds_for_one_object_of_the_list(jobs):
    def nested(name, uri):
        filters = [
            to_filter("InputDataConfig.ChannelName", "Equals", name),
            to_filter("InputDataConfig.DataSource.S3DataSource.S3Uri", "Contains", uri),
        ]
        nested = [{"NestedPropertyName": "InputDataConfig", "Filters": filters}]
        return found(jobs, SearchExpression={"NestedFilters": nested})

    assert nested("test", "data/test") == ["three"]
    assert nested("test", "data/train") == []


def test_order_and_pages(jobs):
    assert found(jobs) == ["two", "one", "three"]  # the last one to change first
    assert found(jobs, SortBy="CreationTime", SortOrder="Ascending") == ["one", "two", "three"]
    assert found(jobs, SortBy="FailureReason")[0] == "two"  # what lacks it comes last
    first = jobs(search, Resource="TrainingJob", MaxResults=2)
    assert first["TotalHits"] == {"Value": 3, "Relation": "EqualTo"}
    assert found(jobs, MaxResults=2, NextToken=first["NextToken"]) == ["three"]
    with pytest.raises(ValidationException, match="token"):
        found(jobs, SortBy="CreationTime", NextToken=first["NextToken"])


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (("Nonsense", "Equals", "x"), "Unknown property name: Nonsense"),
        (("TrainingJobName", "GreaterThan", "x"), "not supported for text"),
        (("ResourceConfig.InstanceCount", "Contains", "1"), "only supported for text properties"),
        (("ResourceConfig.InstanceCount", "Equals", "one"), "'one' is not a number"),
        (("CreationTime", "LessThan", "yesterday"), "YYYY-mm-dd"),
        (("TrainingJobName", "Equals"), "must have a Value"),
        (("TrainingJobName", "Exists", "x"), "must have no Value"),
    ],
)
def test_filters_that_make_no_sense_are_refused(jobs, row, sentence):
    with pytest.raises(ValidationException, match=sentence):
        found(jobs, row)


def test_expressions_that_are_too_much_are_refused(jobs):
    contains = ("TrainingJobName", "Contains", "o")
    with pytest.raises(ValidationException, match="'CONTAINS' operator usage limit of 1 exceeded"):
        found(jobs, contains, contains)
    with pytest.raises(ValidationException, match="at least one filter"):
        found(jobs, SearchExpression={"Operator": "And"})
    with pytest.raises(ValidationException, match="at most 50"):
        found(jobs, *[("TrainingJobName", "Equals", "one")] * 51)


def test_models_and_endpoints_are_searched_and_of_other_kinds_there_are_none(jobs):
    jobs(create_model, **model())
    expression = {"Filters": [to_filter("ModelName", "Equals", "model")]}
    [result] = jobs(search, Resource="Model", SearchExpression=expression)["Results"]
    assert result["Model"]["Model"]["ModelName"] == "model"
    assert jobs(search, Resource="Endpoint")["Results"] == []
    assert jobs(search, Resource="Experiment")["Results"] == []
    assert jobs(search, Resource="TrainingJob", CrossAccountFilterOption="CrossAccount")["Results"] == []
