"""Uploads by forms of web pages, as boto3 signs them and browsers send them. The refusals are AWS's, recorded."""

import base64
import http.client
import json
import xml.etree.ElementTree as ET
import zlib

import pytest

from clary.access.signatures import sign_form_v2

HOUR = 3600


class Page:
    """A page that sends forms to a bucket."""

    def __init__(self, server, s3, bucket):
        self.server, self.s3, self.bucket = server, s3, bucket

    def sign(self, key="uploads/${filename}", *, version="s3v4", conditions=(), seconds=HOUR, **fields):
        """The fields of a form whose policy allows just those, and what else the conditions say."""
        client = self.server.client("s3", signature_version=version)
        allowed = [*({name: value} for name, value in fields.items()), *conditions]
        made = client.generate_presigned_post(self.bucket, key, fields, allowed, ExpiresIn=seconds)
        return made["fields"]

    def send(self, fields, content=b"the file", name="a b.txt", *, after=(), path=None, **headers):
        """Status, headers and the parsed body of the answer."""
        parts = [(f'name="{field}"', str(value).encode()) for field, value in fields.items()]
        parts.append((f'name="file"; filename="{name}"' if name is not None else 'name="file"', content))
        parts += [(f'name="{field}"', value) for field, value in after]
        body = b"".join(
            b"--limit\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), value)
            for head, value in parts
        )
        headers = {"Content-Type": "multipart/form-data; boundary=limit", **headers}
        return self.post(body + b"--limit--\r\n", path, **headers)

    def post(self, body, path=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.settings.port)
        connection.request("POST", path or f"/{self.bucket}", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        found = {element.tag: element.text for element in ET.fromstring(content)} if content else {}
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, found

    def refuse(self, *arguments, **options):
        """Status, code and message of a refusal, after which nothing is stored."""
        status, _, found = self.send(*arguments, **options)
        assert self.s3.list_objects_v2(Bucket=self.bucket)["KeyCount"] == 0
        return status, found["Code"], found["Message"]

    def read(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()


@pytest.fixture
def page(server, s3, bucket):
    return Page(server, s3, bucket)


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_form_that_boto3_signs_stores_its_file(page, bucket, server, version):
    content = bytes(range(256)) * 8000  # 2 MB, with line ends and dashes in it
    status, headers, found = page.send(page.sign(version=version), content + b"\r\n--limi\r\n")
    assert (status, found) == (204, {})
    assert headers["location"] == f"{server.url}/{bucket}/uploads/a%20b.txt"
    assert page.read("uploads/a b.txt") == content + b"\r\n--limi\r\n"
    head = page.s3.head_object(Bucket=bucket, Key="uploads/a b.txt")
    assert (headers["etag"], head["ContentType"]) == (head["ETag"], "binary/octet-stream")


def test_a_form_that_temporary_keys_sign_goes_to_the_buckets_own_host(page, server, bucket, aws):
    role = {"RoleArn": "arn:aws:iam::000000000000:role/ClaryExecutionRole", "RoleSessionName": "page"}
    keys = aws("sts").assume_role(**role)["Credentials"]
    given = {"key": keys["AccessKeyId"], "secret": keys["SecretAccessKey"], "token": keys["SessionToken"]}
    for version in ("s3", "s3v4"):
        client = server.client("s3", signature_version=version, **given)
        fields = client.generate_presigned_post(bucket, version)["fields"]
        host = f"{bucket}.localhost:{server.settings.port}"
        status, headers, found = page.send(fields, b"1", path="/", Host=host)
        assert found == {}, version
        assert (status, headers["location"]) == (204, f"http://{host}/{version}")
        assert page.read(version) == b"1"
        name = "x-amz-security-token"
        assert page.send({**fields, name: fields[name][:-4] + "AAAA"})[2]["Code"] == "InvalidToken"


def test_a_form_may_be_sent_in_pieces_of_any_size(page, server, bucket):
    fields = page.sign("k")
    head = "".join(
        f'--limit\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    body = (
        f'preamble\r\n{head}--limit\r\nContent-Disposition: form-data; name="file"\r\n\r\n\r\n--limi\r\n\r\n--limit--'
    )
    kind = {"Content-Type": 'multipart/form-data; boundary="limit"'}
    assert page.post((body[i : i + 1].encode() for i in range(len(body))), **kind)[0] == 204
    assert page.read("k") == b"\r\n--limi\r\n"


def test_what_a_form_says_of_its_object(page, s3, bucket):
    tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b c</Value></Tag></TagSet></Tagging>"
    fields = {
        "Content-Type": "text/plain",
        "Cache-Control": "no-cache",
        "x-amz-meta-belt": "seven",
        "x-amz-storage-class": "STANDARD_IA",
        "tagging": tags,
        "acl": "private",
    }
    crc = base64.b64encode(zlib.crc32(b"x").to_bytes(4, "big")).decode()
    signed = page.sign("k", conditions=[["starts-with", "$x-amz-checksum-crc32", ""]], **fields)
    assert page.send({**signed, "x-ignore-me": "1", "x-amz-checksum-crc32": "AAAAAA=="}, b"x")[2]["Code"] == "BadDigest"
    assert page.send({**signed, "x-ignore-me": "1", "x-amz-checksum-crc32": crc}, b"x")[0] == 204
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["ContentType"], head["CacheControl"], head["StorageClass"]) == (
        "text/plain",
        "no-cache",
        "STANDARD_IA",
    )
    assert (head["Metadata"], head["ChecksumCRC32"]) == ({"belt": "seven"}, crc)
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "b c"}]
    assert page.send(page.sign("k", tagging="no XML"))[2]["Code"] == "MalformedXML"
    for name in ("acl", "x-amz-acl", "x-amz-grant-read"):
        assert page.send(page.sign("k", **{name: "public-read"}))[2]["Code"] == "AccessControlListNotSupported"


