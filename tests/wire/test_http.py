"""A real server, unmodified boto3 and bare sockets: requests that go well, and all that goes wrong with them."""

import asyncio
import io
import json
import logging
import os
import threading
import urllib.error
import urllib.request

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from echo_app import make_app

from clary.wire import FileSlice

KEYS = Credentials("test", "test")


def signed(port, method, path, service, headers=(), body=b"", *, unsigned_payload=False, send_length=True):
    """The head of a signed request, as bytes."""
    request = AWSRequest(method, f"http://127.0.0.1:{port}{path}", data=body, headers=dict(headers))
    request.context["payload_signing_enabled"] = not unsigned_payload
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(KEYS, service, "us-east-1").add_auth(request)
    lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{port}", *(f"{k}: {v}" for k, v in request.headers.items())]
    if send_length and (body or method in ("PUT", "POST")):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def target(name, version="1.1"):
    return {"x-amz-target": name, "content-type": f"application/x-amz-json-{version}"}


DESCRIBE = target("SageMaker.DescribeTrainingJob")


def test_json(client, kept):
    sagemaker = client("sagemaker")
    job = sagemaker.describe_training_job(TrainingJobName="a")
    assert job["CreationTime"].timestamp() == 1_700_000_000.5
    assert "FailureReason" not in job
    assert len(job["ResponseMetadata"]["RequestId"]) == 36
    with pytest.raises(ClientError) as caught:
        sagemaker.describe_training_job(TrainingJobName="missing")
    assert caught.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Requested resource not found.",
    }


def test_query(client, kept):
    assert client("sts").get_caller_identity()["Account"] == "000000000000"
    tags = [{"Key": "k", "Value": "ü @ ö+"}, {"Key": "l", "Value": ""}]
    role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}", Tags=tags)["Role"]
    assert role["Tags"] == tags
    assert client("iam").delete_role(RoleName="r")["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_rest_json(client, kept):
    runtime = client("sagemaker-runtime")
    reply = runtime.invoke_endpoint(EndpointName="e", Body=b"\x00\xff", ContentType="x/y", TargetVariant="v")
    assert reply["Body"].read() == b"\x00\xff"
    assert reply["InvokedProductionVariant"] == "v"
    assert kept["InvokeEndpoint"] == {
        "EndpointName": "e",
        "Body": b"\x00\xff",
        "ContentType": "x/y",
        "TargetVariant": "v",
    }
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName="failing", Body=b"")
    assert caught.value.response["OriginalStatusCode"] == 500
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424


