"""Score wards of patients with an asynchronous endpoint, which also captures what it is asked. Plain boto3.

The requests lie in S3, are queued, and each answer is put into S3 as soon as the model has it; a request that fails has
an object of its own that says why.
"""

import json
import time

import numpy as np
from sklearn.datasets import load_breast_cancer
from steps import BUCKET, ROLE, as_csv, container, runtime, s3, sagemaker, train, upload

features, benign = load_breast_cancer(return_X_y=True)
malignant = 1 - benign
settings = {"predictor_type": "binary_classifier", "mini_batch_size": 50, "epochs": 20}
job = train("linear-learner", settings, "text/csv", train=as_csv(np.column_stack([malignant, features])[:400]))
name = job["TrainingJobName"]

sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container(job))
sagemaker.create_endpoint_config(
    EndpointConfigName=name,
    ProductionVariants=[
        {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
    ],
    AsyncInferenceConfig={
        "OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/scores", "S3FailurePath": f"s3://{BUCKET}/failures"},
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2},
    },
    DataCaptureConfig={
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    },
)
sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})


def ask(ward, rows):
    """Queue a request; where its answer will be, or else what went wrong."""
    upload(ward, rows)
    said = runtime.invoke_endpoint_async(
        EndpointName=name,
        InputLocation=f"s3://{BUCKET}/{ward}/part-0",
        ContentType="text/csv",
        Accept="application/json",
        InferenceId=ward,
    )
    return said["OutputLocation"], said["FailureLocation"]


def fetch(*locations, seconds=60):
    """The first object that is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for location in locations:
            bucket, _, key = location.removeprefix("s3://").partition("/")
            try:
                return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            except s3.exceptions.NoSuchKey:
                time.sleep(0.05)
    raise SystemExit(f"nothing at {locations}")


asked = {
    f"ward-{number}": ask(f"ward-{number}", as_csv(rows)) for number, rows in enumerate(np.split(features[400:560], 8))
}
asked["ward-of-errors"] = ask("ward-of-errors", b"1,2,3\n")
for ward, locations in asked.items():
    answer = fetch(*locations)
    if "predictions" in answer:
        found = sum(row["predicted_label"] for row in answer["predictions"])
        print(f"{ward}: {len(answer['predictions'])} patients, {found:.0f} to look at")
    else:
        print(f"{ward}: {answer['FailureReason']}")

sagemaker.delete_endpoint(EndpointName=name)  # which writes the rest of what was captured
end = time.monotonic() + 60
lines = []
while len(lines) < 8 and time.monotonic() < end:
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"captured/{name}/AllTraffic/").get("Contents", [])
    files = [s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in listed]
    lines = [json.loads(line) for file in files for line in file.splitlines()]
print(f"{len(lines)} requests captured, such as that of {lines[0]['eventMetadata']['inferenceId']}")
