"""Train a scikit-learn script of your own and serve it, in SageMaker's scikit-learn image. Plain boto3.

What SDK v2's `SKLearn(entry_point=...)` does by three lines, step by step: the script goes to S3 as sourcedir.tar.gz,
hyperparameters say where it is, and its functions (here model_fn alone) say how the model is served.
"""

import io
import json
import tarfile
import time

from sklearn.datasets import load_breast_cancer
from steps import BUCKET, ROLE, as_csv, runtime, s3, sagemaker, upload

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = """
import argparse
import os

import joblib
import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def model_fn(folder):
    return joblib.load(os.path.join(folder, "model.joblib"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    settings = parser.parse_args()
    rows = numpy.loadtxt(os.path.join(settings.train, "part-0"), delimiter=",")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=settings.strength, max_iter=1000))
    print(f"cross-validated accuracy: {cross_val_score(model, rows[:, 1:], rows[:, 0]).mean():.4f}")
    joblib.dump(model.fit(rows[:, 1:], rows[:, 0]), os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
"""

features, labels = load_breast_cancer(return_X_y=True)
rows = [[label, *row] for label, row in zip(labels, features, strict=True)]
data = upload("train", as_csv(rows))

buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
    member = tarfile.TarInfo("train.py")
    member.size = len(SCRIPT)
    archive.addfile(member, io.BytesIO(SCRIPT.encode()))
s3.put_object(Bucket=BUCKET, Key="source/sourcedir.tar.gz", Body=buffer.getvalue())
source = f"s3://{BUCKET}/source/sourcedir.tar.gz"

name = f"script-{time.strftime('%H%M%S')}-{time.time_ns() % 1000000}"
sagemaker.create_training_job(
    TrainingJobName=name,
    AlgorithmSpecification={
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "accuracy", "Regex": "accuracy: ([0-9.]+)"}],
    },
    RoleArn=ROLE,
    HyperParameters={"strength": "0.3", "sagemaker_program": "train.py", "sagemaker_submit_directory": source},
    InputDataConfig=[
        {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}}}
    ],
    OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/output"},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    StoppingCondition={"MaxRuntimeInSeconds": 600},
)
while (job := sagemaker.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] == "InProgress":
    time.sleep(0.2)
if job["TrainingJobStatus"] != "Completed":
    raise SystemExit(f"{name}: {job['FailureReason']}")
print(f"accuracy {job['FinalMetricDataList'][0]['Value']:.4f}")

container = {
    "Image": IMAGE,
    "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
    "Environment": {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": source},
}
sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name)
answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=as_csv(features[:5]))
print("predicted", json.load(answer["Body"]), "of", labels[:5].tolist())
sagemaker.delete_endpoint(EndpointName=name)
