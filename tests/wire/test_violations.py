"""Refusals of requests that break the model, word by word."""

import json
from types import SimpleNamespace

import pytest

from clary.errors import ServiceError
from clary.wire.registry import Service

SERVICES = {}


def read(service, operation, document):
    """A JSON request decoded and validated."""
    found = SERVICES.setdefault(service, Service(service)).operations[operation]
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return found.codec("json").read(SimpleNamespace(content=content), {})


def refusal(service, operation, document):
    with pytest.raises(ServiceError) as caught:
        read(service, operation, document)
    assert caught.value.status == 400
    return caught.value


def test_all_errors_of_a_request_are_told_at_once():
    error = refusal("kinesis", "PutRecords", {"StreamName": "a b", "Records": [{"Data": "", "PartitionKey": ""}] * 501})
    assert error.code == "ValidationException"
    assert error.message.startswith(
        "10 validation errors detected: Value '[PutRecordsRequestEntry("
        "data=java.nio.HeapByteBuffer[pos=0 lim=0 cap=0], partitionKey=), PutRecordsRequestEntry("
    )
    assert (
        " characters)' at 'records' failed to satisfy constraint: Member must have length less than or equal to 500; "
        "Value '' at 'records.1.member.partitionKey' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1; "
    ) in error.message


def test_what_is_missing_is_named():
    error = refusal("sagemaker", "DescribeTrainingJob", {})
    assert error.message == (
        "1 validation error detected: Value null at 'trainingJobName' failed to satisfy constraint: "
        "Member must not be null"
    )


@pytest.mark.parametrize(
    ("operation", "document", "sentence"),
    [
        (
            "CreateEndpointConfig",
            {
                "EndpointConfigName": "c",
                "ProductionVariants": [
                    {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 0, "InstanceType": "ml.t2.medium"}
                ],
            },
            "Value '0' at 'productionVariants.1.member.initialInstanceCount' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
        (
            "DeleteTags",
            {"ResourceArn": "arn:aws:sagemaker:us-east-1:000000000000:model/m", "TagKeys": ["a", "#"]},
            "Value '[a, #]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: "
            "[Member must have length less than or equal to 128, Member must have length greater than or equal to 1, "
            r"Member must satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)]",
        ),
        (
            "ListTrainingJobs",
            {"SortOrder": "Up"},
            "Value 'Up' at 'sortOrder' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Ascending, Descending]",
        ),
        (
            "ListTrainingJobs",
            {"MaxResults": 2**40},
            f"Value '{2**40}' at 'maxResults' failed to satisfy constraint: "
            "Member must have value less than or equal to 100",
        ),
        (
            "ListTrainingJobs",
            {"NameContains": "a", "Nmae": True},
            "Value 'true' at 'nmae' failed to satisfy constraint: Member must be one the model knows",
        ),
    ],
)
def test_wording(operation, document, sentence):
    assert refusal("sagemaker", operation, document).message == f"1 validation error detected: {sentence}"


def test_a_map_names_its_values():
    error = refusal("logs", "CreateLogGroup", {"logGroupName": "g", "tags": {"k": "#", "": "v"}})
    assert error.code == "InvalidParameterException"  # what this service lists among its errors
    assert (
        "Value '{k=#, =v}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [" in error.message
    )
    assert "Map value must satisfy constraint: [Member must have length less than or equal to 256" in error.message


TYPES = [
    ({"TrainingJobName": 1}, "NUMBER_VALUE can not be converted to a String"),
    ({"TrainingJobName": 1.5}, "DECIMAL_VALUE can not be converted to a String"),
    ({"TrainingJobName": True}, "TRUE_VALUE can not be converted to a String"),
    ({"TrainingJobName": []}, "Start of list found where not expected"),
    ({"TrainingJobName": {}}, "Start of structure or map found where not expected."),
    ({"InputDataConfig": "x"}, "Expected list or null"),
    ({"InputDataConfig": [None]}, "Unexpected null in a list or map"),
    ({"HyperParameters": 5}, "Expected map or null"),
    ({"ResourceConfig": "x"}, "Expected null"),
    ({"ResourceConfig": {"InstanceCount": "1"}}, "STRING_VALUE can not be converted to an Integer"),
    ({"ResourceConfig": {"InstanceCount": 1.5}}, "DECIMAL_VALUE can not be converted to an Integer"),
    ({"EnableNetworkIsolation": "true"}, "STRING_VALUE can not be converted to a Boolean"),
]


@pytest.mark.parametrize(("document", "message"), TYPES, ids=[str(case[0]) for case in TYPES])
def test_a_wrong_type_is_a_serialization_error(document, message):
    error = refusal("sagemaker", "CreateTrainingJob", document)
    assert (error.code, error.message) == ("SerializationException", message)


@pytest.mark.parametrize("value", [[], {}, "heavy"])
def test_a_float_of_a_wrong_type_is_a_serialization_error(value):
    document = {"EndpointName": "e", "DesiredWeightsAndCapacities": [{"VariantName": "v", "DesiredWeight": value}]}
    assert refusal("sagemaker", "UpdateEndpointWeightsAndCapacities", document).code == "SerializationException"


@pytest.mark.parametrize("data", ["a", "====", "a b=", "äöü="])
def test_a_blob_must_be_base64(data):
    error = refusal("kinesis", "PutRecord", {"StreamName": "s", "PartitionKey": "p", "Data": data})
    assert error.code == "SerializationException"


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"a":}', b"[" * 100_000, b'{"a":' * 100_000]
)
def test_what_is_no_json_object_is_a_serialization_error(body):
    assert refusal("sagemaker", "ListModels", body).code == "SerializationException"


