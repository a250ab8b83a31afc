"""HTTP endpoints: what they are sent, what they must answer, and what becomes of records that they don't take."""

import base64
import gzip
import itertools
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from clary.services.firehose import post
from tests.main_job import wait_until

_numbers = itertools.count()

# A key and a certificate of localhost, for these tests alone.
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGSQn6/lY6Zw30mCl
kw2KFb2cof9P3nFCWn8dHFU08cChRANCAAQcU8+xTezXqaIqqrmB16FvyD4rx5CF
h4U5P2dkUtxRgZmLAJb4GGdUDt1/I6IYnbrnBxxj1Zg0gNAjFgz5fz6o
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUI/8x/XL6kub1Vftk/0JiBmuYFxEwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTIwMTExMDMxMFoYDzIxMjYxMTA3
MTEwMzEwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQcU8+xTezXqaIqqrmB16FvyD4rx5CFh4U5P2dkUtxRgZmLAJb4GGdU
Dt1/I6IYnbrnBxxj1Zg0gNAjFgz5fz6oo28wbTAdBgNVHQ4EFgQUsqfSkKu6cQ3f
MFnQkL5w5sZu+NMwHwYDVR0jBBgwFoAUsqfSkKu6cQ3fMFnQkL5w5sZu+NMwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgTP7Jf9Ppr9CR7ZhJ6gxbRLPRWzagrHy5PcQA0qWzvmYCIHEI
aj+A1uhKgols/rzhJB0KyZEXIktmkvx/GVKSv4OA
-----END CERTIFICATE-----
"""


class Endpoint:
    """An HTTPS server that answers as a test wants: a status, or a status and a body."""

    def __init__(self, context):
        self.requests, self.answers = [], []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                body = json.loads(gzip.decompress(raw) if self.headers["Content-Encoding"] == "gzip" else raw)
                endpoint.requests.append((dict(self.headers), body))
                status, answer = endpoint.answers.pop(0) if endpoint.answers else (200, None)
                if isinstance(answer, threading.Event):
                    answer.wait(30)
                    return
                if answer is None:
                    answer = {"requestId": body["requestId"], "timestamp": body["timestamp"]}
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}/take?x=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def data(self):
        """What came, request by request."""
        return [[base64.b64decode(row["data"]) for row in body["records"]] for _, body in self.requests]


@pytest.fixture
def endpoint(tmp_path, monkeypatch):
    certificate = tmp_path / "certificate.pem"
    certificate.write_text(CERTIFICATE)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    found = Endpoint(context)
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def make(firehose, endpoint):
    def make(url=None, configuration=None, **options):
        name = f"http-{next(_numbers)}-{firehose.bucket}"
        firehose.client.create_delivery_stream(
            DeliveryStreamName=name,
            HttpEndpointDestinationConfiguration={
                "EndpointConfiguration": {"Url": url or endpoint.url, **(configuration or {})},
                "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60},
                "S3Configuration": firehose.place(),
                **options,
            },
        )
        return name

    return make


def test_records_are_posted(firehose, endpoint, make):
    name = make(
        configuration={"Name": "mine", "AccessKey": "secret"},
        RequestConfiguration={
            "ContentEncoding": "GZIP",
            "CommonAttributes": [{"AttributeName": "site", "AttributeValue": "north"}],
        },
    )
    described = firehose.client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    shown = described["Destinations"][0]["HttpEndpointDestinationDescription"]
    assert shown["EndpointConfiguration"] == {"Url": endpoint.url, "Name": "mine"}
    assert shown["RetryOptions"] == {"DurationInSeconds": 300}
    firehose.put(name, "one", b"\xff\x00")
    firehose.pass_time(60)
    [(headers, body)] = endpoint.requests
    assert endpoint.data() == [[b"one", b"\xff\x00"]]
    assert headers["X-Amz-Firehose-Request-Id"] == body["requestId"]
    assert body["timestamp"] == int(firehose.clock.now() * 1000)
    assert headers["X-Amz-Firehose-Protocol-Version"] == "1.0"
    assert headers["X-Amz-Firehose-Source-Arn"].endswith(f"deliverystream/{name}")
    assert headers["X-Amz-Firehose-Access-Key"] == "secret"
    assert json.loads(headers["X-Amz-Firehose-Common-Attributes"]) == {"commonAttributes": {"site": "north"}}
    assert headers["Content-Type"] == "application/json"
    assert firehose.objects() == {}


def test_a_request_is_tried_again_as_it_was_and_then_kept(firehose, endpoint, make):
    name = make(RetryOptions={"DurationInSeconds": 30})
    endpoint.answers = [(500, {"errorMessage": "busy"}), (200, {"requestId": "another"})]
    firehose.put(name, "a")
    firehose.pass_time(60)
    firehose.put(name, "later")
    firehose.pass_time(5)
    firehose.pass_time(10)
    assert endpoint.data() == [[b"a"], [b"a"], [b"a"]]
    assert len({body["requestId"] for _, body in endpoint.requests}) == 1
    endpoint.answers = [(500, {"errorMessage": "still busy"})] * 20
    firehose.pass_time(60)
    for _ in range(4):
        firehose.pass_time(20)
    _, body = firehose.only("http-endpoint-failed/")
    [failed] = [json.loads(line) for line in body.splitlines()]
    assert base64.b64decode(failed["rawData"]) == b"later"
    assert failed["errorCode"] == "HttpEndpoint.DestinationException"
    assert "still busy" in failed["errorMessage"]
    assert failed["attemptsMade"] > 1


def test_all_data_may_be_backed_up(firehose, endpoint, make):
    name = make(S3BackupMode="AllData")
    firehose.put(name, "a", "b")
    firehose.pass_time(60)
    assert endpoint.data() == [[b"a", b"b"]]
    assert firehose.only()[1] == b"ab"


def codes(firehose):
    """The errors of the records that the endpoint did not take, and their data, in order."""
    rows = [
        json.loads(line) for body in firehose.objects("http-endpoint-failed/").values() for line in body.splitlines()
    ]
    return [(row["errorCode"], base64.b64decode(row["rawData"])) for row in rows]


def test_an_endpoint_that_hangs_is_given_up(firehose, endpoint, make, monkeypatch):
    monkeypatch.setattr(post, "_SECONDS", 0.5)
    name, hanging = make(RetryOptions={"DurationInSeconds": 0}), threading.Event()
    endpoint.answers = [(200, hanging)]
    firehose.put(name, "a")
    firehose.pass_time(60)
    hanging.set()
    assert codes(firehose) == [("HttpEndpoint.RequestTimeout", b"a")]


def test_endpoints_that_hang_hold_no_other_delivery_up(firehose, endpoint, make):
    hanging = threading.Event()
    endpoint.answers = [(200, hanging)] * 8
    try:
        for _ in range(8):
            firehose.put(make(BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0}), "a")
        wait_until(lambda: len(endpoint.requests) == 8, "not all endpoints are asked at once", 10)
        firehose.put(firehose.create(BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0}), "b")
        wait_until(lambda: list(firehose.objects().values()) == [b"b"], "the other waits", 10)
    finally:
        hanging.set()


def test_what_an_endpoint_answers_wrongly_is_named(firehose, endpoint, make):
    name = make(RetryOptions={"DurationInSeconds": 0})
    reset = threading.Event()
    reset.set()
    endpoint.answers = [(413, {"errorMessage": "large"}), (200, {"x": "y" * (1 << 20)}), (200, reset), (302, {})]
    for data in "abcd":
        firehose.put(name, data)
        firehose.pass_time(60)
    assert sorted(codes(firehose), key=lambda row: row[1]) == [
        ("HttpEndpoint.DestinationException", b"a"),
        ("HttpEndpoint.ResponseTooLarge", b"b"),
        ("HttpEndpoint.ConnectionReset", b"c"),
        ("HttpEndpoint.DestinationException", b"d"),
    ]


def test_a_request_has_at_most_ten_thousand_records_and_each_its_own_time(firehose, endpoint, make):
    name = make(RetryOptions={"DurationInSeconds": 10})
    data = [b"%d" % number for number in range(25_000)]
    endpoint.answers = [(500, {})] * 3
    firehose.put(name, *data)
    for seconds in (60, 5, 10, 20, 40):
        firehose.pass_time(seconds)
    taken = endpoint.data()
    assert [len(rows) for rows in taken] == [10_000] * 3 + [10_000, 5_000]
    assert sorted([row for rows in taken[3:] for row in rows] + [row for _, row in codes(firehose)]) == sorted(data)


def test_an_endpoint_that_is_not_there(firehose, make):
    name = make(url="https://localhost:1/", RetryOptions={"DurationInSeconds": 0})
    firehose.put(name, "a")
    firehose.pass_time(60)
    _, body = firehose.only("http-endpoint-failed/")
    assert json.loads(body)["errorCode"] == "HttpEndpoint.ConnectionFailed"


@pytest.mark.parametrize("url", ["https://localhost:99999/", "https://localhost:x/", "https:///take", "https://[::1/"])
def test_a_url_that_is_none_is_refused(firehose, url):
    endpoint = {"EndpointConfiguration": {"Url": url}, "S3Configuration": firehose.place()}
    request = {"DeliveryStreamName": "wrong", "HttpEndpointDestinationConfiguration": endpoint}
    assert firehose.refused("create_delivery_stream", **request) == (
        "InvalidArgumentException",
        f"EndpointConfiguration.Url {url} is not the URL of a host.",
    )


def test_destinations_that_are_refused(firehose):
    request = {"DeliveryStreamName": "wrong"}
    endpoint = {"EndpointConfiguration": {"Url": "https://x/"}, "S3Configuration": firehose.place()}
    both = {"HttpEndpointDestinationConfiguration": endpoint, "ExtendedS3DestinationConfiguration": firehose.place()}
    assert "Exactly one destination" in firehose.refused("create_delivery_stream", **request, **both)[1]
    splunk = {
        "HECEndpoint": "https://x/",
        "HECEndpointType": "Raw",
        "S3Configuration": firehose.place(),
    }
    code, message = firehose.refused("create_delivery_stream", **request, SplunkDestinationConfiguration=splunk)
    assert code == "InvalidArgumentException"
    assert "SplunkDestinationConfiguration is not supported" in message
    assert firehose.refused("create_delivery_stream", **request)[0] == "InvalidArgumentException"
