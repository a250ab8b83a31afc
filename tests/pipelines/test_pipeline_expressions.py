"""Expressions and conditions: their values."""

import pytest

from clary.pipelines import ExpressionError, Scope, holds, resolve

RESULT = {
    "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
    "FinalMetricDataList": [{"MetricName": "a", "Value": 1.0}, {"MetricName": "test:mse", "Value": 2.5}],
    "ProcessingOutputConfig": {"Outputs": [{"OutputName": "train", "S3Output": {"S3Uri": "s3://b/t"}}]},
    "HyperParameters": {"k.1": "3"},
}
FILES = {"s3://b/m.json": {"metrics": [{"mse": 0.5}], "odd.name": 1}}
SCOPE = Scope(
    parameters={"n": 3, "x": 0.5, "yes": True, "text": "t", "list": [1]},
    execution={"PipelineName": "p"},
    experiment={"TrialName": "trial"},
    result={"train": RESULT}.__getitem__,
    property_file=lambda step, name: {("eval", "file"): "s3://b/m.json"}[step, name],
    read_json=FILES.__getitem__,
)


def get(path):
    return {"Get": path}


def join(on, *values):
    return {"Std:Join": {"On": on, "Values": list(values)}}


def json_get(path):
    return {"Std:JsonGet": {"PropertyFile": get("Steps.eval.PropertyFiles.file"), "Path": path}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("plain", "plain"),
        (get("Parameters.n"), 3),
        (get("Execution.PipelineName"), "p"),
        (get("PipelineExperimentConfig.TrialName"), "trial"),
        (get("Steps.train.ModelArtifacts.S3ModelArtifacts"), "s3://b/m"),
        (get("Steps.train.FinalMetricDataList['test:mse'].Value"), 2.5),
        (get('Steps.train.FinalMetricDataList["a"].Value'), 1.0),
        (get("Steps.train.FinalMetricDataList[1].MetricName"), "test:mse"),
        (get("Steps.train.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"), "s3://b/t"),
        (get("Steps.train.HyperParameters['k.1']"), "3"),
        (join("/", "s3:/", get("Parameters.text"), get("Parameters.n")), "s3://t/3"),
        (join("", get("Parameters.x"), get("Parameters.yes"), join("-", "a", "b")), "0.5truea-b"),
        (json_get("metrics[0].mse"), 0.5),
        (json_get("$.metrics[0]['mse']"), 0.5),
        (json_get("['odd.name']"), 1),
        ({"Std:JsonGet": {"S3Uri": join("/", "s3:/", "b", "m.json"), "Path": "metrics[0].mse"}}, 0.5),
        ({"a": [get("Parameters.n"), {"b": get("Parameters.text")}]}, {"a": [3, {"b": "t"}]}),
    ],
)
def test_values(expression, value):
    assert resolve(expression, SCOPE) == value


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (get("Steps.train.ModelArtifacts.Other"), "step train has no ModelArtifacts.Other"),
        (get("Steps.train.FinalMetricDataList['b'].Value"), "has no FinalMetricDataList.b"),
        (get("Steps.train.FinalMetricDataList[2]"), "has no FinalMetricDataList.2"),
        (get("Execution.TrainingJobName"), "Execution.TrainingJobName has no value here"),
        (json_get("metrics[0].mae"), "s3://b/m.json has no metrics.0.mae"),
        (join(",", get("Parameters.list")), "not [1]"),
    ],
)
def test_what_has_no_value(expression, words):
    with pytest.raises(ExpressionError) as error:
        resolve(expression, SCOPE)
    assert words in str(error.value)


def compare(kind, left, right):
    return {"Type": kind, "LeftValue": left, "RightValue": right}


YES, NO = compare("Equals", 1, 1), compare("Equals", 1, 2)


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (YES, True),
        (compare("Equals", 1, 1.0), True),
        (compare("Equals", "1", 1), False),
        (compare("Equals", True, 1), False),
        (compare("GreaterThan", 2, 1.5), True),
        (compare("GreaterThanOrEqualTo", 2, 2), True),
        (compare("LessThan", 2, 2), False),
        (compare("LessThanOrEqualTo", "a", "b"), True),
        ({"Type": "In", "QueryValue": "b", "Values": ["a", "b"]}, True),
        ({"Type": "In", "QueryValue": 1, "Values": [True]}, False),
        ({"Type": "Not", "Condition": YES}, False),
        ({"Type": "Or", "Conditions": [NO, {"Type": "Not", "Condition": NO}]}, True),
        ({"Type": "Or", "Conditions": [NO, NO]}, False),
    ],
)
def test_conditions(condition, outcome):
    assert holds([condition]) is outcome
    assert holds([condition, NO]) is False


def test_values_without_an_order():
    with pytest.raises(ExpressionError, match="LessThan can't compare 'a' with 1"):
        holds([compare("LessThan", "a", 1)])
