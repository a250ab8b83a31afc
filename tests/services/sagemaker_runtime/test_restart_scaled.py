"""Kill -9 of the server while an endpoint is scaled, beside a serverless one: both are as they shall be afterwards."""

import signal
import socket
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.services.sagemaker_runtime.test_invoke_endpoint import IMAGE, ROLE, boosted, wait_for
from tests.services.sagemaker_runtime.test_restart import server


@pytest.mark.slow
def test_kill_9_while_instances_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    def client(service: str) -> Any:
        config = Config(retries={"max_attempts": 0})
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{port}", config=config, **keys)

    def ask(name: str) -> float:
        answer = client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b"0.5,0,0", ContentType="text/csv")
        return float(answer["Body"].read())

    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/scaled/variant/v",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    predefined = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    tracking = {"TargetValue": 10.0, "PredefinedMetricSpecification": predefined}
    with server(port, tmp_path / "data") as process:
        client("s3").create_bucket(Bucket="models")
        client("s3").put_object(Bucket="models", Key="m.tar.gz", Body=boosted(0))
        sagemaker, scaling = client("sagemaker"), client("application-autoscaling")
        container = {"Image": IMAGE, "ModelDataUrl": "s3://models/m.tar.gz"}
        sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
        sizes = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
        for name, kind in (
            ("scaled", {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}),
            ("serverless", {"ServerlessConfig": sizes}),
        ):
            variant = {"VariantName": "v", "ModelName": "m", **kind}
            sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
            sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
            wait_for(sagemaker, name, "InService")
        before = ask("serverless")
        scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
        scaling.put_scaling_policy(
            **target,
            PolicyName="p",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=tracking,
        )
        rows = [{"VariantName": "v", "DesiredInstanceCount": 3}]
        sagemaker.update_endpoint_weights_and_capacities(EndpointName="scaled", DesiredWeightsAndCapacities=rows)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with server(port, tmp_path / "data") as process:
        sagemaker = client("sagemaker")
        assert ask("serverless") == ask("scaled") == before
        [shown] = wait_for(sagemaker, "scaled", "InService")["ProductionVariants"]
        assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]) == (3, 3)
        [policy] = client("application-autoscaling").describe_scaling_policies(ServiceNamespace="sagemaker")[
            "ScalingPolicies"
        ]
        names = [row["AlarmName"] for row in policy["Alarms"]]
        assert len(client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]) == 2
        process.send_signal(signal.SIGINT)
        process.wait(30)
