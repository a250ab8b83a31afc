"""A spot job loses its machine to a job on demand, and goes on from its last checkpoint when it gets it back.

    python examples/spot.py

Wisconsin's breast cancer data come with scikit-learn. First: eval "$(clary env)".
"""

import time

import numpy as np
from sklearn.datasets import load_breast_cancer
from steps import BUCKET, ROLE, as_csv, s3, sagemaker, upload

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
NOW = time.strftime("%H%M%S")
WHOLE_MACHINE = "ml.m5.24xlarge"  # wants more cores than most machines have, so it runs alone

features, benign = load_breast_cancer(return_X_y=True)
uri = upload("spot/train", as_csv(np.column_stack([1 - benign, features])))


def start(name, rounds, **more):
    """Start a job that needs the whole machine."""
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"objective": "binary:logistic", "num_round": str(rounds), "eta": "0.01"},
        "InputDataConfig": [
            {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
        "ResourceConfig": {"InstanceType": WHOLE_MACHINE, "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    sagemaker.create_training_job(**{**request, **more})


def wait(name, *statuses):
    """The job's description once it has one of these secondary statuses."""
    while True:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        if job["SecondaryStatus"] in statuses:
            return job
        time.sleep(0.1)


start(
    f"spot-{NOW}",
    rounds=1000,
    EnableManagedSpotTraining=True,
    StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900},
    CheckpointConfig={"S3Uri": f"s3://{BUCKET}/spot/{NOW}"},
)
wait(f"spot-{NOW}", "Training")
time.sleep(1)
start(f"urgent-{NOW}", rounds=20)
wait(f"spot-{NOW}", "Interrupted")
rows = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"spot/{NOW}/")["Contents"]
print("Interrupted; in S3:", ", ".join(sorted(row["Key"].rpartition("/")[2] for row in rows)))
print("The job on demand:", wait(f"urgent-{NOW}", "Completed", "Failed")["SecondaryStatus"])

job = wait(f"spot-{NOW}", "Completed", "Failed", "Stopped")
print("The spot job:", " > ".join(step["Status"] for step in job["SecondaryStatusTransitions"]))
saving = 100 * (1 - job["BillableTimeInSeconds"] / job["TrainingTimeInSeconds"])
print(f"{job['TrainingTimeInSeconds']} s trained, {job['BillableTimeInSeconds']} s to pay: {saving:.0f} % saved")
