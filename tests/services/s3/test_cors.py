"""CORS: the rules of a bucket, and what web pages of other origins may do by them. The answers are AWS's, recorded."""

import http.client
import xml.etree.ElementTree as ET

import pytest

ORIGIN = "https://localhost:4200"
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
NOT_ALLOWED = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)


@pytest.fixture
def allow(s3, bucket):
    """`allow(rule, ...)`: rules of the test's bucket; one names methods and origins, and what else it has."""

    def put(*rules):
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [dict(rule) for rule in rules]})

    return put


@pytest.fixture
def browse(server):
    """`browse(method, path, **headers)`: status, headers and body of an answer; `_` stands for `-` in headers."""

    def send(method, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.settings.port)
        named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        connection.request(method, path, headers=named)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

    return send


def rule(*methods, origins=(ORIGIN,), **more):
    return {"AllowedMethods": list(methods), "AllowedOrigins": list(origins), **more}


def told(headers):
    return {name.removeprefix("access-control-"): value for name, value in headers.items() if "access-control" in name}


def error(answer):
    status, _, body = answer
    found = {element.tag: element.text for element in ET.fromstring(body)}
    return status, *(found.get(name) for name in ("Code", "Message", "Method", "ResourceType"))


def test_rules_are_kept_as_they_were_put(s3, bucket, allow, refused):
    answer = refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket=bucket)
    assert answer["Error"]["Message"] == "The CORS configuration does not exist"
    assert (answer["Error"]["BucketName"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (bucket, 404)
    rules = [
        rule("GET", "PUT", ID="a", AllowedHeaders=["x-AMZ-*"], MaxAgeSeconds=3000, ExposeHeaders=["ETag"]),
        rule("HEAD", origins=["", "http://*.example.com"]),
    ]
    allow(*rules)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules
    assert s3.delete_bucket_cors(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204
    s3.delete_bucket_cors(Bucket=bucket)
    refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket=bucket)


@pytest.mark.parametrize(
    ("rules", "code", "message"),
    [
        ([], "MalformedXML", "was not well-formed"),
        ([rule("GET")] * 101, "MalformedXML", "was not well-formed"),
        ([rule("GET", "MYMETHOD")], "InvalidRequest", "Unsupported method is MYMETHOD"),
        ([rule("GET", origins=["*.a.*"])], "InvalidRequest", 'AllowedOrigin "*.a.*" can not have more than one'),
        ([rule("GET", AllowedHeaders=["*-*"])], "InvalidRequest", 'AllowedHeader "*-*" can not have more than one'),
        ([rule("GET", ID="x" * 256)], "InvalidArgument", "ID length should not exceed allowed limit of 255"),
        ([rule("GET", ExposeHeaders=["*"])], "InvalidRequest", 'ExposeHeader "*" contains wildcard.'),
    ],
)
def test_rules_that_are_refused(s3, bucket, refused, rules, code, message):
    answer = refused(code, s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    assert message in answer["Error"]["Message"]


def test_a_browser_that_asks_before_there_are_rules(bucket, browse):
    needed = (400, "BadRequest", "Insufficient information. Origin request header needed.", None, None)
    assert error(browse("OPTIONS", f"/{bucket}/key")) == needed
    assert error(browse("OPTIONS", "/no-such-bucket/key", Referer=ORIGIN)) == needed
    closed = (403, "AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.")
    asked = browse("OPTIONS", f"/{bucket}/key", Origin=ORIGIN, Access_Control_Request_Method="PUT")
    assert error(asked) == (*closed, "PUT", "BUCKET")
    assert error(browse("OPTIONS", f"/{bucket}/key", Origin=ORIGIN)) == (*closed, "OPTIONS", "BUCKET")
    missing = (403, "AccessForbidden", "CORSResponse: Bucket not found", "OPTIONS", "BUCKET")
    assert error(browse("OPTIONS", "/no-such-bucket/key", Origin=ORIGIN)) == missing


def test_a_page_uses_presigned_urls(s3, bucket, allow, browse):
    allow(rule("GET", "PUT", MaxAgeSeconds=3000, ExposeHeaders=["ETag", "x-amz-request-id"]))
    place = {"Bucket": bucket, "Key": "a b"}
    put, get = (
        s3.generate_presigned_url(name, place).partition("/")[2].partition("/")[2]
        for name in ("put_object", "get_object")
    )
    put, get = (f"/{url.partition('/')[2]}" for url in (put, get))
    expected = {
        "allow-origin": ORIGIN,
        "allow-methods": "GET, PUT",
        "allow-credentials": "true",
        "expose-headers": "ETag, x-amz-request-id",
        "max-age": "3000",
    }
    status, headers, body = browse("OPTIONS", put, Origin=ORIGIN, Access_Control_Request_Method="PUT")
    assert (status, headers["vary"], headers["content-length"], body) == (200, VARY, "0", b"")
    assert told(headers) == expected
    status, headers, _ = browse("PUT", put, Origin=ORIGIN)
    assert (status, told(headers), headers["vary"]) == (200, expected, VARY)
    assert told(browse("GET", get, Origin=ORIGIN)[1]) == expected
    assert told(browse("GET", get, Origin="https://elsewhere")[1]) == told(browse("GET", get)[1]) == {}
    status, headers, _ = browse("GET", f"/{bucket}/a%20b", Origin=ORIGIN)  # refusals are to be seen too
    assert (status, told(headers)) == (403, expected)


@pytest.mark.parametrize(
    ("pattern", "origins", "others"),
    [
        ("*suffix", ["suffix", "foo.suffix"], ["foo.suffix.get"]),
        ("start*end", ["startend", "start1end"], ["0start1end", "starend"]),
        ("prefix*", ["prefix", "prefix.suffix"], ["bla.prefix"]),
        ("http://a.b", ["http://a.b"], ["http://axb", "http://a.b:80", "HTTP://a.b"]),
        ("*", ["null", "anything"], []),
    ],
)
def test_origins_with_a_wildcard(bucket, allow, browse, pattern, origins, others):
    allow(rule("GET", origins=[pattern]))
    for origin in origins:
        status, headers, _ = browse("OPTIONS", f"/{bucket}", Origin=origin, Access_Control_Request_Method="GET")
        expected = {"allow-origin": origin, "allow-methods": "GET", "allow-credentials": "true"}
        anybody = {"allow-origin": "*", "allow-methods": "GET"}
        assert (status, told(headers)) == (200, anybody if pattern == "*" else expected)
    for origin in others:
        answer = browse("OPTIONS", f"/{bucket}", Origin=origin, Access_Control_Request_Method="GET")
        assert error(answer) == (403, "AccessForbidden", NOT_ALLOWED, "GET", "BUCKET")
        assert told(answer[1]) == {}


def test_the_headers_that_a_page_asks_for(bucket, allow, browse):
    def ask(headers, method="GET"):
        asked = {"Access_Control_Request_Method": method, "Access_Control_Request_Headers": headers}
        return browse("OPTIONS", f"/{bucket}/key", Origin=ORIGIN, **asked)

    refusal = (403, "AccessForbidden", NOT_ALLOWED, "GET", "OBJECT")
    allow(rule("GET"))
    assert error(ask("x-amz-request-payer")) == refusal
    assert error(ask(None, "PUT")) == (403, "AccessForbidden", NOT_ALLOWED, "PUT", "OBJECT")
    assert error(browse("OPTIONS", f"/{bucket}/key", Origin=ORIGIN))[:2] == (400, "BadRequest")
    allow(rule("GET", AllowedHeaders=["x-AMZ-server-SIDE-encryption", "x-amz-meta-*"]))
    status, headers, _ = ask("x-amz-META-a,X-amz-server-side-encryption")
    assert (status, told(headers)["allow-headers"]) == (200, "x-amz-meta-a, x-amz-server-side-encryption")
    assert error(ask("x-amz-meta-a, content-type")) == refusal
    allow(rule("GET", AllowedHeaders=["*"]))
    assert told(ask("x-amz-meta-a, content-type")[1])["allow-headers"] == "x-amz-meta-a, content-type"


def test_the_first_rule_that_fits_answers(bucket, allow, browse):
    allow(rule("PUT"), rule("GET", MaxAgeSeconds=1), rule("GET", MaxAgeSeconds=2))
    headers = browse("OPTIONS", f"/{bucket}/key", Origin=ORIGIN, Access_Control_Request_Method="GET")[1]
    assert told(headers)["max-age"] == "1"
