import pytest

from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.model import create_model, delete_model, describe_model, list_models
from tests.services.sagemaker.conftest import KMEANS, model

ARN = "arn:aws:sagemaker:us-east-1:000000000000:model/model"
DATA = "s3://data/model/model.tar.gz"


def refused(desk, **changes):
    with pytest.raises(ValidationException) as error:
        desk(create_model, **model(**changes))
    return error.value.message


def container(**changes):
    return {"Image": KMEANS, "ModelDataUrl": DATA, **changes}


def test_a_model_is_created_described_and_deleted(desk):
    assert desk(create_model, **model()) == {"ModelArn": ARN}
    described = desk(describe_model, ModelName="model")
    assert described["PrimaryContainer"] == container()
    assert (described["ModelArn"], described["CreationTime"]) == (ARN, desk.clock.now())
    assert described["EnableNetworkIsolation"] is False
    assert refused(desk) == f'Cannot create already existing model "{ARN}".'
    desk(delete_model, ModelName="model")
    for operation in (describe_model, delete_model):
        with pytest.raises(ValidationException, match=f'^Could not find model "{ARN}"[.]$'):
            desk(operation, ModelName="model")


def test_the_arn_is_in_lower_case_and_the_name_as_it_was_given(desk):
    assert desk(create_model, **model("MyModel"))["ModelArn"].endswith(":model/mymodel")
    assert desk(describe_model, ModelName="MyModel")["ModelName"] == "MyModel"


def test_a_pipeline(desk):
    containers = [container(ContainerHostname="one"), container(ContainerHostname="two")]
    request = model(Containers=containers)
    del request["PrimaryContainer"]
    desk(create_model, **request)
    assert desk(describe_model, ModelName="model")["Containers"] == containers


def test_model_data_is_an_archive_or_files_under_a_prefix(desk):
    desk.store("data", "plain/model_algo-1")
    for number, (uri, kind, compression) in enumerate(
        [(DATA, "S3Object", "Gzip"), ("s3://data/plain/", "S3Prefix", "None")]
    ):
        source = {"S3DataSource": {"S3Uri": uri, "S3DataType": kind, "CompressionType": compression}}
        desk(create_model, **model(f"m{number}", PrimaryContainer={"Image": KMEANS, "ModelDataSource": source}))
    source = {"S3DataSource": {"S3Uri": DATA, "S3DataType": "S3Object", "CompressionType": "None"}}
    message = refused(desk, PrimaryContainer={"Image": KMEANS, "ModelDataSource": source})
    assert message.startswith("PrimaryContainer.ModelDataSource asks for model data of the form S3Object, None")


def test_model_data_must_be_there(desk):
    for uri in ("s3://data/model/none.tar.gz", "s3://data/model/", "s3://no-such-bucket/model.tar.gz"):
        assert refused(desk, PrimaryContainer=container(ModelDataUrl=uri)) == f"Could not find model data at {uri}."


def test_containers_must_be_given_one_way(desk):
    assert "both" in refused(desk, Containers=[container()])
    request = model()
    del request["PrimaryContainer"]
    with pytest.raises(ValidationException, match="neither"):
        desk(create_model, **request)
    twice = [container(ContainerHostname="one"), container(ContainerHostname="one")]
    assert "'one' is given more than once" in refused(desk, PrimaryContainer=None, Containers=twice)
    assert "neither" in refused(desk, PrimaryContainer={"Image": KMEANS})
    assert "PrimaryContainer.Image is required" in refused(desk, PrimaryContainer={"ModelDataUrl": DATA})


@pytest.mark.parametrize(
    ("member", "changes"),
    [
        ("PrimaryContainer.ImageConfig.RepositoryAccessMode", container(ImageConfig={"RepositoryAccessMode": "Vpc"})),
    ],
)
def test_what_is_not_done_is_refused_by_name(desk, member, changes):
    assert refused(desk, PrimaryContainer=changes).startswith(f"{member} asks for ")


def test_an_algorithm_serves_no_script(desk):
    message = refused(desk, PrimaryContainer=container(Environment={"SAGEMAKER_PROGRAM": "x.py"}))
    assert message.startswith("PrimaryContainer.Image: ")
    assert "it runs no code of yours here" in message


def test_a_vpc_is_refused_and_empty_forms_are_accepted(desk):
    network = {"SecurityGroupIds": ["sg"], "Subnets": ["subnet"]}
    assert refused(desk, VpcConfig=network).startswith("VpcConfig asks for")
    plain = container(Mode="SingleModel", ImageConfig={"RepositoryAccessMode": "Platform"}, Environment={})
    desk(create_model, **model(PrimaryContainer=plain, InferenceExecutionConfig={"Mode": "Serial"}))


def test_listing(desk):
    for name in ("b", "a", "c"):
        desk(create_model, **model(name))
        desk.clock.move(1)

    def names(**request):
        return [row["ModelName"] for row in desk(list_models, **request)["Models"]]

    assert names() == ["c", "a", "b"]
    assert names(SortBy="Name", SortOrder="Ascending") == ["a", "b", "c"]
    assert names(NameContains="B") == ["b"]
    first = desk(list_models, MaxResults=2)
    assert names(MaxResults=2, NextToken=first["NextToken"]) == ["b"]
    assert set(first["Models"][0]) >= {"ModelName", "ModelArn", "CreationTime"}


def test_a_page_has_ten_results_unless_told(desk):
    for number in range(12):
        desk(create_model, **model(f"m{number}"))
    assert len(desk(list_models)["Models"]) == 10
