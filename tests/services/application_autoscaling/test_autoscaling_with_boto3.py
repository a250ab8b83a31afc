"""An endpoint whose instances really start when the load of its last minutes wants them."""

import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

from tests.services.sagemaker_runtime.test_invoke_endpoint import IMAGE, ROLE, boosted, wait_for


def test_instances_start_while_the_endpoint_answers(aws):
    name = f"scaled-{uuid.uuid4().hex[:8]}"
    s3, sagemaker, runtime = aws("s3"), aws("sagemaker"), aws("sagemaker-runtime")
    scaling, cloudwatch = aws("application-autoscaling"), aws("cloudwatch")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="model.tar.gz", Body=boosted(0))
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{name}/model.tar.gz"}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "one", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    wait_for(sagemaker, name, "InService")

    dimensions = [{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "one"}]
    now = datetime.now(UTC)
    load = [
        {"MetricName": "InvocationsPerInstance", "Dimensions": dimensions, "Value": 25, "Timestamp": now - ago}
        for ago in (timedelta(minutes=minutes) for minutes in (1, 2, 3, 4, 5))
    ]
    cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=load)
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/one",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)

    answers, stop = [], threading.Event()

    def keep_asking():
        while not stop.is_set():
            answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body="0.5,0.5,0.5")
            answers.append(answer["ResponseMetadata"]["HTTPStatusCode"])

    asker = threading.Thread(target=keep_asking)
    asker.start()
    predefined = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    made = scaling.put_scaling_policy(
        **target,
        PolicyName="load",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 10.0, "PredefinedMetricSpecification": predefined},
    )
    assert len(made["Alarms"]) == 2
    end = time.monotonic() + 30
    while (shown := sagemaker.describe_endpoint(EndpointName=name))["ProductionVariants"][0][
        "CurrentInstanceCount"
    ] != 3:
        assert time.monotonic() < end, shown
        time.sleep(0.02)
    stop.set()
    asker.join()
    assert shown["EndpointStatus"] == "InService"
    assert set(answers) == {200}
    [activity] = scaling.describe_scaling_activities(**target)["ScalingActivities"]
    assert activity["StatusCode"] == "Successful"
    scaling.deregister_scalable_target(**target)
    assert cloudwatch.describe_alarms(AlarmNamePrefix=f"TargetTracking-endpoint/{name}")["MetricAlarms"] == []
    sagemaker.delete_endpoint(EndpointName=name)
