"""SDK v3's endpoints: by ModelBuilder, and by the resources of sagemaker-core."""

from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.serve.model_builder import ModelBuilder
from v3_tumours import IMAGE, TYPE, accuracy, as_csv, held_out, model_data, role, session, unique


def _asked(endpoint):
    """The accuracy of an endpoint's answers."""
    answer = endpoint.invoke(body=as_csv(held_out[:, 1:]), content_type="text/csv", accept="text/csv")
    return accuracy(answer.body.read())


def model_builder():
    """build, deploy with the SDK's own wait and log, invoke, delete."""
    here = session()
    name = unique("builder")
    builder = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=model_data(),
        role_arn=role(here),
        instance_type=TYPE,
        sagemaker_session=here,
    )
    model = builder.build(model_name=name)
    endpoint = builder.deploy(endpoint_name=name, instance_type=TYPE, initial_instance_count=1)
    assert _asked(endpoint) > 0.9
    endpoint.delete()
    endpoint.wait_for_delete(poll=1)
    EndpointConfig.get(endpoint_config_name=name).delete()
    model.delete()


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
