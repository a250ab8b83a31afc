"""Every operation that is implemented keeps AWS's contract; generated from botocore's models.

For each: botocore's serializer writes a request and we read it back, we write a reply and botocore's parser reads it
back, and each constraint of the input is broken once and must be refused in AWS's words.
"""

import gzip
import json
from urllib.parse import urlencode

import botocore.model
import pytest
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from shape_examples import broken, example

from clary.app import SERVICES
from clary.errors import ServiceError
from clary.wire import Registry, Reply
from clary.wire.model import data_folder
from clary.wire.request import parse_request
from clary.wire.route import find_route

REGISTRY = Registry.load(SERVICES)
OPERATIONS = {f"{operation.service.name}-{operation.name}": operation for operation in REGISTRY.implemented()}
S3_REFUSALS = {"MalformedXML", "InvalidArgument", "InvalidRequest", "MissingRequestBodyError", "InvalidStorageClass"}
S3_REFUSALS |= {"InvalidEncryptionAlgorithmError", "InvalidLocationConstraint"}


@pytest.fixture(params=OPERATIONS.values(), ids=OPERATIONS.keys())
def operation(request):
    return request.param


def botocore_model(operation):
    """The operation as botocore has it, by its own classes."""
    path = sorted((data_folder() / operation.service.name).glob("*/service-2.json.gz"))[-1]
    if path not in BOTOCORE:
        BOTOCORE[path] = botocore.model.ServiceModel(json.loads(gzip.decompress(path.read_bytes())))
    return BOTOCORE[path].operation_model(operation.name)


BOTOCORE = {}


def written(operation, document):
    """The request as botocore's serializer writes it, as it comes in here."""
    protocol = operation.service.protocol
    serialized = create_serializer(protocol, include_validation=False).serialize_to_request(
        document, botocore_model(operation)
    )
    parameters = serialized.get("query_string") or {}
    url = f"http://localhost{serialized['url_path']}"
    body = serialized["body"]
    prepared = AWSRequest(serialized["method"], url, data=body, params=parameters).prepare()
    path, _, query = prepared.url.removeprefix("http://localhost").partition("?")
    headers = [(name.lower().encode(), str(value).encode()) for name, value in serialized["headers"].items()]
    signing_name = operation.service.metadata.scope_name
    credential = f"AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/{signing_name}/aws4_request, SignedHeaders=host"
    scope = {
        "method": serialized["method"],
        "scheme": "http",
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost:4566"), (b"authorization", credential.encode()), *headers],
    }
    request = parse_request(scope, None, 1 << 30)
    request.content = urlencode(body).encode() if isinstance(body, dict) else bytes(body or b"")
    return request


def read(operation, request):
    """The request routed, decoded and validated."""
    route = find_route(REGISTRY, request)
    assert route.operation is operation
    return route.codec.read(request, route.labels)


def refusal(operation, document):
    with pytest.raises(ServiceError) as caught:
        read(operation, written(operation, document))
    assert 400 <= caught.value.status < 500
    return caught.value


@pytest.mark.parametrize("full", [False, True], ids=["least", "most"])
def test_what_botocore_writes_is_read_back(operation, full):
    if operation.model.input is None:
        assert read(operation, written(operation, {})) == {}
        return
    document = example(operation.service.model, operation.model.input.shape, full=full)
    values = read(operation, written(operation, document))
    assert without_empty(values) == without_empty(document)


def test_what_is_written_botocore_reads_back(operation):
    if operation.model.output is None:
        return
    model, shape = operation.service.model, operation.model.output.shape
    document = example(model, shape, full=True)
    protocol = operation.service.protocol
    members = [model.shapes[member.shape] for member in model.shapes[shape].members.values()]
    if protocol == "json" and any(member.eventstream for member in members):
        return  # all of the answer is the stream: a consumer of Kinesis reads it in the tests of that service
    response = operation.codec(protocol).encode(Reply(document), "request-id")
    assert isinstance(response.body, bytes)
    raw = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": response.body,
        "context": {},
    }
    parsed = create_parser(protocol).parse(raw, botocore_model(operation).output_shape)
    assert parsed.pop("ResponseMetadata")["RequestId"] == "request-id"
    for name, member in model.shapes[shape].members.items():
        if model.shapes[member.shape].eventstream:  # tests/wire/test_event_stream.py reads its events
            parsed.pop(name)
    if operation.name != "GetBucketLocation":  # a handler of botocore's own reads this one
        assert without_empty(plain(parsed)) == without_empty(plain(document))


def test_every_constraint_is_kept(operation):
    if operation.model.input is None:
        return
    for wrong in broken(operation.service.model, operation.model.input.shape):
        if (operation.name, wrong.path) == ("PutBucketPolicy", "policy"):
            continue  # no policy is an empty text here: S3 calls it malformed, which the operation does
        error = refusal(operation, wrong.value)
        if operation.service.name == "s3":
            assert error.code in S3_REFUSALS, (error.code, wrong)
            continue
        assert f"at '{wrong.path}' failed to satisfy constraint: " in error.message, (error.message, wrong)
        assert wrong.constraint in error.message, (error.message, wrong)
        assert wrong.within in error.message, (error.message, wrong)
        count = error.message.count("failed to satisfy constraint")
        assert error.message.startswith(f"{count} validation error{'s' if count > 1 else ''} detected: Value ")
        assert error.code in ("ValidationException", "ValidationError", "InvalidParameterException")


def test_what_the_model_does_not_know_is_refused(operation):
    if operation.service.protocol != "json" or operation.model.input is None:
        return
    request = written(operation, example(operation.service.model, operation.model.input.shape))
    request.content = json.dumps({**json.loads(request.content), "NoSuchMember": 1}).encode()
    with pytest.raises(ServiceError) as caught:
        read(operation, request)
    assert "Value '1' at 'noSuchMember' failed to satisfy constraint: Member must be one the model knows" in (
        caught.value.message
    )


def without_empty(value):
    """Nothing and an empty list, map or text look alike in XML and in headers, nothing and no bytes as a body."""
    if isinstance(value, dict):
        shorn = {key: without_empty(item) for key, item in value.items()}
        return {key: item for key, item in shorn.items() if item not in ("", b"", [], {}, None)}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


def plain(value):
    """botocore's datetimes as seconds; the bytes of a body as the text that its parser makes of them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    return value.timestamp() if hasattr(value, "timestamp") else value
