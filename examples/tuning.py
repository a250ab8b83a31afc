"""Which settings make XGBoost best at telling tumours apart? A tuning job searches them, two trials at a time.

    python examples/tuning.py

Wisconsin's breast cancer data come with scikit-learn. First: eval "$(clary env)".
"""

import time

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from steps import BUCKET, ROLE, as_csv, sagemaker, upload

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
NAME = f"tumours-{time.strftime('%H%M%S')}"

features, benign = load_breast_cancer(return_X_y=True)
train, validation = train_test_split(np.column_stack([1 - benign, features]), test_size=1 / 3, random_state=0)
channels = [
    {
        "ChannelName": name,
        "ContentType": "text/csv",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": upload(f"tuning/{name}", as_csv(rows))}},
    }
    for name, rows in {"train": train, "validation": validation}.items()
]

sagemaker.create_hyper_parameter_tuning_job(
    HyperParameterTuningJobName=NAME,
    HyperParameterTuningJobConfig={
        "Strategy": "Bayesian",
        "RandomSeed": 1,
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:logloss"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 16, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {
            "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "10"}],
            "ContinuousParameterRanges": [
                {"Name": "eta", "MinValue": "0.01", "MaxValue": "0.5", "ScalingType": "Logarithmic"},
                {"Name": "subsample", "MinValue": "0.5", "MaxValue": "1"},
            ],
        },
    },
    TrainingJobDefinition={
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "StaticHyperParameters": {"objective": "binary:logistic", "num_round": "60"},
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    },
)
status = "InProgress"
while status == "InProgress":
    time.sleep(0.2)
    job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=NAME)
    status = job["HyperParameterTuningJobStatus"]

trials = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
    HyperParameterTuningJobName=NAME, SortBy="FinalObjectiveMetricValue", SortOrder="Ascending", MaxResults=100
)["TrainingJobSummaries"]
for trial in trials[:5]:
    loss = trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    print(f"log loss {loss:.4f}", {name: float(value) for name, value in trial["TunedHyperParameters"].items()})
print(f"{status}; best of {len(trials)}: {job['BestTrainingJob']['TrainingJobName']}")
