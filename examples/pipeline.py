"""A pipeline that trains, judges and registers: a model that is good enough becomes a version, another ends the run.

    python examples/pipeline.py

XGBoost tells tumours apart; Wisconsin's data come with scikit-learn. The pipeline is started with the parameters of
three people: the first is content with its log loss, the second wants the impossible and takes the first's training
from the cache, the third trains anew, with fewer rounds. First: eval "$(clary env)".
"""

import json
import time

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from steps import BUCKET, ROLE, as_csv, sagemaker, upload

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
NAME = f"Tumours-{time.strftime('%H%M%S')}"

features, benign = load_breast_cancer(return_X_y=True)
train, validation = train_test_split(np.column_stack([1 - benign, features]), test_size=1 / 3, random_state=0)
channels = [
    {
        "ChannelName": name,
        "ContentType": "text/csv",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": upload(f"pipeline/{name}", as_csv(rows))}},
    }
    for name, rows in {"train": train, "validation": validation}.items()
]


def get(path):
    """A value that is known when the pipeline runs."""
    return {"Get": path}


def join(*values):
    return {"Std:Join": {"On": "", "Values": list(values)}}


loss = get("Steps.Train.FinalMetricDataList['validation:logloss'].Value")
container = {"Image": IMAGE, "ModelDataUrl": get("Steps.Train.ModelArtifacts.S3ModelArtifacts")}
steps = [
    {
        "Name": "Train",
        "Type": "Training",
        "CacheConfig": {"Enabled": True, "ExpireAfter": "PT1H"},
        "Arguments": {
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "HyperParameters": {"objective": "binary:logistic", "num_round": join(get("Parameters.Rounds"))},
            "InputDataConfig": channels,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        },
    },
    {
        "Name": "Judge",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "LessThanOrEqualTo", "LeftValue": loss, "RightValue": get("Parameters.Limit")}],
            "IfSteps": [
                {
                    "Name": "Register",
                    "Type": "RegisterModel",
                    "Arguments": {
                        "ModelPackageGroupName": NAME,
                        "InferenceSpecification": {"Containers": [container], "SupportedContentTypes": ["text/csv"]},
                        "CustomerMetadataProperties": {"logloss": join(loss)},
                    },
                }
            ],
            "ElseSteps": [
                {
                    "Name": "Reject",
                    "Type": "Fail",
                    "Arguments": {"ErrorMessage": join("log loss ", loss, " is over ", get("Parameters.Limit"))},
                }
            ],
        },
    },
]
parameters = [
    {"Name": "Rounds", "Type": "Integer", "DefaultValue": 60},
    {"Name": "Limit", "Type": "Float", "DefaultValue": 0.2},
]
definition = json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps})
sagemaker.create_pipeline(PipelineName=NAME, RoleArn=ROLE, PipelineDefinition=definition)

for values in ({}, {"Limit": "0.001"}, {"Rounds": "30"}):
    given = [{"Name": name, "Value": value} for name, value in values.items()]
    arn = sagemaker.start_pipeline_execution(PipelineName=NAME, PipelineParameters=given)["PipelineExecutionArn"]
    status = "Executing"
    while status == "Executing":
        time.sleep(0.2)
        execution = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        status = execution["PipelineExecutionStatus"]
    print(f"{values or 'as it is'}: {status}. {execution.get('FailureReason', '')}")
    shown = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, SortOrder="Ascending")
    for step in shown["PipelineExecutionSteps"]:
        seconds = (step["EndTime"] - step["StartTime"]).total_seconds()
        cached = ", from the cache" if "CacheHitResult" in step else ""
        print(f"    {step['StepName']}: {step['StepStatus']} after {seconds:.1f} s{cached}")

versions = sagemaker.list_model_packages(ModelPackageGroupName=NAME, SortOrder="Ascending")["ModelPackageSummaryList"]
for version in versions:
    found = sagemaker.describe_model_package(ModelPackageName=version["ModelPackageArn"])
    print(f"version {version['ModelPackageVersion']}: log loss {found['CustomerMetadataProperties']['logloss']}")