def test_cloudwatch_gets_the_codes_of_its_query_days(client, kept):
    cloudwatch = client("cloudwatch")
    data = [{"MetricName": "m", "Value": float(number), "Timestamp": 1.7e9} for number in range(500)]
    cloudwatch.put_metric_data(Namespace="n", MetricData=data)  # large enough for boto3 to send it gzipped
    assert kept["PutMetricData"]["MetricData"] == data
    with pytest.raises(ClientError) as caught:
        cloudwatch.get_metric_statistics(Namespace="n", MetricName="m", StartTime=0, EndTime=1, Period=60)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_s3(client, kept):
    s3 = client("s3")
    assert s3.list_buckets()["Buckets"][0]["Name"] == "a<&>"
    s3.create_bucket(Bucket="bkt", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert kept["CreateBucket"]["CreateBucketConfiguration"] == {"LocationConstraint": "eu-west-1"}
    assert s3.get_bucket_location(Bucket="bkt")["LocationConstraint"] == "eu-west-1"
    assert s3.list_objects_v2(Bucket="bkt", Prefix="a b+ü")["Contents"][0]["ChecksumAlgorithm"] == ["CRC32"]
    assert kept["ListObjectsV2"]["Prefix"] == "a b+ü"
    keys = [{"Key": "a&b"}, {"Key": " c"}]
    assert s3.delete_objects(Bucket="bkt", Delete={"Objects": keys})["Deleted"] == keys
    with pytest.raises(ClientError) as caught:
        s3.head_bucket(Bucket="bkt")
    assert caught.value.response["Error"] == {"Code": "404", "Message": "Not Found"}


def test_s3_bodies(client, kept):
    s3 = client("s3")
    body = os.urandom(300_000)
    s3.put_object(Bucket="b", Key="a//b ü+%", Body=body, Metadata={"mine": "x"}, ContentEncoding="gzip")
    assert kept["PutObject"]["Body"] == body
    assert kept["PutObject"]["Key"] == "a//b ü+%"
    assert kept["PutObject"]["Metadata"] == {"mine": "x"}
    assert kept["PutObject"]["ContentEncoding"] == "gzip"
    assert kept["PutObject"]["checksums"].keys() == {"x-amz-checksum-crc32"}
    assert s3.get_object(Bucket="b", Key="k")["Body"].read() == b"helloworld"
    part = s3.get_object(Bucket="b", Key="k", Range="bytes=1-3")
    assert (part["ResponseMetadata"]["HTTPStatusCode"], part["Body"].read()) == (206, b"ell")


def test_a_file_goes_out_as_it_is(client, kept, tmp_path):
    content = os.urandom(3 * 1024 * 1024 + 5)
    path = tmp_path / "file"
    path.write_bytes(content)
    kept["file"] = FileSlice(path, 7, len(content) - 10)
    reply = client("s3").get_object(Bucket="b", Key="k")
    assert reply["Body"].read() == content[7:-3]
    assert reply["Metadata"] == {"mine": "x"}


class WatchedFile(io.FileIO):
    """A file that tells when it is closed."""

    def __init__(self, path):
        super().__init__(path)
        self.let_go = threading.Event()

    def close(self):
        super().close()
        if hasattr(self, "let_go"):
            self.let_go.set()


def test_a_client_that_goes_away_during_a_download_leaves_no_open_file(wire, port, kept, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(200 * 1024 * 1024))
    file = WatchedFile(path)
    kept["file"] = FileSlice(path, 0, 200 * 1024 * 1024, file)
    wire.send(signed(port, "GET", "/b/k", "s3"))
    assert wire.file.read(100_000)
    wire.close()
    assert file.let_go.wait(20)


def test_a_client_that_goes_away_during_an_upload_ends_the_operation(wire, port, kept, client):
    kept.update(begun=threading.Event(), ended=threading.Event())
    body = bytes(1_000_000)
    wire.send(signed(port, "PUT", "/b/gone", "s3", body=body), body[:500_000])
    assert kept["begun"].wait(20)
    wire.close()
    assert kept["ended"].wait(20)
    assert kept["error"].code == "IncompleteBody"
    assert client("s3").list_buckets()["Buckets"]


def test_a_slow_operation_holds_the_client_back(wire, port, kept):
    kept["go"] = threading.Event()
    total = 64 * 1024 * 1024
    wire.send(
        signed(port, "PUT", "/b/slow", "s3", {"content-length": str(total)}, unsigned_payload=True, send_length=False)
    )
    wire.socket.settimeout(1)
    sent = 0
    try:
        while sent < total:
            sent += wire.socket.send(bytes(256 * 1024))
    except TimeoutError:
        pass
    finally:
        kept["go"].set()
    assert sent < 32 * 1024 * 1024  # what the two sockets hold


def test_presigned_urls(client, kept, port):
    for version in ("s3", "s3v4"):
        url = client("s3", signature_version=version).generate_presigned_url(
            "get_object", Params={"Bucket": "b", "Key": "a/ü b"}
        )
        assert urllib.request.urlopen(url).read() == b"helloworld"
        assert kept["GetObject"]["Key"] == "a/ü b"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url.replace("/b/", "/c/"))
        assert b"<Code>SignatureDoesNotMatch</Code>" in caught.value.read()


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("sagemaker", lambda client: client.list_models(), "NotImplemented"),
        ("kinesis", lambda client: client.list_streams(), "NotImplemented"),
        ("lambda", lambda client: client.list_functions(), "NotImplemented"),
        ("sqs", lambda client: client.list_queues(), "NotImplemented"),
        ("sns", lambda client: client.list_topics(), "NotImplemented"),
        ("s3", lambda client: client.list_multipart_uploads(Bucket="b"), "NotImplemented"),
    ],
)
def test_what_is_not_there_says_so_by_name(client, service, operation, code):
    with pytest.raises(ClientError) as caught:
        operation(client(service))
    assert caught.value.response["Error"]["Code"] == code
    assert service in caught.value.response["Error"]["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_wrong_signatures(client):
    for service, code, call in [
        ("s3", "SignatureDoesNotMatch", lambda client: client.list_buckets()),
        ("sts", "SignatureDoesNotMatch", lambda client: client.get_caller_identity()),
        ("sagemaker", "InvalidSignatureException", lambda client: client.describe_training_job(TrainingJobName="a")),
    ]:
        with pytest.raises(ClientError) as caught:
            call(client(service, secret="wrong"))
        assert caught.value.response["Error"]["Code"] == code


def test_a_bug_is_an_internal_failure_with_the_traceback_in_the_log_only(wire, port, caplog):
    body = b'{"TrainingJobName": "broken"}'
    with caplog.at_level(logging.ERROR, logger="clary"):
        wire.send(signed(port, "POST", "/", "sagemaker", DESCRIBE, body), body)
        reply = wire.reply()
    assert reply.status == 500
    assert json.loads(reply.body)["__type"] == "InternalFailure"
    assert b"RuntimeError" not in reply.body
    assert b"Traceback" not in reply.body
    assert reply.headers["x-amzn-requestid"] in caplog.text
    assert "RuntimeError: a bug" in caplog.text


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b'{"TrainingJobName": 5}'])
def test_broken_json(wire, port, body):
    wire.send(signed(port, "POST", "/", "sagemaker", DESCRIBE, body), body)
    reply = wire.reply()
    assert reply.status == 400
    assert json.loads(reply.body)["__type"] == "SerializationException"
    assert reply.headers["content-type"] == "application/x-amz-json-1.1"