def test_what_a_form_is_answered_with(page, server, bucket):
    status, headers, found = page.send(page.sign(success_action_status="201"))
    assert (status, headers["content-type"]) == (201, "application/xml")
    location = f"{server.url}/{bucket}/uploads/a%20b.txt"
    assert found == {"Location": location, "Bucket": bucket, "Key": "uploads/a b.txt", "ETag": headers["etag"]}
    assert page.send(page.sign(success_action_status="200"))[0] == 200
    assert page.send(page.sign(success_action_status="404"))[0] == 204
    target = "http://localhost/done?x=1"
    status, headers, _ = page.send(page.sign("k", success_action_redirect=target))
    etag = headers["etag"].strip('"')
    assert (status, headers["location"]) == (303, f"{target}&bucket={bucket}&key=k&etag=%22{etag}%22")
    assert page.send(page.sign("k", success_action_redirect="no address"))[0] == 204


def test_the_name_of_the_file_in_the_key(page):
    for name, key in (("C:\\temp\\a.txt", "a.txt"), ("x/y/Zoë.txt", "Zoë.txt"), (None, "${filename}")):
        assert page.send(page.sign("${filename}"), name.encode() if name else b"none", name)[0] == 204
        assert page.read(key)


def test_only_the_file_counts_of_what_comes_last(page):
    assert page.send(page.sign("k"), b"1", after=[("key", b"other"), ("file", b"2")])[0] == 204
    assert page.read("k") == b"1"


def test_sizes_by_the_policy(page, bucket):
    fields = page.sign("k", conditions=[["content-length-range", 5, 10]])
    status, _, found = page.send(fields, b"a" * 12)
    assert (status, found["Code"], found["ProposedSize"], found["MaxSizeAllowed"]) == (
        400,
        "EntityTooLarge",
        "12",
        "10",
    )
    status, _, found = page.send(fields, b"a")
    assert (status, found["Code"], found["ProposedSize"], found["MinSizeAllowed"]) == (400, "EntityTooSmall", "1", "5")
    assert page.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert page.send(fields, b"a" * 10)[0] == 204


