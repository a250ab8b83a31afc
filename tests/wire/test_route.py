import echo
import pytest

from clary.errors import ServiceError
from clary.wire import Registry
from clary.wire.request import parse_request
from clary.wire.route import bucket_in_host, find_route, guess_service

REGISTRY = Registry([echo], ["s3", "logs", "lambda"])


def request(method, target, service="", headers=(), content=b""):
    path, _, query = target.partition("?")
    raw = [(b"host", b"localhost:4566"), *((name.encode(), value.encode()) for name, value in headers)]
    if service:
        credential = f"AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-west-1/{service}/aws4_request, SignedHeaders=host"
        raw.append((b"authorization", credential.encode()))
    scope = {"method": method, "scheme": "http", "headers": raw}
    parsed = parse_request({**scope, "raw_path": path.encode(), "query_string": query.encode()}, None, 1000)
    parsed.content = content
    return parsed


def routed(*args, **kwargs):
    """The operation, its path labels and what stands in the way of doing it."""
    try:
        route = find_route(REGISTRY, request(*args, **kwargs))
    except ServiceError as error:
        return error.message
    return route.operation.name, route.labels


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("127.0.0.1:4566", ""),
        ("[::1]:4566", ""),
        ("localhost:4566", ""),
        ("localhost", ""),
        ("clary", ""),
        ("bkt.localhost:4566", "bkt"),
        ("a.b.localhost", "a.b"),
        ("s3.localhost:4566", ""),
        ("bkt.s3.localhost:4566", "bkt"),
        ("bkt.s3.us-east-1.localhost.localstack.cloud:4566", "bkt"),
        ("s3.us-east-1.localhost.localstack.cloud:4566", ""),
        ("s3-us-west-2.amazonaws.com", ""),
        ("s3-data.localhost:4566", "s3-data"),
        ("my.bkt.s3.amazonaws.com", "my.bkt"),
        ("bkt.s3-eu-west-1.amazonaws.com", "bkt"),
        ("clary.example.org:4566", ""),
    ],
)
def test_the_bucket_in_a_host_name(host, bucket):
    assert bucket_in_host(host) == bucket


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/", ("ListBuckets", {})),
        ("PUT", "/bkt", ("CreateBucket", {"Bucket": "bkt"})),
        ("PUT", "/bkt/", ("CreateBucket", {"Bucket": "bkt"})),
        ("GET", "/bkt?list-type=2&prefix=a", ("ListObjectsV2", {"Bucket": "bkt"})),
        ("GET", "/bkt?location", ("GetBucketLocation", {"Bucket": "bkt"})),
        ("GET", "/bkt/a/b", ("GetObject", {"Bucket": "bkt", "Key": "a/b"})),
        ("GET", "/bkt//a%2F%20%2B+%25", ("GetObject", {"Bucket": "bkt", "Key": "/a/ ++%"})),
        ("GET", "/bkt/a/", ("GetObject", {"Bucket": "bkt", "Key": "a/"})),
        ("GET", "/bkt/..%2f..%2fetc", ("GetObject", {"Bucket": "bkt", "Key": "../../etc"})),
        ("GET", "/bkt/%C3%A9%0A", ("GetObject", {"Bucket": "bkt", "Key": "é\n"})),
        ("GET", "/bkt/k?versionId=1&response-content-type=a", ("GetObject", {"Bucket": "bkt", "Key": "k"})),
        ("POST", "/bkt?delete", ("DeleteObjects", {"Bucket": "bkt"})),
        ("PUT", "/bkt/k?x-id=PutObject", ("PutObject", {"Bucket": "bkt", "Key": "k"})),
        ("GET", "/bkt?uploads", "Clary does not have the operation s3 ListMultipartUploads (yet)"),
        ("GET", "/bkt/k?uploadId=1", "Clary does not have the operation s3 ListParts (yet)"),
        ("PUT", "/bkt/k?uploadId=1&partNumber=2", "Clary does not have the operation s3 UploadPart (yet)"),
        ("GET", "/bkt?lifecycle", "Clary does not have the operation s3 GetBucketLifecycleConfiguration (yet)"),
        ("PATCH", "/bkt", "The specified method is not allowed against this resource."),
        ("GET", "/bkt/%ff", "Couldn't parse the specified URI."),
        ("GET", "/bkt?prefix=%ff", "Couldn't parse the specified URI."),
    ],
)
@pytest.mark.parametrize("service", ["s3", ""])
def test_s3(method, target, expected, service):
    assert routed(method, target, service) == expected


