"""The SageMaker Python SDK v3: ModelTrainer, ModelBuilder, an endpoint. First: eval "$(clary env)"."""

import os

import boto3
import numpy as np
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.core.training.configs import Compute, InputData
from sagemaker.train import ModelTrainer
from sklearn.datasets import load_breast_cancer

session = Session()
bucket = session.default_bucket()
role = os.environ["SAGEMAKER_ROLE_ARN"]
image = image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1")

features, benign = load_breast_cancer(return_X_y=True)
rows = np.column_stack([1 - benign, features])
np.random.default_rng(0).shuffle(rows)


def as_csv(table):
    return "\n".join(",".join(f"{value:g}" for value in row) for row in table)


boto3.client("s3").put_object(Bucket=bucket, Key="wdbc-v3/train/rows.csv", Body=as_csv(rows[:480]))

trainer = ModelTrainer(
    training_image=image,
    role=role,
    base_job_name="wdbc-v3",
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"objective": "binary:logistic", "num_round": 60},
    sagemaker_session=session,
)
data = InputData(channel_name="train", data_source=f"s3://{bucket}/wdbc-v3/train/", content_type="text/csv")
trainer.train(input_data_config=[data])
job = trainer._latest_training_job
print(job.training_job_name, job.training_job_status)

name = job.training_job_name
container = ContainerDefinition(image=image, model_data_url=job.model_artifacts.s3_model_artifacts)
Model.create(model_name=name, primary_container=container, execution_role_arn=role)
variant = ProductionVariant(
    variant_name="AllTraffic", model_name=name, initial_instance_count=1, instance_type="ml.m5.large"
)
EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
endpoint.wait_for_status("InService", poll=1)
answer = endpoint.invoke(body=as_csv(rows[480:, 1:]), content_type="text/csv").body.read().decode()
scores = np.array(answer.replace("\n", ",").strip(",").split(","), dtype=float)
print(f"accuracy {((scores > 0.5) == rows[480:, 0]).mean():.3f} on {len(scores)} held-out rows")
endpoint.delete()