DENIED = (403, "AccessDenied")
FAILED = "Invalid according to Policy: Policy Condition failed: "


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"success_action_redirect": "http://b"}, f'{FAILED}["eq", "$success_action_redirect", "http://a"]'),
        ({"success_action_redirect": "HTTP://a"}, f'{FAILED}["eq", "$success_action_redirect", "http://a"]'),
        ({"key": "other"}, f'{FAILED}["eq", "$key", "k"]'),
        ({"Content-Type": "image/png,text/plain"}, f'{FAILED}["starts-with", "$Content-Type", "image/"]'),
        ({"x-amz-meta-more": "1"}, "Invalid according to Policy: Extra input fields: x-amz-meta-more"),
    ],
)
def test_fields_that_the_policy_does_not_allow(page, fields, told):
    conditions = [["starts-with", "$Content-Type", "image/"]]
    signed = page.sign("k", conditions=conditions, success_action_redirect="http://a")
    assert page.refuse({**signed, "Content-Type": "image/png", **fields}) == (*DENIED, told)


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (["content-length-range", "test", "10"], (*DENIED, f'{FAILED}["content-length-range", "test", "10"]')),
        (["eq", "key", "k"], (*DENIED, f'{FAILED}["eq", "key", "k"]')),
        ({}, "Simple-Condition: Simple-Conditions must have exactly one property specified."),
        (["content-length-range", 1], "Condition: a condition has an operation and two values."),
        (["ends-with", "$key", "k"], "Condition: unknown operation 'ends-with'."),
        ({"acl": 1}, "Condition: its values must be strings."),
    ],
)
def test_conditions_that_are_none(page, condition, told):
    expected = (400, "InvalidPolicyDocument", f"Invalid Policy: Invalid {told}") if isinstance(told, str) else told
    assert page.refuse(page.sign("k", conditions=[condition])) == expected


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"conditions": []}, "Policy missing expiration."),
        ({"expiration": "2100-01-01T00:00:00Z"}, "Policy missing conditions."),
        ({"expiration": "2100-01-01 00:00", "conditions": []}, "Invalid 'expiration' value: '2100-01-01 00:00'"),
        ("no policy", "Invalid JSON."),
    ],
)
def test_policies_that_are_none(page, server, policy, told):
    text = base64.b64encode(json.dumps(policy).encode()).decode()
    signature = server.house.rooms.access.identities.find("s3", "test", "")
    assert signature
    fields = {"key": "k", "AWSAccessKeyId": "test", "policy": text, "signature": sign_form_v2(signature.secret, text)}
    assert page.refuse(fields) == (400, "InvalidPolicyDocument", f"Invalid Policy: {told}")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_signatures_that_are_refused(page, version):
    signed = page.sign("k", version=version)
    signature, key = ("signature", "AWSAccessKeyId") if version == "s3" else ("x-amz-signature", "x-amz-algorithm")
    mismatch = "The request signature we calculated does not match the signature you provided. "
    mismatch += "Check your key and signing method."
    policy = base64.b64encode(base64.b64decode(signed["policy"]).replace(b'"k"', b'"x"')).decode()
    assert page.refuse({**signed, "policy": policy}) == (403, "SignatureDoesNotMatch", mismatch)
    assert page.refuse({**signed, signature: "0"})[1] == "SignatureDoesNotMatch"
    for name in ("key", signature, key, "policy"):
        shown = {"signature": "Signature", "x-amz-signature": "X-Amz-Signature", "x-amz-algorithm": "X-Amz-Algorithm"}
        named = shown.get(name, "Policy" if name == "policy" else name)
        needed = f"Bucket POST must contain a field named '{named}'.  "
        needed += "If it is specified, please check the order of the fields."
        assert page.refuse({n: v for n, v in signed.items() if n != name}) == (400, "InvalidArgument", needed)
    assert page.refuse({"key": "k"}) == (*DENIED, "Access Denied")
    expired = page.sign("k", version=version, seconds=-1)
    assert page.refuse(expired) == (*DENIED, "Invalid according to Policy: Policy expired.")
    elsewhere = page.send(signed, path="/no-such-bucket")[2]
    assert elsewhere["Message"] == f'{FAILED}["eq", "$bucket", "{page.bucket}"]'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MalformedPOSTRequest"),
        (b"--limit\r\n", "MalformedPOSTRequest"),
        (b"--limit\r\nContent-Disposition: form-data\r\n\r\n1\r\n--limit--\r\n", "MalformedPOSTRequest"),
        (b'--limit\r\nContent-Disposition: form-data; name="key"\r\n\r\nk', "MalformedPOSTRequest"),
        (
            b'--limit\r\nContent-Disposition: form-data; name="key"\r\n\r\n' + b"k" * 30_000,
            "MaxPostPreDataLengthExceededError",
        ),
    ],
)
def test_bodies_that_are_no_form(page, body, code):
    answer = page.post(body, **{"Content-Type": "multipart/form-data; boundary=limit"})
    assert (answer[0], answer[2]["Code"]) == (400, code)
    assert page.post(body, **{"Content-Type": "multipart/form-data"})[2]["Code"] == "MalformedPOSTRequest"


def test_a_file_that_breaks_off_is_not_stored(page, s3, bucket):
    fields = page.sign("k")
    head = "".join(
        f'--limit\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    body = f'{head}--limit\r\nContent-Disposition: form-data; name="file"\r\n\r\n'.encode() + b"x" * 500_000
    assert (
        page.post(body, **{"Content-Type": "multipart/form-data; boundary=limit"})[2]["Code"] == "MalformedPOSTRequest"
    )
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
