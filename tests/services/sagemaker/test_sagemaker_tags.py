import pytest

from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.model import create_model
from clary.services.sagemaker.tags import add_tags, delete_tags, list_tags
from clary.services.sagemaker.training_job import create_training_job
from tests.services.sagemaker.conftest import model, training_job


def tag(key, value="v"):
    return {"Key": key, "Value": value}


@pytest.fixture
def arn(desk):
    return desk(create_model, **model(Tags=[tag("a", "1")]))["ModelArn"]


def test_tags_are_added_replaced_and_removed(desk, arn):
    assert desk(list_tags, ResourceArn=arn)["Tags"] == [tag("a", "1")]
    answer = desk(add_tags, ResourceArn=arn, Tags=[tag("b", "2"), tag("a", "3")])
    assert answer["Tags"] == [tag("a", "3"), tag("b", "2")]
    desk(delete_tags, ResourceArn=arn, TagKeys=["a", "unknown"])
    assert desk(list_tags, ResourceArn=arn)["Tags"] == [tag("b", "2")]


def test_a_resource_without_tags(desk):
    arn = desk(create_training_job, **training_job())["TrainingJobArn"]
    assert desk(list_tags, ResourceArn=arn) == {"Tags": [], "NextToken": None}


def test_tags_are_few(desk, arn):
    desk(add_tags, ResourceArn=arn, Tags=[tag(f"k{number}") for number in range(49)])
    with pytest.raises(ValidationException, match="at most 50 tags; this would make 51"):
        desk(add_tags, ResourceArn=arn, Tags=[tag("more")])


def test_pages_of_tags(desk, arn):
    desk(add_tags, ResourceArn=arn, Tags=[tag("b"), tag("c")])
    first = desk(list_tags, ResourceArn=arn, MaxResults=2)
    second = desk(list_tags, ResourceArn=arn, MaxResults=2, NextToken=first["NextToken"])
    assert [row["Key"] for row in first["Tags"] + second["Tags"]] == ["a", "b", "c"]
    assert second["NextToken"] is None


@pytest.mark.parametrize(
    ("arn", "sentence"),
    [
        ("arn:aws:sagemaker:us-east-1:000000000000:model/nobody", "Could not find model"),
        (
            "arn:aws:sagemaker:eu-west-1:000000000000:model/model",
            "not the ARN of a resource of this account and region",
        ),
        ("arn:aws:sagemaker:us-east-1:000000000000:feature-group/x", "one of training-job, model"),
        ("nonsense", "not the ARN"),
    ],
)
def test_other_arns_are_refused(desk, arn, sentence):
    with pytest.raises(ValidationException, match=sentence):
        desk(list_tags, ResourceArn=arn)
    with pytest.raises(ValidationException, match=sentence):
        desk(add_tags, ResourceArn=arn, Tags=[tag("a")])
