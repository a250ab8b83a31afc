import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from clary.access.identities import Identity
from clary.errors import ServiceError
from clary.services.sagemaker.endpoint import create_endpoint
from clary.services.sagemaker.endpoint_config import create_endpoint_config
from clary.services.sagemaker.errors import ConflictException
from clary.services.sagemaker.model import create_model, describe_model
from clary.services.sagemaker.model_package import (
    batch_describe_model_package,
    create_model_package,
    delete_model_package,
    describe_model_package,
    list_model_packages,
    update_model_package,
)
from clary.services.sagemaker.model_package_group import (
    create_model_package_group,
    delete_model_package_group,
    delete_model_package_group_policy,
    describe_model_package_group,
    get_model_package_group_policy,
    list_model_package_groups,
    put_model_package_group_policy,
)
from clary.services.sagemaker.search import search
from clary.services.sagemaker.tags import add_tags, list_tags
from tests.services.sagemaker.conftest import ACCOUNT, KMEANS, ROLE, XGBOOST, variant

PREFIX = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
GROUP = f"{PREFIX}:model-package-group/churn"
VERSION = f"{PREFIX}:model-package/churn/1"
DATA = "s3://data/model/model.tar.gz"
USER = Identity(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDAANN", "test")
BY = {"IamIdentity": {"Arn": USER.arn, "PrincipalId": USER.user_id}}


@pytest.fixture
def desk(desk):
    """A desk where Ann calls, and a group."""
    anonymous = desk.call
    desk.call = lambda *given: replace(anonymous(*given), identity=USER)
    desk(create_model_package_group, ModelPackageGroupName="Churn", ModelPackageGroupDescription="who leaves")
    return desk


def container(**changes):
    return {"Image": KMEANS, "ModelDataUrl": DATA, **changes}


def version(**changes):
    """A CreateModelPackage request for a version of the group."""
    return {"ModelPackageGroupName": "churn", "InferenceSpecification": {"Containers": [container()]}, **changes}


def unversioned(name="single", **changes):
    types = {
        "SupportedTransformInstanceTypes": ["ml.m5.large"],
        "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
    }
    return {"ModelPackageName": name, "InferenceSpecification": {"Containers": [container()], **types}, **changes}


def refused(desk, function, **request):
    with pytest.raises(ServiceError) as error:
        desk(function, **request)
    assert error.value.code == "ValidationException"
    return error.value.message


def approve(desk, arn=VERSION):
    desk(update_model_package, ModelPackageArn=arn, ModelApprovalStatus="Approved")


class TestGroups:
    def test_a_group_is_described_by_name_and_by_arn(self, desk):
        for name in ("churn", "CHURN", GROUP):
            described = desk(describe_model_package_group, ModelPackageGroupName=name)
            assert (described["ModelPackageGroupName"], described["ModelPackageGroupArn"]) == ("Churn", GROUP)
            assert (described["ModelPackageGroupDescription"], described["CreatedBy"]) == ("who leaves", BY)
            assert described["ModelPackageGroupStatus"] == "Completed"

    def test_taken_and_missing_names_in_the_words_of_aws(self, desk):
        message = refused(desk, create_model_package_group, ModelPackageGroupName="churn")
        assert message == f"Model Package Group already exists: {GROUP}"
        for function in (describe_model_package_group, delete_model_package_group):
            message = refused(desk, function, ModelPackageGroupName="none")
            assert message == f"ModelPackageGroup {PREFIX}:model-package-group/none does not exist."
        foreign = GROUP.replace("us-east-1", "eu-west-1")
        assert "of this account and region" in refused(
            desk, describe_model_package_group, ModelPackageGroupName=foreign
        )

    def test_listing(self, desk):
        for name in ("apples", "berries"):
            desk.clock.move(1)
            desk(create_model_package_group, ModelPackageGroupName=name)

        def names(**request):
            found = desk(list_model_package_groups, **request)["ModelPackageGroupSummaryList"]
            return [row["ModelPackageGroupName"] for row in found]

        assert names() == ["berries", "apples", "Churn"]
        assert names(SortBy="Name", SortOrder="Ascending") == ["apples", "berries", "Churn"]
        assert names(NameContains="err") == ["berries"]
        assert names(CrossAccountFilterOption="CrossAccount") == []

    def test_a_group_with_versions_stays(self, desk):
        desk(create_model_package, **version())
        with pytest.raises(ConflictException, match="still has model packages"):
            desk(delete_model_package_group, ModelPackageGroupName="churn")
        desk(delete_model_package, ModelPackageName=VERSION)
        desk(delete_model_package_group, ModelPackageGroupName="churn")
        refused(desk, describe_model_package_group, ModelPackageGroupName="churn")

    def test_the_policy_is_a_record(self, desk):
        policy = json.dumps({"Version": "2012-10-17", "Statement": []})
        name = {"ModelPackageGroupName": "churn"}
        for function in (get_model_package_group_policy, delete_model_package_group_policy):
            assert refused(desk, function, **name) == f"Cannot find resource policy for: {GROUP}"
        assert "not a JSON object" in refused(desk, put_model_package_group_policy, **name, ResourcePolicy="{")
        assert desk(put_model_package_group_policy, **name, ResourcePolicy=policy) == {"ModelPackageGroupArn": GROUP}
        assert desk(get_model_package_group_policy, **name) == {"ResourcePolicy": policy}
        desk(delete_model_package_group_policy, **name)
        refused(desk, get_model_package_group_policy, **name)
        missing = f"Cannot find Model Package Group: {PREFIX}:model-package-group/none"
        assert refused(desk, get_model_package_group_policy, ModelPackageGroupName="none") == missing

    def test_tags(self, desk):
        desk(add_tags, ResourceArn=GROUP, Tags=[{"Key": "team", "Value": "a"}])
        assert desk(list_tags, ResourceArn=GROUP)["Tags"] == [{"Key": "team", "Value": "a"}]

    def test_managed_storage_is_refused(self, desk):
        managed = {"ManagedStorageType": "Restricted"}
        message = refused(desk, create_model_package_group, ModelPackageGroupName="g", ManagedConfiguration=managed)
        assert message.startswith("ManagedConfiguration.ManagedStorageType asks for")


class TestVersions:
    def test_a_version_is_described_as_it_was_registered(self, desk):
        metrics = {
            "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://data/quality.json"}}
        }
        told = {
            "ModelMetrics": metrics,
            "CustomerMetadataProperties": {"auc": "0.9"},
            "Domain": "MACHINE_LEARNING",
            "Task": "CLASSIFICATION",
            "SkipModelValidation": "None",
            "CertifyForMarketplace": False,
            "SourceUri": "https://example.com/run/7",
            "ModelLifeCycle": {"Stage": "Development", "StageStatus": "PendingApproval"},
        }
        assert desk(create_model_package, **version(**told)) == {"ModelPackageArn": VERSION}
        for name in (VERSION, "churn/1"):
            described = desk(describe_model_package, ModelPackageName=name)
            assert {member: described[member] for member in told} == told
        assert (described["ModelPackageGroupName"], described["ModelPackageVersion"]) == ("Churn", 1)
        assert (described["ModelPackageStatus"], described["ModelApprovalStatus"]) == (
            "Completed",
            "PendingManualApproval",
        )
        assert described["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
        assert described["InferenceSpecification"]["Containers"] == [container()]
        assert described["CreatedBy"] == BY
        assert "ModelPackageName" not in described

    def test_versions_count_from_one_and_none_is_given_twice(self, desk):
        with ThreadPoolExecutor(10) as clients:
            answers = list(clients.map(lambda _: desk(create_model_package, **version()), range(30)))
        assert {answer["ModelPackageArn"] for answer in answers} == {
            f"{PREFIX}:model-package/churn/{number}" for number in range(1, 31)
        }
        desk(delete_model_package, ModelPackageName="churn/30")
        assert desk(create_model_package, **version())["ModelPackageArn"].endswith("/31")

    def test_the_same_token_makes_one_version(self, desk):
        with ThreadPoolExecutor(10) as clients:
            answers = list(clients.map(lambda _: desk(create_model_package, **version(ClientToken="t")), range(10)))
        assert answers == [{"ModelPackageArn": VERSION}] * 10
        message = refused(desk, create_model_package, **version(ClientToken="t", Task="OTHER"))
        assert message.startswith("ClientToken: 't' was used before")
        assert desk(create_model_package, **version(ClientToken="u"))["ModelPackageArn"].endswith("/2")
        desk.clock.move(25 * 3600)
        assert desk(create_model_package, **version(ClientToken="t"))["ModelPackageArn"].endswith("/3")

    def test_a_group_must_be_there_and_have_the_tags(self, desk):
        request = version(ModelPackageGroupName="none")
        assert refused(desk, create_model_package, **request) == "Model Package Group does not exist."
        assert refused(desk, create_model_package, **version(Tags=[{"Key": "k", "Value": "v"}])).startswith("Tags: ")
        assert desk(create_model_package, **version(ModelPackageGroupName=GROUP)) == {"ModelPackageArn": VERSION}

    def test_a_name_or_a_group_but_not_both(self, desk):
        assert refused(desk, create_model_package).startswith("Missing ARN.")
        message = refused(desk, create_model_package, **version(ModelPackageName="both"))
        assert message.startswith("Both ModelPackageName and ModelPackageGroupName are provided in the input.")

    @pytest.mark.parametrize(
        ("member", "changes"),
        [
            ("Image:", {"Image": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/mine:1"}),
            ("ProductId asks for", {"ProductId": "p"}),
            ("ImageDigest asks for", {"ImageDigest": "sha256:" + "0" * 64}),
            ("ModelDataETag asks for", {"ModelDataETag": "0"}),
            ("Environment.CLARY_SOCKET: ", {"Environment": {"CLARY_SOCKET": "x"}}),
        ],
    )
    def test_containers_that_could_not_serve_are_refused(self, desk, member, changes):
        specification = {"Containers": [container(), container(**changes)]}
        message = refused(desk, create_model_package, **version(InferenceSpecification=specification))
        assert message.startswith(f"InferenceSpecification.Containers[1].{member}")
        additional = [{"Name": "other", **specification}]
        message = refused(desk, create_model_package, **version(AdditionalInferenceSpecifications=additional))
        assert message.startswith(f"AdditionalInferenceSpecifications[0].Containers[1].{member}")

    def test_model_data_must_be_there(self, desk):
        specification = {"Containers": [container(ModelDataUrl="s3://data/none.tar.gz")]}
        message = refused(desk, create_model_package, **version(InferenceSpecification=specification))
        assert message == "Could not find model data at s3://data/none.tar.gz."

    @pytest.mark.parametrize(
        ("member", "changes"),
        [
            ("CertifyForMarketplace", {"CertifyForMarketplace": True}),
            ("SecurityConfig.KmsKeyId", {"SecurityConfig": {"KmsKeyId": "key"}}),
            ("ManagedStorageType", {"ManagedStorageType": "Restricted"}),
            (
                "ValidationSpecification.ValidationProfiles",
                {"ValidationSpecification": {"ValidationRole": ROLE, "ValidationProfiles": [{"ProfileName": "p"}]}},
            ),
        ],
    )
    def test_what_is_not_done_is_refused_by_name(self, desk, member, changes):
        assert refused(desk, create_model_package, **version(**changes)).startswith(f"{member} asks for ")

    def test_a_version_is_cloned_and_a_model_registered_by_source(self, desk):
        desk(create_model_package, **version(Task="OTHER"))
        desk(create_model_package, ModelPackageGroupName="churn", SourceUri=VERSION)
        cloned = desk(describe_model_package, ModelPackageName="churn/2")
        assert (cloned["Task"], cloned["InferenceSpecification"]) == ("OTHER", {"Containers": [container()]})
        desk(create_model, ModelName="m", PrimaryContainer=container(Environment={"A": "1"}), ExecutionRoleArn=ROLE)
        desk(create_model_package, ModelPackageGroupName="churn", SourceUri=f"{PREFIX}:model/m")
        registered = desk(describe_model_package, ModelPackageName="churn/3")["InferenceSpecification"]
        assert registered == {"Containers": [container(Environment={"A": "1"})]}
        for uri in (f"{PREFIX}:model/none", f"{PREFIX}:model-package/churn/9", f"{PREFIX}:endpoint/e"):
            assert uri in refused(desk, create_model_package, ModelPackageGroupName="churn", SourceUri=uri)

    def test_a_model_card_without_its_content(self, desk):
        content = {"model_overview": {"model_creator": "Ann"}, "intended_uses": {"risk_rating": "High", "purpose": "x"}}
        card = {"ModelCardContent": json.dumps(content), "ModelCardStatus": "Draft"}
        desk(create_model_package, **version(ModelCard=card))
        assert desk(describe_model_package, ModelPackageName=VERSION)["ModelCard"] == card
        metadata = desk(describe_model_package, ModelPackageName=VERSION, IncludedData="MetadataOnly")["ModelCard"]
        assert json.loads(metadata["ModelCardContent"]) == {"intended_uses": {"risk_rating": "High"}}
        desk(update_model_package, ModelPackageArn=VERSION, ModelCard={"ModelCardStatus": "Approved"})
        updated = desk(describe_model_package, ModelPackageName=VERSION)["ModelCard"]
        assert updated == {**card, "ModelCardStatus": "Approved"}
        bad = {"ModelCardContent": "[]", "ModelCardStatus": "Draft"}
        assert refused(desk, create_model_package, **version(ModelCard=bad)).startswith("ModelCard.ModelCardContent is")


class TestUnversioned:
    def test_a_package_of_its_own(self, desk):
        arn = f"{PREFIX}:model-package/single"
        request = unversioned(ClientToken="t")
        assert (
            desk(create_model_package, **request) == desk(create_model_package, **request) == {"ModelPackageArn": arn}
        )
        described = desk(describe_model_package, ModelPackageName="single")
        assert (described["ModelPackageName"], described["ModelPackageArn"]) == ("single", arn)
        assert "ModelApprovalStatus" not in described
        assert refused(desk, create_model_package, **unversioned()) == f"ModelPackage already exists: {arn}"
        desk(delete_model_package, ModelPackageName="single")
        for function in (describe_model_package, delete_model_package):
            assert refused(desk, function, ModelPackageName="single") == f"ModelPackage {arn} does not exist."

    def test_it_needs_instance_types_and_has_no_environment(self, desk):
        request = unversioned(InferenceSpecification={"Containers": [container()]})
        assert "SupportedTransformInstanceTypes is required" in refused(desk, create_model_package, **request)
        request["InferenceSpecification"]["Containers"][0]["Environment"] = {"A": "1"}
        assert refused(desk, create_model_package, **request).startswith("Environment variable map cannot be specified")

    def test_it_is_made_from_an_algorithm(self, desk):
        source = {"SourceAlgorithms": [{"AlgorithmName": "kmeans", "ModelDataUrl": DATA}]}
        desk(create_model_package, ModelPackageName="a", SourceAlgorithmSpecification=source)
        described = desk(describe_model_package, ModelPackageName="a")
        assert described["SourceAlgorithmSpecification"] == source
        assert described["InferenceSpecification"]["Containers"] == [container()]
        request = unversioned(SourceAlgorithmSpecification=source)
        assert "both" in refused(desk, create_model_package, **request)
        source = {"SourceAlgorithms": [{"AlgorithmName": "mine", "ModelDataUrl": DATA}]}
        message = refused(desk, create_model_package, ModelPackageName="b", SourceAlgorithmSpecification=source)
        assert message.startswith("SourceAlgorithmSpecification.SourceAlgorithms[0].AlgorithmName: 'mine'")


class TestListing:
    def test_filters_order_and_pages(self, desk):
        desk(create_model_package_group, ModelPackageGroupName="churn-2")
        for request in (version(), version(), version(ModelPackageGroupName="churn-2"), unversioned()):
            desk.clock.move(1)
            desk(create_model_package, **request)
        approve(desk)

        def arns(**request):
            found = desk(list_model_packages, **request)["ModelPackageSummaryList"]
            return [row["ModelPackageArn"].partition("/")[2] for row in found]

        assert arns() == ["single"]
        assert arns(ModelPackageType="Versioned") == ["churn-2/1", "churn/2", "churn/1"]
        assert len(arns(ModelPackageType="Both")) == 4
        assert arns(ModelPackageGroupName="churn") == arns(ModelPackageGroupName=GROUP) == ["churn/2", "churn/1"]
        assert arns(ModelPackageGroupName="churn", ModelApprovalStatus="Approved") == ["churn/1"]
        assert arns(ModelPackageGroupName="churn", ModelPackageType="Unversioned") == []
        assert arns(ModelPackageGroupName="churn", SortOrder="Ascending") == ["churn/1", "churn/2"]
        assert arns(ModelPackageType="Both", NameContains="sing") == ["single"]
        token = desk(list_model_packages, ModelPackageGroupName="churn", MaxResults=1)["NextToken"]
        assert arns(ModelPackageGroupName="churn", MaxResults=1, NextToken=token) == ["churn/1"]

    def test_many_at_once(self, desk):
        desk(create_model_package, **version())
        missing = VERSION.replace("/1", "/2")
        answer = desk(batch_describe_model_package, ModelPackageArnList=[VERSION, missing])
        assert answer["ModelPackageSummaries"][VERSION]["ModelPackageVersion"] == 1
        error = {"ErrorCode": "ValidationException", "ErrorResponse": f"ModelPackage {missing} does not exist."}
        assert answer["BatchDescribeModelPackageErrorMap"] == {missing: error}

    def test_search(self, desk):
        desk(create_model_package, **version())
        for resource, name in (("ModelPackageGroup", "Churn"), ("ModelPackage", "Churn")):
            expression = {"Filters": [{"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": name}]}
            [found] = desk(search, Resource=resource, SearchExpression=expression)["Results"]
            assert found[resource]["ModelPackageGroupName"] == "Churn"
            expression["Filters"][0]["Value"] = "none"
            assert desk(search, Resource=resource, SearchExpression=expression)["Results"] == []


class TestUpdates:
    def test_approval_tells_who_and_why(self, desk):
        desk(create_model_package, **version())
        desk.clock.move(5)
        request = {"ModelApprovalStatus": "Rejected", "ApprovalDescription": "too old"}
        assert desk(update_model_package, ModelPackageArn=VERSION, **request) == {"ModelPackageArn": VERSION}
        described = desk(describe_model_package, ModelPackageName=VERSION)
        assert {member: described[member] for member in request} == request
        assert described["LastModifiedBy"] == BY
        assert described["LastModifiedTime"] == described["CreationTime"] + 5

    def test_properties_are_added_and_removed(self, desk):
        desk(create_model_package, **version(CustomerMetadataProperties={"a": "1", "b": "2"}))
        desk(
            update_model_package,
            ModelPackageArn=VERSION,
            CustomerMetadataProperties={"b": "3", "c": "4"},
            CustomerMetadataPropertiesToRemove=["a", "none"],
        )
        described = desk(describe_model_package, ModelPackageName=VERSION)
        assert described["CustomerMetadataProperties"] == {"b": "3", "c": "4"}
        many = {str(number): "" for number in range(49)}
        message = refused(desk, update_model_package, ModelPackageArn=VERSION, CustomerMetadataProperties=many)
        assert message == "A model package has at most 50 CustomerMetadataProperties; this would make 51."

    def test_specifications_are_replaced_and_added_once(self, desk):
        desk(create_model_package, **version())
        xgboost = {"Containers": [container(Image=XGBOOST)]}
        added = {"Name": "other", **xgboost}
        update = {"ModelPackageArn": VERSION, "AdditionalInferenceSpecificationsToAdd": [added]}
        for _ in range(2):
            desk(update_model_package, **update, InferenceSpecification=xgboost, ClientToken="t")
        described = desk(describe_model_package, ModelPackageName=VERSION)
        assert described["InferenceSpecification"] == xgboost
        assert described["AdditionalInferenceSpecifications"] == [added]
        assert "the Name 'other' is given more than once" in refused(desk, update_model_package, **update)
        update["AdditionalInferenceSpecificationsToAdd"] = [{**added, "Name": str(number)} for number in range(15)]
        assert "at most 15" in refused(desk, update_model_package, **update)
        missing = VERSION.replace("/1", "/9")
        message = refused(desk, update_model_package, ModelPackageArn=missing, ModelApprovalStatus="Approved")
        assert message == f"ModelPackage {missing} does not exist."


class TestDeployment:
    def create(self, desk, name="m", **given):
        desk(create_model, ModelName=name, ExecutionRoleArn=ROLE, **given)
        return desk(describe_model, ModelName=name)

    def served(self, desk, name="m"):
        desk(create_endpoint_config, EndpointConfigName=name, ProductionVariants=[variant(model=name)])
        desk(create_endpoint, EndpointName=name, EndpointConfigName=name)
        return desk.hosting.created[-1].variants[0].containers

    def test_only_an_approved_version_becomes_a_model(self, desk):
        desk(create_model_package, **version())
        request = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"ModelPackageName": VERSION}}
        for status in ("PendingManualApproval", "Rejected"):
            desk(update_model_package, ModelPackageArn=VERSION, ModelApprovalStatus=status)
            assert f"its ModelApprovalStatus is {status}" in refused(desk, create_model, **request)
        approve(desk)
        desk(create_model, **request)

    @pytest.mark.parametrize("place", ["PrimaryContainer", "Containers"])
    def test_a_model_of_a_version_serves_its_container(self, desk, place):
        packaged = container(Environment={"A": "1", "B": "1"})
        desk(create_model_package, **version(InferenceSpecification={"Containers": [packaged]}))
        approve(desk)
        given = {"ModelPackageName": VERSION, "Environment": {"B": "2"}}
        described = self.create(desk, **{place: given if place == "PrimaryContainer" else [given]})
        expected = container(ModelPackageName=VERSION, Environment={"A": "1", "B": "2"})
        assert described[place] == (expected if place == "PrimaryContainer" else [expected])
        desk(delete_model_package, ModelPackageName=VERSION)
        [served] = self.served(desk)
        assert (served.algorithm, served.model_uri) == ("kmeans", DATA)
        assert served.environment == {"A": "1", "B": "2"}

    def test_several_containers_make_a_pipeline(self, desk):
        both = [container(), container(Image=XGBOOST)]
        desk(create_model_package, **version(InferenceSpecification={"Containers": both}))
        approve(desk)
        described = self.create(desk, PrimaryContainer={"ModelPackageName": VERSION})
        assert [part["Image"] for part in described["Containers"]] == [KMEANS, XGBOOST]
        assert "PrimaryContainer" not in described
        assert [served.algorithm for served in self.served(desk)] == ["kmeans", "xgboost"]
        many = [{"ModelPackageName": VERSION}] * 8
        message = refused(desk, create_model, ModelName="n", ExecutionRoleArn=ROLE, Containers=many)
        assert message == "A model has at most 15 containers; this would make 16."

    def test_another_inference_specification_is_named(self, desk):
        other = {"Name": "other", "Containers": [container(Image=XGBOOST)]}
        desk(create_model_package, **unversioned(AdditionalInferenceSpecifications=[other]))
        given = {"ModelPackageName": "single", "InferenceSpecificationName": "other"}
        assert self.create(desk, PrimaryContainer=given)["PrimaryContainer"]["Image"] == XGBOOST
        assert (
            self.create(desk, "n", PrimaryContainer={"ModelPackageName": "single"})["PrimaryContainer"]["Image"]
            == KMEANS
        )

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"ModelPackageName": "none"}, "model-package/none does not exist"),
            ({"ModelPackageName": "single", "Image": KMEANS}, "exactly one of ModelPackageName and Image"),
            (
                {"ModelPackageName": "single", "InferenceSpecificationName": "x"},
                "no inference specification with the name",
            ),
            ({"InferenceSpecificationName": "x"}, "needs a ModelPackageName"),
            ({"ModelPackageName": "empty"}, "has no InferenceSpecification"),
        ],
    )
    def test_what_cannot_be_deployed_is_refused(self, desk, given, message):
        desk(create_model_package, **unversioned())
        desk(create_model_package, ModelPackageName="empty")
        request = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": given}
        assert message in refused(desk, create_model, **request)


