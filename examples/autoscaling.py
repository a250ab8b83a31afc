"""An endpoint that gets more instances by its load, and one without instances that starts when it is asked.

    python examples/autoscaling.py

K-Means learns four clouds of points. A target tracking policy keeps the requests a minute and instance at 70: it looks
at three minutes of load, which are told to CloudWatch here, so that nobody waits for them. First: eval "$(clary env)".
"""

import time
from datetime import UTC, datetime, timedelta

import boto3
import numpy as np
from steps import ROLE, as_csv, container, deployed, runtime, sagemaker, train

scaling, cloudwatch = boto3.client("application-autoscaling"), boto3.client("cloudwatch")

points = np.random.default_rng(1).normal(size=(400, 2)) + np.repeat([[0, 0], [0, 9], [9, 0], [9, 9]], 100, axis=0)
job = train("kmeans", {"k": 4, "feature_dim": 2}, "text/csv;label_size=0", train=as_csv(points))
name = job["TrainingJobName"]
target = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": f"endpoint/{name}/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


def tell_load(per_minute):
    """So many requests in each of the last minutes."""
    dimensions = [{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "AllTraffic"}]
    metric = {"MetricName": "InvocationsPerInstance", "Dimensions": dimensions, "Value": per_minute}
    times = (datetime.now(UTC) - timedelta(minutes=ago) for ago in range(1, 6))
    cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=[{**metric, "Timestamp": at} for at in times])


def instances():
    """How many serve now."""
    [variant] = sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"]
    return variant["CurrentInstanceCount"]


with deployed(job) as ask:
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=4)
    tell_load(200)
    scaling.put_scaling_policy(
        **target,
        PolicyName="requests",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 70.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    )
    answered = 0
    while instances() < 3:
        ask("9.1,8.9")
        answered += 1
    [activity] = scaling.describe_scaling_activities(**target)["ScalingActivities"]
    print(f"{activity['Description']} {answered} requests were answered meanwhile, none failed.")
    print(activity["Cause"])
    scaling.deregister_scalable_target(**target)

serverless = f"{name}-serverless"
variant = {"VariantName": "AllTraffic", "ModelName": serverless}
sizes = {"MemorySizeInMB": 1024, "MaxConcurrency": 5}
sagemaker.create_model(ModelName=serverless, ExecutionRoleArn=ROLE, PrimaryContainer=container(job))
sagemaker.create_endpoint_config(
    EndpointConfigName=serverless, ProductionVariants=[{**variant, "ServerlessConfig": sizes}]
)
sagemaker.create_endpoint(EndpointName=serverless, EndpointConfigName=serverless)
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=serverless, WaiterConfig={"Delay": 1})
took = []
for _ in range(2):
    begun = time.perf_counter()
    runtime.invoke_endpoint(EndpointName=serverless, Body="9.1,8.9", ContentType="text/csv")["Body"].read()
    took.append(1000 * (time.perf_counter() - begun))
print(f"The serverless endpoint's first answer took {took[0]:.0f} ms, its second {took[1]:.0f} ms.")
sagemaker.delete_endpoint(EndpointName=serverless)
