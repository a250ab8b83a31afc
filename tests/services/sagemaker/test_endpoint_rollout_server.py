"""On a real server: a canary whose errors ring an alarm goes back; a shadow variant is tried and promoted."""

import pytest
from botocore.exceptions import ClientError

from tests.main_job import BOOSTING, ROLE, XGBOOST, MainJob, labelled_rows, wait_until

pytestmark = pytest.mark.slow

NAME = "guarded"


@pytest.fixture(scope="module")
def configured(aws):
    """Two configurations; the model of the second wants four features instead of three."""
    job = MainJob(aws, "guarded-updates")
    job.s3.create_bucket(Bucket=job.bucket)
    for name, width in (("guarded", 3), ("guarded-next", 4)):
        job.put(f"{name}/part-0.csv", labelled_rows(width=width))
        artefact = job.train(name, job.channel(prefix=name), settings=BOOSTING)["ModelArtifacts"]["S3ModelArtifacts"]
        container = {"Image": XGBOOST, "ModelDataUrl": artefact}
        job.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
        job.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
        )
    return job


@pytest.fixture
def main_job(configured):
    """An endpoint of the first configuration."""
    job = configured
    job.sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    wait_until(lambda: describe(job)["EndpointStatus"] == "InService", "it never served")
    yield job
    job.sagemaker.delete_endpoint(EndpointName=NAME)


def describe(job):
    return job.sagemaker.describe_endpoint(EndpointName=NAME)


def put_alarm(job):
    """Rings when the new configuration answers with errors."""
    dimensions = {"EndpointName": NAME, "VariantName": "AllTraffic", "EndpointConfigName": "guarded-next"}
    job.client("cloudwatch").put_metric_alarm(
        AlarmName="guarded-errors",
        Namespace="AWS/SageMaker",
        MetricName="Invocation4XXErrors",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=2.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )


def test_an_alarm_sends_a_canary_back(main_job):
    put_alarm(main_job)
    size = {"Type": "CAPACITY_PERCENT", "Value": 50}
    routing = {"Type": "CANARY", "CanarySize": size, "WaitIntervalInSeconds": 120}
    main_job.sagemaker.update_endpoint(
        EndpointName=NAME,
        EndpointConfigName="guarded-next",
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "MaximumExecutionTimeoutInSeconds": 600},
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "guarded-errors"}]},
        },
    )
    answered, refused, seen = 0, 0, set()

    def rolled_back():
        nonlocal answered, refused
        try:
            main_job.invoke(NAME, b"0.5,0.5,0.5")
            answered += 1
        except ClientError:
            refused += 1
        described = describe(main_job)
        pending = described.get("PendingDeploymentSummary", {}).get("ProductionVariants", [])
        seen.update(status["Status"] for variant in pending for status in variant["VariantStatus"])
        return described["EndpointStatus"] == "InService" and described

    described = wait_until(rolled_back, "the alarm had no effect", 60)
    assert described["EndpointConfigName"] == NAME
    assert "The alarm guarded-errors " in described["FailureReason"]
    assert answered > 2
    assert refused > 2
    assert "Baking" in seen
    for _ in range(10):
        main_job.invoke(NAME, b"0.5,0.5,0.5")


def test_an_inference_experiment_promotes_its_shadow(main_job):
    place = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    infrastructure = {"InfrastructureType": "RealTimeInference", "RealTimeInferenceConfig": place}
    shadows = [{"ShadowModelVariantName": "Better", "SamplingPercentage": 100}]
    main_job.sagemaker.create_inference_experiment(
        Name="guarded-trial",
        Type="ShadowMode",
        RoleArn=ROLE,
        EndpointName=NAME,
        ModelVariants=[
            {"VariantName": name, "ModelName": model, "InfrastructureConfig": infrastructure}
            for name, model in (("AllTraffic", "guarded"), ("Better", "guarded-next"))
        ],
        ShadowModeConfig={"SourceModelVariantName": "AllTraffic", "ShadowModelVariants": shadows},
    )

    def status():
        return main_job.sagemaker.describe_inference_experiment(Name="guarded-trial")["Status"]

    wait_until(lambda: status() == "Running", "it never ran")
    for _ in range(10):
        main_job.invoke(NAME, b"0.5,0.5,0.5")  # of which the shadow can make nothing
    dimensions = [{"Name": "EndpointName", "Value": NAME}, {"Name": "VariantName", "Value": "Better"}]
    cloudwatch = main_job.client("cloudwatch")
    query = {"Namespace": "AWS/SageMaker", "MetricName": "Invocation4XXErrors", "Dimensions": dimensions}
    wait_until(lambda: cloudwatch.list_metrics(**query)["Metrics"], "the shadow was never asked")

    main_job.sagemaker.stop_inference_experiment(
        Name="guarded-trial",
        ModelVariantActions={"AllTraffic": "Remove", "Better": "Promote"},
        DesiredState="Completed",
    )
    wait_until(lambda: status() == "Completed", "it never ended")
    main_job.invoke(NAME, b"0.5,0.5,0.5,0.5")
    main_job.sagemaker.delete_inference_experiment(Name="guarded-trial")
