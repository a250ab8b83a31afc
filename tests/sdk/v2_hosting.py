"""SDK v2's endpoints: updates, several models, serverless, asynchronous, captured, from the registry."""

import json
import time
from pathlib import Path

import sagemaker
from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
from sagemaker.model import Model
from sagemaker.model_monitor import DataCaptureConfig
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer
from sagemaker.serverless import ServerlessInferenceConfig
from sagemaker.sklearn import SKLearnModel
from sagemaker.utils import unique_name_from_base
from v2_tumours import IMAGE, TYPE, accuracy, held_out, model_data, session

_CSV = {"serializer": CSVSerializer()}


def _model(here, name):
    return Model(
        IMAGE,
        model_data(),
        role=sagemaker.get_execution_role(here),
        sagemaker_session=here,
        predictor_cls=Predictor,
        name=unique_name_from_base(name),
    )


def _in_service(here, name):
    """Wait as boto3 does, where the SDK's own wait of half a minute teaches nothing new."""
    here.sagemaker_client.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})


def deploy_and_update():
    """All waits are the SDK's own."""
    here = session()
    predictor = _model(here, "update").deploy(1, TYPE, **_CSV)
    assert accuracy(predictor.predict(held_out[:, 1:])) > 0.9
    before = here.sagemaker_client.describe_endpoint(EndpointName=predictor.endpoint_name)["EndpointConfigName"]
    predictor.update_endpoint(initial_instance_count=2, instance_type=TYPE, model_name=_registered(here))
    found = here.sagemaker_client.describe_endpoint(EndpointName=predictor.endpoint_name)
    assert found["EndpointConfigName"] != before
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert accuracy(predictor.predict(held_out[:, 1:])) > 0.9
    predictor.delete_endpoint()
    listed = here.sagemaker_client.list_endpoints(NameContains=predictor.endpoint_name)["Endpoints"]
    assert listed == []


def _registered(here):
    """The name of a second model, by the SDK's own create."""
    model = _model(here, "second")
    model.create(instance_type=TYPE)
    return model.name


def register_and_deploy_package():
    here = session()
    group = unique_name_from_base("registry")
    package = _model(here, "package").register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=[TYPE],
        transform_instances=[TYPE],
        model_package_group_name=group,
        approval_status="PendingManualApproval",
        description="the first",
    )
    package.update_approval_status("Approved")
    package.predictor_cls = Predictor
    predictor = package.deploy(1, TYPE, wait=False, endpoint_name=unique_name_from_base("package"), **_CSV)
    predictor = predictor or Predictor(package.endpoint_name, here, **_CSV)
    _in_service(here, package.endpoint_name)
    assert accuracy(predictor.predict(held_out[:, 1:])) > 0.9
    predictor.delete_endpoint()
    found = here.sagemaker_client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert [one["ModelApprovalStatus"] for one in found] == ["Approved"]


def serverless():
    here = session()
    config = ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=2)
    predictor = _model(here, "serverless").deploy(serverless_inference_config=config, **_CSV)
    assert accuracy(predictor.predict(held_out[:, 1:])) > 0.9
    predictor.delete_endpoint()


def asynchronous():
    here = session()
    config = AsyncInferenceConfig(max_concurrent_invocations_per_instance=2)
    predictor = _model(here, "async").deploy(1, TYPE, async_inference_config=config, wait=False, **_CSV)
    _in_service(here, predictor.endpoint_name)
    assert accuracy(predictor.predict(held_out[:, 1:], waiter_config=WaiterConfig(max_attempts=60, delay=1))) > 0.9
    asked = predictor.predict_async(held_out[:, 1:])
    assert accuracy(asked.get_result(WaiterConfig(max_attempts=60, delay=1))) > 0.9
    predictor.delete_endpoint()


def multi_data_model():
    here = session()
    name = unique_name_from_base("many")
    many = MultiDataModel(
        name,
        f"s3://{here.default_bucket()}/{name}/",
        model=_model(here, "one-of-many"),
        sagemaker_session=here,
    )
    predictor = many.deploy(1, TYPE, wait=False, **_CSV)
    _in_service(here, predictor.endpoint_name)
    many.add_model(model_data(), "first.tar.gz")
    many.add_model(model_data(), "other/second.tar.gz")
    assert sorted(many.list_models()) == ["first.tar.gz", "other/second.tar.gz"]
    for target in many.list_models():
        assert accuracy(predictor.predict(held_out[:, 1:], target_model=target)) > 0.9
    predictor.delete_endpoint()


def data_capture():
    here = session()
    where = f"s3://{here.default_bucket()}/{unique_name_from_base('captured')}"
    config = DataCaptureConfig(True, sampling_percentage=100, destination_s3_uri=where, sagemaker_session=here)
    predictor = _model(here, "capture").deploy(1, TYPE, data_capture_config=config, wait=False, **_CSV)
    _in_service(here, predictor.endpoint_name)
    predictor.predict(held_out[:1, 1:], inference_id="the-first")
    predictor.delete_endpoint()
    records = _captured(here, where)
    assert records[0]["eventMetadata"]["inferenceId"] == "the-first"
    assert float(records[0]["captureData"]["endpointInput"]["data"].split(",")[0]) == held_out[0, 1]


def _captured(here, where, seconds=60):
    """What lies there, once something does."""
    until = time.monotonic() + seconds
    while not (found := sagemaker.s3.S3Downloader.list(where, sagemaker_session=here)):
        assert time.monotonic() < until, f"nothing in {where}"
        time.sleep(0.2)
    text = sagemaker.s3.S3Downloader.read_file(found[0], sagemaker_session=here)
    return [json.loads(line) for line in text.splitlines()]


def switch_data_capture_on_and_off():
    here = session()
    predictor = _model(here, "switch").deploy(1, TYPE, wait=False, **_CSV)
    _in_service(here, predictor.endpoint_name)
    predictor.enable_data_capture()
    described = here.sagemaker_client.describe_endpoint(EndpointName=predictor.endpoint_name)
    assert described["DataCaptureConfig"]["EnableCapture"] is True
    predictor.delete_endpoint()


def pipeline_model():
    here = session()
    role = sagemaker.get_execution_role(here)
    first = SKLearnModel(
        model_data(),
        role=role,
        entry_point="leave_out.py",
        source_dir=str(Path(__file__).parent / "source"),
        framework_version="1.2-1",
        sagemaker_session=here,
    )
    name = unique_name_from_base("chain")
    chain = PipelineModel(
        [first, _model(here, "trees")], role, predictor_cls=Predictor, name=name, sagemaker_session=here
    )
    predictor = chain.deploy(1, TYPE, wait=False, **_CSV)
    _in_service(here, name)
    named = [[number, *row] for number, row in enumerate(held_out[:, 1:])]
    assert accuracy(predictor.predict(named)) > 0.9
    predictor.delete_endpoint()
    chain.delete_model()