@pytest.mark.parametrize(
    "body",
    [
        b"<Delete>",
        b"nonsense",
        b"<Wrong/>",
        b"<Delete><Object><Key>a</Key><Size>x</Size></Object></Delete>",
        b"<Delete><Object/></Delete>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>',
    ],
)
def test_broken_xml(wire, port, body):
    wire.send(signed(port, "POST", "/b?delete=", "s3", body=body), body)
    reply = wire.reply()
    assert reply.status == 400
    assert b"<Code>MalformedXML</Code>" in reply.body
    assert len(reply.headers["x-amz-request-id"]) == 16
    assert reply.headers["x-amz-id-2"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-acl": "mine"}, b"InvalidArgument"),
        ({"x-amz-storage-class": "ATTIC"}, b"InvalidStorageClass"),
        ({"x-amz-server-side-encryption": "rot13"}, b"InvalidEncryptionAlgorithmError"),
        ({"x-amz-bucket-object-lock-enabled": "perhaps"}, b"InvalidArgument"),
    ],
)
def test_bad_headers(wire, port, headers, code):
    path = "/b/k" if "storage" in str(headers) or "encryption" in str(headers) else "/b"
    wire.send(signed(port, "PUT", path, "s3", headers))
    reply = wire.reply()
    assert reply.status == 400
    assert b"<Code>" + code in reply.body
    assert b"<ArgumentValue>" in reply.body


def test_a_head_request_gets_no_body_and_the_connection_goes_on(wire, port):
    for _ in range(2):
        wire.send(signed(port, "HEAD", "/b", "s3"))
        line = wire.file.readline()
        assert b" 404 " in line
        while wire.file.readline().strip():
            pass
    wire.send(signed(port, "GET", "/", "s3"))
    assert wire.reply().status == 200


def test_the_client_is_told_to_go_on_only_when_its_body_is_wanted(wire, port, kept):
    body = b"x" * 1000
    head = signed(port, "PUT", "/b/k", "s3", {"expect": "100-continue"}, body)
    wire.send(head)
    assert wire.reply().status == 100
    wire.send(body)
    assert wire.reply().status == 200
    assert kept["PutObject"]["Body"] == body
    wire.send(signed(port, "PUT", "/missing/k", "s3", {"expect": "100-continue"}, body))
    reply = wire.reply()
    assert reply.status == 404
    # The client may or may not send its body now; a new connection leaves no doubt.
    assert reply.headers["connection"] == "close"
    assert wire.closed()


def test_a_refusal_reaches_a_client_that_sends_on(wire, port):
    body = bytes(4 * 1024 * 1024)
    head = signed(port, "PUT", "/missing/k", "s3", body=body)
    wire.send(head)
    sender = threading.Thread(target=lambda: wire.send(body))
    sender.start()
    sender.join(20)
    reply = wire.reply()
    assert reply.status == 404
    assert b"NoSuchBucket" in reply.body
    assert wire.closed()


def test_requests_follow_each_other_on_one_connection(wire, port, kept):
    for number in range(3):
        body = json.dumps({"TrainingJobName": f"job{number}"}).encode()
        wire.send(signed(port, "POST", "/", "sagemaker", DESCRIBE, body), body)
        assert json.loads(wire.reply().body)["TrainingJobName"] == f"job{number}"
        bad = b"{}"
        wire.send(signed(port, "POST", "/", "sagemaker", DESCRIBE, bad), bad)
        assert wire.reply().status == 400


def test_a_body_beyond_the_limit_is_refused(wire, port):
    body = b'{"TrainingJobName": "' + b"a" * (1 << 20) + b'"}'
    wire.send(signed(port, "POST", "/", "sagemaker", DESCRIBE, body), body)
    reply = wire.reply()
    assert reply.status == 413
    assert json.loads(reply.body)["__type"] == "RequestEntityTooLargeException"
    assert wire.closed()


def test_headers_beyond_all_need_are_refused(wire, port):
    wire.send(signed(port, "GET", "/", "s3", {"x-amz-meta-a": "a" * 40_000}))
    reply = wire.reply()
    assert reply.status == 400
    assert b"RequestHeaderSectionTooLarge" in reply.body