def test_s3_by_header():
    copy = [("x-amz-copy-source", "a/b")]
    assert routed("PUT", "/b/k", "s3", copy) == "Clary does not have the operation s3 CopyObject (yet)"


def test_s3_by_host():
    headers = [("host", "bkt.localhost")]
    parsed = request("GET", "/a/b", "s3")
    parsed.headers.update(headers)
    assert find_route(REGISTRY, parsed).labels == {"Bucket": "bkt", "Key": "a/b"}


def target(name):
    return [("x-amz-target", name), ("content-type", "application/x-amz-json-1.1")]


@pytest.mark.parametrize(
    ("service", "name", "expected"),
    [
        ("sagemaker", "SageMaker.CreateTrainingJob", ("CreateTrainingJob", {})),
        ("", "SageMaker.CreateTrainingJob", ("CreateTrainingJob", {})),
        ("monitoring", "GraniteServiceVersion20100801.PutMetricData", ("PutMetricData", {})),
        ("logs", "Logs_20140328.PutLogEvents", "Clary does not have the operation logs PutLogEvents (yet)"),
        ("sagemaker", "SageMaker.Nonsense", "sagemaker has no operation Nonsense"),
        ("sagemaker", "SageMaker", "No service here has operations named .*"),
        ("kinesis", "Kinesis_20131202.PutRecords", "Clary does not have the service kinesis (yet)"),
        ("nonsense", "Nonsense.Do", "There is no AWS service nonsense"),
    ],
)
def test_targets(service, name, expected):
    assert routed("POST", "/", service, target(name)) == expected


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/endpoints/e/invocations", ("InvokeEndpoint", {"EndpointName": "e"})),
        ("POST", "/endpoints/a%20b/invocations", ("InvokeEndpoint", {"EndpointName": "a b"})),
        ("GET", "/endpoints/e/invocations", "No operation of sagemaker is at GET /endpoints/e/invocations"),
    ],
)
def test_paths(method, path, expected):
    assert routed(method, path, "sagemaker") == expected


def test_actions_as_form_and_in_the_url():
    form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")]
    body = b"Action=CreateRole&Version=2010-05-08"
    assert routed("POST", "/", "iam", form, body) == ("CreateRole", {})
    assert routed("POST", "/", "", form, body) == ("CreateRole", {})
    assert routed("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "sts") == ("GetCallerIdentity", {})
    assert routed("POST", "/", "monitoring", form, b"Action=PutMetricData&Version=2010-08-01") == ("PutMetricData", {})
    assert routed("POST", "/", "iam", form, b"Action=No") == "Could not find operation No for version 2010-05-08"


def test_a_protocol_that_is_not_spoken_is_refused_by_name():
    cbor = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")]
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    assert routed("POST", path, "monitoring", cbor) == "Clary does not speak the protocol rpc-v2-cbor (yet)"


@pytest.mark.parametrize(
    ("parsed", "protocol"),
    [
        (request("GET", "/b"), "rest-xml"),
        (request("PATCH", "/b", "s3"), "rest-xml"),
        (request("POST", "/", "kinesis", target("Kinesis_20131202.X")), "json"),
        (request("POST", "/", "iam", [("content-type", "application/x-www-form-urlencoded")]), "query"),
        (request("GET", "/x", "sagemaker"), "rest-json"),
    ],
)
def test_errors_without_a_route_are_worded_in_the_protocol_of_the_request(parsed, protocol):
    assert guess_service(REGISTRY, parsed)[1] == protocol


def test_every_rest_operation_of_lambda_is_found_at_its_own_path():
    lambda_ = REGISTRY.services["lambda"]
    for operation in lambda_.operations.values():
        http = operation.model.http
        parsed = request(http.method, http.request_uri.replace("{", "").replace("}", "").replace("+", ""), "lambda")
        shape = lambda_.model.shapes[operation.model.input.shape]
        for name in shape.required:
            if shape.members[name].location == "querystring":
                parsed.query.setdefault(shape.members[name].location_name, ["x"])
        found = lambda_.rest_routes.find(parsed, parsed.raw_path)
        assert found is not None
        assert found[0] is operation
