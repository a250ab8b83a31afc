"""Whatever a signed request holds, the answer is the protocol's; never a failure of our own."""

import asyncio
import json
from urllib.parse import urlencode

import echo
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from echo_app import make_app
from hypothesis import given, settings
from hypothesis import strategies as st

APP = make_app()
KEYS = Credentials("test", "test")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@pytest.fixture(autouse=True)
def nothing_kept():
    echo.KEPT.clear()


def status(method, path, service, headers, body):
    request = AWSRequest(method, f"http://localhost{path}", data=body, headers=headers)
    (S3SigV4Auth if service == "s3" else SigV4Auth)(KEYS, service, "us-east-1").add_auth(request)
    sent = []

    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        if not messages:
            await asyncio.Event().wait()  # the client stays
        return messages.pop()

    async def send(message):
        sent.append(message)

    given = {"host": "localhost", **dict(request.headers.items()), "content-length": str(len(body))}
    raw_path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": raw_path,
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
    }
    asyncio.run(APP(scope, receive, send))
    assert sent[0]["status"] != 403  # the signature is right, so it was looked at
    return sent[0]["status"]


def json_target(name):
    return {"x-amz-target": name, "content-type": "application/x-amz-json-1.1"}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_json_bodies(body):
    assert status("POST", "/", "sagemaker", json_target("SageMaker.CreateTrainingJob"), body) < 500


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["TrainingJobName", "HyperParameters", "InputDataConfig", "Tags"]), JSON))
def test_json_members(document):
    body = json.dumps(document).encode()
    assert status("POST", "/", "sagemaker", json_target("SageMaker.CreateTrainingJob"), body) < 500


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["RoleName", "Tags.member.1.Key", "Tags.member.x", "Tags", "."]), TEXT)))
def test_forms(pairs):
    body = urlencode([("Action", "CreateRole"), *pairs]).encode()
    assert status("POST", "/", "iam", {"content-type": "application/x-www-form-urlencoded"}, body) < 500


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=100) | TEXT.map(lambda text: f"<Delete><Object><Key>{text}</Key></Object></Delete>".encode()))
def test_xml(body):
    assert status("POST", "/b?delete=", "s3", {}, body) < 500


NAMES = [
    "range",
    "if-modified-since",
    "x-amz-expected-bucket-owner",
    "x-amz-checksum-mode",
    "x-amz-meta-a",
    "x-amz-acl",
]
NAMES += ["x-amz-trailer", "content-md5", "x-amz-decoded-content-length", "content-encoding", "x-amz-checksum-crc32"]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), HEADER), st.sampled_from(["GET", "PUT"]))
def test_headers(headers, method):
    answered = status(method, "/b/k", "s3", headers, b"x" if method == "PUT" else b"")
    assert answered < 500
