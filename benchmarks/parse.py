"""Decode and validate a request: Clary's wire against moto's parser and botocore's validator, in turns.

    python benchmarks/parse.py [--rounds N]

Needs moto beside Clary. botocore's validator checks presence, types, lengths and ranges; Clary checks patterns and
enums too. Prints the median and the fastest time of each side, and the ratio of the medians: 8 is to be reached.
"""

import argparse
import base64
import json
import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace

from botocore.loaders import Loader
from botocore.validate import ParamValidator
from moto.core.model import ServiceModel
from moto.core.parse import JSONParser

from clary.wire.registry import Service

TRAINING_JOB = {
    "TrainingJobName": "xgboost-2026-11-22-16-29-44-123",
    "AlgorithmSpecification": {
        "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "TrainingInputMode": "File",
        "MetricDefinitions": [
            {"Name": "validation:auc", "Regex": ".*\\[[0-9]+\\].*#011validation-auc:([-+]?[0-9.]+).*"}
        ],
        "EnableSageMakerMetricsTimeSeries": False,
    },
    "RoleArn": "arn:aws:iam::000000000000:role/ClaryExecutionRole",
    "InputDataConfig": [
        {
            "ChannelName": name,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": f"s3://sagemaker-us-east-1-000000000000/breast-cancer/{name}/",
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
            "ContentType": "text/csv",
            "CompressionType": "None",
        }
        for name in ("train", "validation")
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://sagemaker-us-east-1-000000000000/output/", "KmsKeyId": ""},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    "HyperParameters": {
        "objective": "binary:logistic",
        "num_round": "100",
        "max_depth": "5",
        "eta": "0.2",
        "gamma": "4",
        "min_child_weight": "6",
        "subsample": "0.8",
        "eval_metric": "auc",
    },
    "Tags": [{"Key": "project", "Value": "breast cancer"}, {"Key": "owner", "Value": "someone@example.org"}],
    "Environment": {"LOG_LEVEL": "INFO"},
    "EnableNetworkIsolation": True,
    "DebugHookConfig": {"S3OutputPath": "s3://sagemaker-us-east-1-000000000000/", "CollectionConfigurations": []},
    "ProfilerConfig": {"DisableProfiler": True},
}

RECORDS = {
    "StreamName": "clicks",
    "Records": [
        {
            "Data": base64.b64encode(bytes((number + place) % 256 for place in range(100))).decode(),
            "PartitionKey": f"user-{number}",
        }
        for number in range(500)
    ],
}


def ours(service: str, operation: str, body: bytes) -> Callable[[], object]:
    """Clary's decoding and validation of a request."""
    model = Service(service).operations[operation]
    codec = model.codec("json")
    request = SimpleNamespace(content=body)
    return lambda: codec.read(request, {})  # type: ignore[arg-type]


def theirs(service: str, operation: str, body: bytes) -> Callable[[], object]:
    """moto's parser, then botocore's validator."""
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service).operation_model(operation)
    parser, validator = JSONParser(model), ParamValidator()

    def parse() -> object:
        parsed = parser.parse({"body": body})  # type: ignore[typeddict-item]
        report = validator.validate(parsed, model.input_shape)
        assert not report.has_errors(), report.generate_report()
        return parsed

    return parse


def seconds(function: Callable[[], object], calls: int) -> float:
    """The time of one call, over a few in a row."""
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls


def compare(title: str, service: str, operation: str, document: object, rounds: int, calls: int) -> float:
    """Run both in turns, print a row, return the ratio."""
    body = json.dumps(document).encode()
    sides = [ours(service, operation, body), theirs(service, operation, body)]
    assert [side() == sides[0]() for side in sides] == [True, True]
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for side, function in enumerate(sides):
            times[side].append(seconds(function, calls))
    medians = [statistics.median(side) * 1e6 for side in times]
    best = [min(side) * 1e6 for side in times]
    ratio = medians[1] / medians[0]
    print(
        f"{title:<34}{len(body):>9,}{medians[0]:>10.1f}{best[0]:>10.1f}{medians[1]:>12.1f}{best[1]:>12.1f}{ratio:>8.1f}"
    )
    return ratio


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=200)
    rounds = arguments.parse_args().rounds
    print("microseconds a request              bytes     Clary   fastest        moto     fastest   ratio")
    ratios = [
        compare("sagemaker CreateTrainingJob", "sagemaker", "CreateTrainingJob", TRAINING_JOB, rounds, 20),
        compare("kinesis PutRecords, 500 x 100 B", "kinesis", "PutRecords", RECORDS, rounds, 2),
    ]
    print(f"smallest ratio {min(ratios):.1f}, to be reached: 8")


if __name__ == "__main__":
    main()
