"""SDK v3's endpoints: by ModelBuilder, and by the resources of sagemaker-core."""

import time

from sagemaker.core.inference_config import AsyncInferenceConfig, ServerlessInferenceConfig
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, ModelPackage
from sagemaker.core.s3 import S3Downloader
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.serve.model_builder import ModelBuilder
from v3_tumours import (
    IMAGE,
    TYPE,
    accuracy,
    as_csv,
    channels,
    held_out,
    model_data,
    place,
    role,
    session,
    trainer,
    unique,
)


def _asked(endpoint):
    """The accuracy of an endpoint's answers."""
    answer = endpoint.invoke(body=as_csv(held_out[:, 1:]), content_type="text/csv", accept="text/csv")
    return accuracy(answer.body.read())


def _builder(here, **changed):
    given = {"image_uri": IMAGE, "role_arn": role(here), "instance_type": TYPE, "sagemaker_session": here}
    return ModelBuilder(**given, **(changed or {"s3_model_data_url": model_data()}))


def model_builder():
    """build, deploy with the SDK's own wait and log, invoke, delete."""
    name = unique("builder")
    builder = _builder(session())
    model = builder.build(model_name=name)
    endpoint = builder.deploy(endpoint_name=name, instance_type=TYPE, initial_instance_count=1)
    assert _asked(endpoint) > 0.9
    endpoint.delete()
    endpoint.wait_for_delete(poll=1)
    EndpointConfig.get(endpoint_config_name=name).delete()
    model.delete()


def model_builder_of_a_trainer():
    here, name = session(), unique("trainer")
    model = trainer(here)
    model.train(input_data_config=channels(), logs=False)
    builder = _builder(here, model=model)
    builder.build(model_name=name)
    endpoint = builder.deploy(endpoint_name=name, instance_type=TYPE, initial_instance_count=1)
    assert _asked(endpoint) > 0.9
    endpoint.delete()


def model_builder_serverless():
    name = unique("serverless")
    builder = _builder(session())
    builder.build(model_name=name)
    config = ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=2)
    endpoint = builder.deploy(endpoint_name=name, inference_config=config)
    assert _asked(endpoint) > 0.9
    endpoint.delete()


def model_builder_asynchronous():
    here, name = session(), unique("async")
    builder = _builder(here)
    builder.build(model_name=name)
    config = AsyncInferenceConfig(output_path=f"s3://{here.default_bucket()}/{name}")
    endpoint = builder.deploy(endpoint_name=name, instance_type=TYPE, initial_instance_count=1, inference_config=config)
    asked = endpoint.invoke_async(input_location=place("test"), content_type="text/csv", accept="text/csv")
    until = time.monotonic() + 60
    while not S3Downloader.list(asked.output_location, sagemaker_session=here):
        assert time.monotonic() < until, "no answer"
        time.sleep(0.2)
    assert accuracy(S3Downloader.read_file(asked.output_location, sagemaker_session=here)) > 0.9
    endpoint.delete()


def model_builder_registers():
    here, group = session(), unique("group")
    builder = _builder(here)
    builder.build(model_name=group)
    arn = builder.register(
        model_package_group_name=group,
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=[TYPE],
        transform_instances=[TYPE],
        approval_status="Approved",
    )
    found = ModelPackage.get(model_package_name=str(arn))
    assert (found.model_package_version, found.model_approval_status) == (1, "Approved")


def resources_of_hosting():
    """sagemaker-core: create, get, get_all, update, delete."""
    here = session()
    name = unique("core")
    container = ContainerDefinition(image=IMAGE, model_data_url=model_data())
    model = Model.create(model_name=name, primary_container=container, execution_role_arn=role(here))
    variant = ProductionVariant(
        variant_name="AllTraffic", model_name=name, initial_instance_count=1, instance_type=TYPE
    )
    config = EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
    endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
    endpoint.wait_for_status("InService", poll=1)
    assert _asked(endpoint) > 0.9
    assert [found.endpoint_name for found in Endpoint.get_all(name_contains=name)] == [name]
    assert [found.model_name for found in Model.get_all(name_contains=name)] == [name]

    variant.initial_instance_count = 2
    second = EndpointConfig.create(endpoint_config_name=f"{name}-2", production_variants=[variant])
    endpoint.endpoint_config_name = f"{name}-2"
    endpoint.update()
    endpoint.wait_for_status("InService", poll=1)
    assert Endpoint.get(endpoint_name=name).endpoint_config_name == f"{name}-2"
    assert _asked(endpoint) > 0.9
    endpoint.delete()
    endpoint.wait_for_delete(poll=1)
    for resource in (config, second, model):
        resource.delete()
    assert list(Endpoint.get_all(name_contains=name)) == []