def test_ten_clients_register_over_the_wire(server, aws):
    """Every version once, and nothing in the answer that AWS doesn't have."""
    aws("s3").create_bucket(Bucket="registry")
    aws("s3").put_object(Bucket="registry", Key="model.tar.gz", Body=b"an archive")
    client = aws("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="wire")
    specification = {"Containers": [container(ModelDataUrl="s3://registry/model.tar.gz")]}

    def register(_):
        own = server.client("sagemaker")
        answer = own.create_model_package(ModelPackageGroupName="wire", InferenceSpecification=specification)
        return int(answer["ModelPackageArn"].rpartition("/")[2])

    with ThreadPoolExecutor(10) as clients:
        assert sorted(clients.map(register, range(10))) == list(range(1, 11))
    described = client.describe_model_package(ModelPackageName="wire/10")
    assert set(described) == {
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "ModelPackageArn",
        "CreationTime",
        "InferenceSpecification",
        "ModelPackageStatus",
        "ModelPackageStatusDetails",
        "CertifyForMarketplace",
        "ModelApprovalStatus",
        "CreatedBy",
        "LastModifiedTime",
        "ResponseMetadata",
    }
    with pytest.raises(client.exceptions.ConflictException):
        client.delete_model_package_group(ModelPackageGroupName="wire")