def test_a_chunked_upload_of_unknown_length(wire, port, kept):
    headers = {
        "content-encoding": "aws-chunked",
        "transfer-encoding": "chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-decoded-content-length": "5",
    }
    request = AWSRequest("PUT", f"http://127.0.0.1:{port}/b/k", headers=headers)
    auth = S3SigV4Auth(KEYS, "s3", "us-east-1")
    auth.payload = lambda request: "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    auth.add_auth(request)
    lines = ["PUT /b/k HTTP/1.1", f"host: 127.0.0.1:{port}", *(f"{k}: {v}" for k, v in request.headers.items())]
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    wire.send("\r\n".join(lines) + "\r\n\r\n", framed)
    reply = wire.reply()
    assert reply.status == 200, reply.body
    assert kept["PutObject"]["Body"] == b"hello"
    assert kept["PutObject"]["checksums"] == {"x-amz-checksum-crc32": "NhCmhg=="}
    assert "ContentEncoding" not in kept["PutObject"]
    assert kept["PutObject"]["ContentLength"] == 5


@pytest.mark.parametrize(("service", "region"), [("kinesis", "us-east-1"), ("sagemaker", "../..")])
def test_a_signature_for_another_service_or_no_region_is_refused(wire, port, service, region):
    body = b'{"TrainingJobName": "a"}'
    request = AWSRequest("POST", f"http://127.0.0.1:{port}/", data=body, headers=DESCRIBE)
    SigV4Auth(KEYS, service, region).add_auth(request)
    lines = ["POST / HTTP/1.1", f"host: 127.0.0.1:{port}", *(f"{k}: {v}" for k, v in request.headers.items())]
    wire.send("\r\n".join([*lines, f"content-length: {len(body)}", "", ""]), body)
    reply = wire.reply()
    assert reply.status == 400
    assert b"Credential" in reply.body


def test_query_parameters_that_the_model_does_not_know_are_refused(wire, port):
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = b"Action=DeleteRole&Version=2010-05-08&RoleName=r&Force=true"
    wire.send(signed(port, "POST", "/", "iam", form, body), body)
    reply = wire.reply()
    assert reply.status == 400
    assert b"<Code>ValidationError</Code>" in reply.body
    assert b"Value 'true' at 'force' failed to satisfy constraint: Member must be one the model knows" in (
        reply.body.replace(b"&#x27;", b"'")
    )


def test_an_unsigned_request_is_refused(wire, port):
    wire.send(f"GET /b/k HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n")
    reply = wire.reply()
    assert reply.status == 403
    assert b"<Code>AccessDenied</Code>" in reply.body


def test_query_in_the_url(wire, port):
    wire.send(signed(port, "GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "sts"))
    reply = wire.reply()
    assert reply.status == 200
    assert b"<Account>000000000000</Account>" in reply.body


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_methods_that_no_operation_has(wire, port, method):
    wire.send(signed(port, method, "/", "s3"))
    reply = wire.reply()
    assert reply.status == 405
    assert b"MethodNotAllowed" in reply.body


def exchange(app, method, path, headers=(), body=b""):
    """One request to the application, without a network."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    given = {**dict(headers), "content-length": len(body)}
    raw = [(name.lower().encode(), str(value).encode()) for name, value in given.items()]
    scope = {"type": "http", "method": method, "scheme": "http", "path": path, "raw_path": path.encode()}
    return app({**scope, "query_string": b"", "headers": raw}, receive, send), sent


def test_two_hundred_operations_that_wait_hold_no_thread(kept):
    app = make_app()

    def request(name):
        body = json.dumps({"TrainingJobName": name}).encode()
        prepared = AWSRequest("POST", "http://localhost/", data=body, headers=DESCRIBE)
        SigV4Auth(KEYS, "sagemaker", "us-east-1").add_auth(prepared)
        return exchange(app, "POST", "/", {"host": "localhost", **dict(prepared.headers.items())}, body)

    async def run():
        kept["held"] = asyncio.Event()
        held = [request("held") for _ in range(200)]
        tasks = [asyncio.create_task(call) for call, _ in held]
        await asyncio.sleep(0)
        prepared = AWSRequest("GET", "http://localhost/")
        S3SigV4Auth(KEYS, "s3", "us-east-1").add_auth(prepared)
        call, sent = exchange(app, "GET", "/", {"host": "localhost", **dict(prepared.headers.items())})
        await asyncio.wait_for(call, 10)  # an operation that runs in a thread
        assert sent[0]["status"] == 200
        assert [messages for task, (_, messages) in zip(tasks, held, strict=True) if task.done()] == []
        kept["held"].set()
        await asyncio.gather(*tasks)
        assert [messages[0]["status"] for _, messages in held] == [200] * 200

    asyncio.run(run())
    app.close()


def test_pages_stand_beside_the_operations():
    app = make_app()

    async def health(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"well"})

    app.pages["GET", "/_clary/health"] = health
    call, sent = exchange(app, "GET", "/_clary/health")
    asyncio.run(call)
    assert sent[1]["body"] == b"well"
