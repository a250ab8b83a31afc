import pytest

from clary.config import Settings
from clary.services.sagemaker import images
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.registries import ACCOUNTS, FAMILIES, REPOSITORIES


def uri(account, region, rest, suffix="amazonaws.com"):
    return f"{account}.dkr.ecr.{region}.{suffix}/{rest}"


def resolve(text):
    return images.resolve(text, "Image")


def refused(text):
    with pytest.raises(ValidationException) as error:
        resolve(text)
    assert error.value.message.startswith("Image: ")
    return error.value.message


# As `sagemaker.image_uris.retrieve` of the SageMaker SDK writes them.
@pytest.mark.parametrize(
    ("text", "algorithm", "version"),
    [
        (uri("382416733822", "us-east-1", "kmeans:1"), "kmeans", "1"),
        (uri("174872318107", "us-west-2", "kmeans:1"), "kmeans", "1"),
        (uri("390948362332", "cn-north-1", "kmeans:1", "amazonaws.com.cn"), "kmeans", "1"),
        (uri("490574956308", "us-iso-east-1", "kmeans:1", "c2s.ic.gov"), "kmeans", "1"),
        (uri("226302683700", "us-gov-west-1", "kmeans:latest"), "kmeans", "latest"),
        (uri("382416733822", "us-east-1", "kmeans"), "kmeans", "latest"),
        (uri("811284229777", "us-east-1", "xgboost:1"), "xgboost", "1"),
        (uri("811284229777", "us-east-1", "xgboost:latest"), "xgboost", "latest"),
        (uri("683313688378", "us-east-1", "sagemaker-xgboost:0.90-2-cpu-py3"), "xgboost", "0.90-2"),
        (uri("141502667606", "eu-west-1", "sagemaker-xgboost:1.7-1"), "xgboost", "1.7-1"),
        (uri("492215442770", "eu-central-1", "sagemaker-xgboost:3.2-0"), "xgboost", "3.2-0"),
    ],
)
def test_an_image_is_its_algorithm_in_every_region(text, algorithm, version):
    image = resolve(text)
    assert (image.algorithm, image.version, image.uri) == (algorithm, version, text)


def test_latest_is_accepted_with_a_warning():
    assert resolve(uri("382416733822", "us-east-1", "kmeans:1")).warnings == []
    [warning] = resolve(uri("382416733822", "us-east-1", "kmeans:latest")).warnings
    assert "not for production" in warning


def test_classic_xgboost_takes_no_gpu():
    def cpu_only(rest, account="683313688378"):
        return resolve(uri(account, "us-east-1", rest)).cpu_only

    assert cpu_only("xgboost:1", "811284229777")
    assert cpu_only("sagemaker-xgboost:1.0-1-cpu-py3")
    assert not cpu_only("sagemaker-xgboost:1.7-1")


def test_an_account_that_does_not_hold_the_image_is_refused():
    message = refused(uri("382416733822", "eu-west-1", "kmeans:1"))
    assert "account 382416733822 does not hold kmeans in eu-west-1: it is in account 438346466558" in message
    assert "not offered there" in refused(uri("382416733822", "eu-west-3", "lda:1"))
    assert "no built-in algorithms in region 'xx-nowhere-1'" in refused(uri("382416733822", "xx-nowhere-1", "kmeans:1"))


def test_an_algorithm_that_is_not_there_yet_is_named():
    message = refused(uri("382416733822", "us-east-1", "object2vec:1"))
    assert "the algorithm object2vec is not implemented in Clary yet; " in message
    assert "kmeans, " in message


@pytest.mark.parametrize(
    "text",
    [
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-training:2.16",
        "000000000000.dkr.ecr.us-east-1.amazonaws.com/mine:latest",
        "python:3.11",
        "",
    ],
)
def test_an_image_that_does_not_run_here_is_refused_with_those_that_do(text, tmp_path):
    assert images.is_own(resolve(text))
    with pytest.raises(ValidationException, match="is not an image that runs here"):
        images.require(Settings(data_dir=tmp_path), text, "Image")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (uri("683313688378", "us-east-1", "sagemaker-scikit-learn:1.2-1-cpu-py3"), "1.2-1"),
        (uri("141502667606", "eu-west-1", "sagemaker-scikit-learn:0.23-1"), "0.23-1"),
        (uri("763104351884", "us-east-1", "pytorch-training:2.6.0-cpu-py312"), "2.6.0"),
        (uri("692866216735", "eu-south-1", "pytorch-inference:2.5.1-gpu-py311-cu124-ubuntu22.04-sagemaker"), "2.5.1"),
    ],
)
def test_the_images_of_frameworks_run_scripts(text, version):
    assert resolve(text) == images.Image(text, "", version)


def test_the_image_of_a_framework_must_lie_in_its_account():
    assert "does not hold pytorch-training in eu-south-1" in refused(
        uri("763104351884", "eu-south-1", "pytorch-training:2.6.0")
    )


def test_xgboost_runs_a_script_where_the_hyperparameters_name_one():
    text = uri("683313688378", "us-east-1", "sagemaker-xgboost:1.7-1")
    specification = {"TrainingImage": text}
    assert images.resolve_specification(specification).algorithm == "xgboost"
    assert images.resolve_specification(specification, {"sagemaker_program": "train.py"}).algorithm == ""
    assert images.resolve_specification({**specification, "ContainerEntrypoint": ["/bin/bash"]}).algorithm == ""


def test_other_algorithms_run_no_scripts():
    text = uri("382416733822", "us-east-1", "kmeans:1")
    with pytest.raises(ValidationException, match="it runs no code of yours here"):
        images.resolve_specification({"TrainingImage": text, "ContainerEntrypoint": ["/bin/bash"]})


def test_an_unknown_tag_or_a_digest_is_refused():
    assert "kmeans has no tag '7'; the known ones are 1, latest" in refused(
        uri("382416733822", "us-east-1", "kmeans:7")
    )
    assert "no tag '9.9-9'" in refused(uri("683313688378", "us-east-1", "sagemaker-xgboost:9.9-9"))
    assert "no tag '1'" in refused(uri("683313688378", "us-east-1", "sagemaker-xgboost:1"))
    assert "by its digest" in refused(uri("382416733822", "us-east-1", f"kmeans@sha256:{'0' * 64}"))


def test_a_specification_names_an_image_or_an_algorithm():
    assert images.resolve_specification({"AlgorithmName": "kmeans"}).algorithm == "kmeans"
    assert images.resolve_specification({"AlgorithmName": "sagemaker-xgboost"}).algorithm == "xgboost"
    both = {"AlgorithmName": "kmeans", "TrainingImage": uri("382416733822", "us-east-1", "kmeans:1")}
    for specification, sentence in (({}, "neither"), (both, "both"), ({"AlgorithmName": "mine"}, "'mine' is not")):
        with pytest.raises(ValidationException, match=sentence):
            images.resolve_specification(specification)


def test_the_table_of_accounts_is_whole():
    assert all(len(accounts) == len(FAMILIES) for accounts in ACCOUNTS.values())
    assert all(
        len(account) == 12 and account.isdigit() for row in ACCOUNTS.values() for account in row if account != "-"
    )
    assert set(REPOSITORIES.values()) == set(FAMILIES)
    assert len(REPOSITORIES) == 18
