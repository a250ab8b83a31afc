"""Train, deploy and invoke XGBoost with plain boto3. First: eval "$(clary env)"; then it also runs unchanged on AWS."""

import os
import time

import boto3
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

ROLE = os.environ["SAGEMAKER_ROLE_ARN"]
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
NAME = f"wdbc-{time.strftime('%Y%m%d-%H%M%S')}"

s3, sagemaker, runtime = (boto3.client(name) for name in ("s3", "sagemaker", "sagemaker-runtime"))

# The data: no header, the label first.
features, benign = load_breast_cancer(return_X_y=True)
rows = np.column_stack([1 - benign, features])
np.random.default_rng(0).shuffle(rows)
train, validation, test = np.split(rows, [400, 480])


def as_csv(table):
    return "\n".join(",".join(f"{value:g}" for value in row) for row in table)


s3.create_bucket(Bucket=NAME)
s3.put_object(Bucket=NAME, Key="train/rows.csv", Body=as_csv(train))
s3.put_object(Bucket=NAME, Key="validation/rows.csv", Body=as_csv(validation))


def channel(name):
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{NAME}/{name}/", "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


sagemaker.create_training_job(
    TrainingJobName=NAME,
    AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    RoleArn=ROLE,
    HyperParameters={"objective": "binary:logistic", "num_round": "100", "eta": "0.1", "early_stopping_rounds": "10"},
    InputDataConfig=[channel("train"), channel("validation")],
    OutputDataConfig={"S3OutputPath": f"s3://{NAME}/output"},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    StoppingCondition={"MaxRuntimeInSeconds": 600},
)
sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=NAME, WaiterConfig={"Delay": 1})
job = sagemaker.describe_training_job(TrainingJobName=NAME)
print(job["TrainingJobStatus"], {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]})

model = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer=model)
sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME, WaiterConfig={"Delay": 1})

answer = runtime.invoke_endpoint(EndpointName=NAME, ContentType="text/csv", Body=as_csv(test[:, 1:]))
scores = np.array(answer["Body"].read().decode().replace("\n", ",").strip(",").split(","), dtype=float)
print(f"{len(scores)} held-out rows, AUC {roc_auc_score(test[:, 0], scores):.4f}")

sagemaker.delete_endpoint(EndpointName=NAME)
sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
sagemaker.delete_model(ModelName=NAME)
