"""Clean raw data in a processing job, then train on what it left. Plain boto3.

The raw table is as tables are: blank cells, a label in words. A script with pandas and scikit-learn fills, scales and
splits it in the scikit-learn image; what it writes below /opt/ml/processing goes to S3, what it says in
/opt/ml/output/message stands in the job's description. The training job reads the outputs where they lie.
"""

import io
import json
import time

import numpy as np
from sklearn.datasets import load_breast_cancer
from steps import BUCKET, ROLE, image, metrics, sagemaker, upload

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = """
import argparse, json
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

parser = argparse.ArgumentParser()
parser.add_argument("--test-share", type=float)
share = parser.parse_args().test_share

table = pd.read_csv("/opt/ml/processing/input/raw/part-0")
label = (table.pop("diagnosis") == "malignant").astype(int)
parts = train_test_split(table, label, test_size=share, stratify=label, random_state=0)
prepare = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(parts[0])
for name, cells, labels in (("train", parts[0], parts[2]), ("test", parts[1], parts[3])):
    rows = pd.DataFrame(prepare.transform(cells))
    rows.insert(0, "label", labels.to_numpy())
    rows.to_csv(f"/opt/ml/processing/{name}/rows.csv", header=False, index=False)
    print(f"{name}: {len(rows)} rows")
with open("/opt/ml/output/message", "w") as message:
    json.dump({"filled": int(table.isna().sum().sum()), "train": len(parts[0]), "test": len(parts[1])}, message)
"""

cells, benign = load_breast_cancer(return_X_y=True)
chance = np.random.default_rng(0)
blank = chance.random(cells.shape) < 0.05
raw = io.StringIO()
raw.write(",".join(["diagnosis", *(f"feature_{number}" for number in range(cells.shape[1]))]) + "\n")
for row, holes, kind in zip(cells, blank, benign, strict=True):
    texts = ["" if hole else f"{value:g}" for value, hole in zip(row, holes, strict=True)]
    raw.write(",".join(["benign" if kind else "malignant", *texts]) + "\n")

name = f"clean-{time.strftime('%H%M%S')}-{time.time_ns() % 1000000}"
sources = {"raw": upload("raw", raw.getvalue().encode()), "code": upload("code", SCRIPT.encode())}
sagemaker.create_processing_job(
    ProcessingJobName=name,
    RoleArn=ROLE,
    AppSpecification={
        "ImageUri": SKLEARN,
        "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/part-0"],
        "ContainerArguments": ["--test-share", "0.25"],
    },
    ProcessingInputs=[
        {
            "InputName": folder,
            "S3Input": {
                "S3Uri": uri,
                "LocalPath": f"/opt/ml/processing/input/{folder}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
        for folder, uri in sources.items()
    ],
    ProcessingOutputConfig={
        "Outputs": [
            {
                "OutputName": folder,
                "S3Output": {
                    "S3Uri": f"s3://{BUCKET}/clean/{folder}",
                    "LocalPath": f"/opt/ml/processing/{folder}",
                    "S3UploadMode": "EndOfJob",
                },
            }
            for folder in ("train", "test")
        ]
    },
    ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}},
)
while (job := sagemaker.describe_processing_job(ProcessingJobName=name))["ProcessingJobStatus"] == "InProgress":
    time.sleep(0.2)
if job["ProcessingJobStatus"] != "Completed":
    raise SystemExit(f"{name}: {job['FailureReason']}")
report = json.loads(job["ExitMessage"])
print(f"{report['filled']} blank cells filled, {report['train']} rows to learn from, {report['test']} to test with")

sagemaker.create_training_job(
    TrainingJobName=name,
    RoleArn=ROLE,
    AlgorithmSpecification={"TrainingImage": image("linear-learner"), "TrainingInputMode": "File"},
    HyperParameters={"predictor_type": "binary_classifier", "mini_batch_size": "50", "epochs": "20"},
    InputDataConfig=[
        {
            "ChannelName": channel,
            "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/clean/{channel}/"}},
        }
        for channel in ("train", "test")
    ],
    OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    StoppingCondition={"MaxRuntimeInSeconds": 600},
)
while (job := sagemaker.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] == "InProgress":
    time.sleep(0.2)
if job["TrainingJobStatus"] != "Completed":
    raise SystemExit(f"{name}: {job['FailureReason']}")
accuracy = metrics(job)["test:binary_classification_accuracy"]
print(f"the model on the test rows: accuracy {accuracy:.3f}")
