"""botocore signs, Clary verifies: two independent implementations must agree."""

import time
from urllib.parse import urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from clary.access import Access, SignedRequest
from clary.access.signatures import EMPTY_SHA256
from clary.clock import Clock, MovedClock
from clary.config import Settings
from clary.errors import ServiceError
from clary.store.database import Database
from clary.store.records import Records

HOST = "http://127.0.0.1:4566"
AWS_KEY = Credentials("test", "test")


@pytest.fixture
def clock():
    return MovedClock(time.time())  # botocore signs with the time of day


@pytest.fixture
def access(tmp_path, clock):
    database = Database(f"sqlite:///{tmp_path}/state.db")
    yield Access(Settings(data_dir=tmp_path), Records(database, Clock()), clock)
    database.close()


def sign(signer, method="GET", path="/", body=b"", headers=None):
    """The request as a server receives it."""
    request = AWSRequest(method, HOST + path, headers=headers or {}, data=body)
    request.context["payload_signing_enabled"] = True
    signer.add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    lines = [(name.lower().encode(), _bytes(value)) for name, value in prepared.headers.items()]
    if not any(name == b"host" for name, _ in lines):
        lines.append((b"host", parts.netloc.encode()))
    return SignedRequest(method, parts.path.encode(), parts.query.encode(), lines, None)


def _bytes(value):
    return value if isinstance(value, bytes) else str(value).encode()


def code_of(access, request):
    with pytest.raises(ServiceError) as caught:
        access.authenticate(request)
    return caught.value.code


@pytest.mark.parametrize(
    "path", ["/", "/bucket/a%20b%2Bc/%C3%BC?list-type=2&prefix=a%2Fb", "/bucket//x/?uploads", "/b/k~_-.*"]
)
def test_s3_header(access, path):
    identity, scope = access.authenticate(sign(S3SigV4Auth(AWS_KEY, "s3", "eu-west-1"), path=path))
    assert identity.arn == "arn:aws:sts::000000000000:assumed-role/ClaryExecutionRole/clary"
    assert scope == ("s3", "eu-west-1")


def test_json_service_signs_the_body(access):
    signer = SigV4Auth(AWS_KEY, "sagemaker", "us-east-1")
    request = sign(signer, "POST", body=b"{}", headers={"X-Amz-Target": "SageMaker.ListModels"})
    request.body_sha256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert access.authenticate(request)[1].service == "sagemaker"
    request.body_sha256 = EMPTY_SHA256
    assert code_of(access, request) == "InvalidSignatureException"


def test_path_outside_s3_is_encoded_twice(access):
    request = sign(SigV4Auth(AWS_KEY, "sagemaker", "us-east-1"), path="/endpoints/a%20b/invocations")
    request.body_sha256 = EMPTY_SHA256
    assert access.authenticate(request)[0].account == "000000000000"


@pytest.mark.parametrize("signer", [S3SigV4QueryAuth(AWS_KEY, "s3", "us-east-1", 60), HmacV1QueryAuth(AWS_KEY, 60)])
def test_presigned_url(access, clock, signer):
    request = sign(signer, path="/bucket/a%20b?versionId=1&response-content-type=text%2Fplain")
    assert access.authenticate(request)[0].access_key == "test"
    clock.move(61)
    assert code_of(access, request) == "AccessDenied"


def test_presigned_url_of_another_object_is_refused(access):
    for signer in S3SigV4QueryAuth(AWS_KEY, "s3", "us-east-1", 60), HmacV1QueryAuth(AWS_KEY, 60):
        request = sign(signer, path="/bucket/a")
        request.raw_path = b"/bucket/b"
        assert code_of(access, request) == "SignatureDoesNotMatch"


def test_virtual_host_in_version_2(access):
    request = sign(HmacV1QueryAuth(AWS_KEY, 60), path="/bucket/key")
    request.raw_path = b"/key"
    request.headers = [(b"host", b"bucket.localhost:4566")]
    assert access.authenticate(request)[1].service == "s3"


@pytest.mark.parametrize(
    ("service", "code"),
    [("s3", "InvalidAccessKeyId"), ("sts", "InvalidClientTokenId"), ("logs", "UnrecognizedClientException")],
)
def test_unknown_key(access, service, code):
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    assert code_of(access, sign(signer(Credentials("nobody", "x"), service, "us-east-1"))) == code


@pytest.mark.parametrize(
    ("service", "code"),
    [("s3", "SignatureDoesNotMatch"), ("iam", "SignatureDoesNotMatch"), ("logs", "InvalidSignatureException")],
)
def test_wrong_secret(access, service, code):
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    assert code_of(access, sign(signer(Credentials("test", "wrong"), service, "us-east-1"))) == code


@pytest.mark.parametrize("seconds", [1000, -1000])
def test_skewed_clock(access, clock, seconds):
    clock.move(seconds)
    assert code_of(access, sign(S3SigV4Auth(AWS_KEY, "s3", "us-east-1"))) == "RequestTimeTooSkewed"
    assert code_of(access, sign(SigV4Auth(AWS_KEY, "logs", "us-east-1"))) == "InvalidSignatureException"


def test_temporary_keys(access, clock):
    arn = "arn:aws:sts::123456789012:assumed-role/Some/session"
    keys = access.identities.issue("123456789012", arn, "AROAX:session", 900)
    credentials = Credentials(keys.access_key, keys.secret_key, keys.session_token)
    identity, _ = access.authenticate(sign(S3SigV4Auth(credentials, "s3", "us-east-1")))
    assert (identity.arn, identity.account) == (arn, "123456789012")
    assert access.authenticate(sign(HmacV1QueryAuth(credentials, 60), path="/b/k"))[0].arn == arn
    forged = Credentials(keys.access_key, keys.secret_key, "A" + keys.session_token[1:])
    assert code_of(access, sign(S3SigV4Auth(forged, "s3", "us-east-1"))) == "InvalidToken"
    clock.move(901)
    with pytest.raises(ServiceError) as caught:
        access.identities.find("s3", keys.access_key, keys.session_token)
    assert caught.value.code == "ExpiredToken"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("AWS test:abc", "InvalidRequest"),
        ("AWS4-HMAC-SHA256 Credential=test", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=test, SignedHeaders=host, Signature=x", "AuthorizationHeaderMalformed"),
    ],
)
def test_malformed_header(access, authorization, code):
    headers = [(b"host", b"x"), (b"authorization", authorization.encode()), (b"x-amz-date", b"20260101T000000Z")]
    assert code_of(access, SignedRequest("GET", b"/", b"", headers, None)) == code


def test_unsigned(access):
    assert code_of(access, SignedRequest("GET", b"/bucket/key", b"", [(b"host", b"x")], None)) == "AccessDenied"
