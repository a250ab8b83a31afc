import pytest

from clary.services.sagemaker.endpoint import create_endpoint, describe_endpoint
from clary.services.sagemaker.endpoint_capacity import update_endpoint_weights_and_capacities
from clary.services.sagemaker.endpoint_config import create_endpoint_config, describe_endpoint_config
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.model import create_model
from tests.services.sagemaker.conftest import model, variant

ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/endpoint"


def configure(desk, *shadows, variants=(), **members):
    desk(
        create_endpoint_config,
        EndpointConfigName="config",
        ProductionVariants=list(variants or [variant("production")]),
        ShadowProductionVariants=list(shadows),
        **members,
    )


@pytest.fixture
def ready(desk):
    desk(create_model, **model())
    return desk


def test_a_shadow_variant_on_its_way(ready):
    configure(ready, variant("shadow", InitialVariantWeight=0.5))
    config = ready(describe_endpoint_config, EndpointConfigName="config")
    assert config["ShadowProductionVariants"] == [variant("shadow", InitialVariantWeight=0.5, InitialInstanceCount=1)]
    ready(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    [production, shadow] = ready.hosting.created[0].variants
    assert (production.shadow, shadow.shadow, shadow.weight, shadow.config) == (False, True, 0.5, "config")
    pending = ready(describe_endpoint, EndpointName="endpoint")["PendingDeploymentSummary"]
    assert [row["VariantName"] for row in pending["ShadowProductionVariants"]] == ["shadow"]
    assert [row["VariantName"] for row in pending["ProductionVariants"]] == ["production"]
    ready.tell(ARN, EndpointStatus="InService")
    described = ready(describe_endpoint, EndpointName="endpoint")
    assert [row["VariantName"] for row in described["ProductionVariants"]] == ["production"]
    assert described["ShadowProductionVariants"][0]["CurrentWeight"] == 0.5

    rows = [{"VariantName": "shadow", "DesiredWeight": 1.0}]
    ready(update_endpoint_weights_and_capacities, EndpointName="endpoint", DesiredWeightsAndCapacities=rows)
    assert ready.hosting.weights == {ARN: {"shadow": 1.0}}


@pytest.mark.parametrize(
    ("shadows", "members", "message"),
    [
        ([variant("one"), variant("two")], {}, "these are 2 and 1"),
        ([variant("one")], {"variants": [variant("two"), variant("three")]}, "these are 1 and 2"),
        ([variant("production")], {}, "is given more than once"),
        ([variant("one", model="nobody")], {}, "Could not find model"),
        ([variant("one", EnableSSMAccess=True)], {}, r"ShadowProductionVariants\[0\].EnableSSMAccess asks for"),
        (
            [variant("one")],
            {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://out/async"}}},
            "an asynchronous endpoint can't have a shadow variant",
        ),
    ],
)
def test_shadows_that_cannot_be(ready, shadows, members, message):
    with pytest.raises(ValidationException, match=message):
        configure(ready, *shadows, **members)