def test_nulls_count_as_not_given():
    assert read("sagemaker", "ListModels", {"NameContains": None, "MaxResults": 5}) == {"MaxResults": 5}
    assert refusal("sagemaker", "DescribeModel", {"ModelName": None}).message.startswith("1 validation error")


def test_an_empty_body_is_an_empty_request():
    assert read("sagemaker", "ListModels", b"") == {}


@pytest.mark.parametrize("moment", [1700000000, 1700000000.0, "2023-11-14T22:13:20Z", "1700000000"])
def test_times_become_seconds(moment):
    assert read("sagemaker", "ListModels", {"CreationTimeAfter": moment}) == {"CreationTimeAfter": 1_700_000_000.0}


def test_numbers_as_other_clients_write_them():
    assert read("sagemaker", "ListModels", {"MaxResults": 5.0}) == {"MaxResults": 5}
    datum = {"MetricName": "m", "Value": "Infinity"}
    values = read("cloudwatch", "PutMetricData", {"Namespace": "n", "MetricData": [datum]})
    assert values["MetricData"][0]["Value"] == float("inf")


def test_a_union_has_exactly_one_member():
    both = {"InferenceSpecification": {}, "ModelPackageName": "m"}
    assert refusal("sagemaker", "CreateModelPackage", both).status == 400
    document = {
        "EndpointName": "e",
        "EndpointConfigName": "c",
        "DeploymentConfig": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {}}},
    }
    assert "Member must not be null" in refusal("sagemaker", "UpdateEndpoint", document).message


def test_text_with_line_breaks_takes_the_patterns_by_their_word():
    good = {"EndpointName": "e", "EndpointConfigName": "c", "RetainAllVariantProperties": False}
    assert read("sagemaker", "UpdateEndpoint", good) == good
    job = {"TrainingJobName": "t", "HyperParameters": {"a": "x\ny"}}
    error = refusal("sagemaker", "CreateTrainingJob", job)
    assert "at 'hyperParameters' failed to satisfy constraint: Map value must satisfy constraint: [" in error.message
    assert "Member must satisfy regular expression pattern: .*]" in error.message


def test_the_first_type_error_wins_over_broken_constraints():
    document = {"TrainingJobName": "-", "ResourceConfig": {"InstanceCount": "1"}}
    assert refusal("sagemaker", "CreateTrainingJob", document).code == "SerializationException"
