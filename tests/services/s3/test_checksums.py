"""Additional checksums: verified, kept, answered, combined."""

import base64
import hashlib
import zlib

import pytest

ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
MIB = 1 << 20


def sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_is_kept_and_answered(s3, bucket, algorithm):
    answer = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    assert answer["ChecksumType"] == "FULL_OBJECT"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[name] == answer[name]
    found = s3.get_object(Bucket=bucket, Key="k")  # boto3 verifies it
    assert (found[name], found["Body"].read()) == (answer[name], b"hello")
    (listed,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ([algorithm], "FULL_OBJECT")


def test_without_a_word_it_is_crc64nvme(server, s3, bucket):
    quiet = server.client("s3", request_checksum_calculation="when_required")
    quiet.put_object(Bucket=bucket, Key="k", Body=b"hello")
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ChecksumCRC64NVME"] == "M3eFcAZSQlc="


@pytest.mark.parametrize("size", [5, 200_000])
def test_a_wrong_checksum_stores_nothing(s3, bucket, refused, size):
    body = b"x" * size
    refused("BadDigest", s3.put_object, Bucket=bucket, Key="k", Body=body, ChecksumSHA256=sha256(b"other"))
    refused("BadDigest", s3.put_object, Bucket=bucket, Key="k", Body=body, ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    refused("InvalidDigest", s3.put_object, Bucket=bucket, Key="k", Body=body, ContentMD5="short")
    refused("404", s3.head_object, Bucket=bucket, Key="k")
    s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumSHA256=sha256(body))


def test_two_checksums_are_too_many(s3, bucket, refused):
    refused("InvalidRequest", s3.put_object, Bucket=bucket, Key="k", Body=b"", ChecksumSHA256="x", ChecksumCRC32="y")


def test_a_checksum_that_is_not_computed_here_is_refused(server, bucket, refused):
    client = server.client("s3", request_checksum_calculation="when_required")
    digest = base64.b64encode(hashlib.sha512(b"hello").digest()).decode()
    refused("NotImplemented", client.put_object, Bucket=bucket, Key="k", Body=b"hello", ChecksumSHA512=digest)


def upload(s3, bucket, datas, **declared):
    asked = {"Bucket": bucket, "Key": "k"}
    created = s3.create_multipart_upload(**asked, **declared)
    asked["UploadId"] = created["UploadId"]
    name = f"Checksum{declared.get('ChecksumAlgorithm', 'CRC32')}"
    parts = []
    for number, data in enumerate(datas, 1):
        sent = s3.upload_part(
            **asked, PartNumber=number, Body=data, ChecksumAlgorithm=declared.get("ChecksumAlgorithm", "CRC32")
        )
        parts.append({"PartNumber": number, "ETag": sent["ETag"], name: sent[name]})
    return asked | {"MultipartUpload": {"Parts": parts}}


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_the_checksum_of_the_whole_is_combined_from_the_parts(s3, bucket, algorithm):
    datas = [b"a" * 5 * MIB, b"b" * 5 * MIB, b"c"]
    declared = {"ChecksumAlgorithm": algorithm, "ChecksumType": "FULL_OBJECT"}
    answer = s3.complete_multipart_upload(**upload(s3, bucket, datas, **declared))
    s3.put_object(Bucket=bucket, Key="whole", Body=b"".join(datas), ChecksumAlgorithm=algorithm)
    whole = s3.head_object(Bucket=bucket, Key="whole", ChecksumMode="ENABLED")
    assert answer[f"Checksum{algorithm}"] == whole[f"Checksum{algorithm}"]
    assert answer["ChecksumType"] == "FULL_OBJECT"
    s3.get_object(Bucket=bucket, Key="k")["Body"].read()  # boto3 verifies it


def test_a_composite_checksum_is_that_of_the_checksums(s3, bucket, refused):
    datas = [b"a" * 5 * MIB, b"b"]
    asked = upload(s3, bucket, datas, ChecksumAlgorithm="SHA256")
    digest = sha256(b"".join(hashlib.sha256(data).digest() for data in datas))
    refused("BadDigest", s3.complete_multipart_upload, **asked, ChecksumSHA256=sha256(b"other"))
    answer = s3.complete_multipart_upload(**asked, ChecksumSHA256=digest)
    assert (answer["ChecksumSHA256"], answer["ChecksumType"]) == (f"{digest}-2", "COMPOSITE")
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    )
    assert attributes["ETag"] == answer["ETag"].strip('"')
    assert attributes["Checksum"] == {"ChecksumSHA256": f"{digest}-2", "ChecksumType": "COMPOSITE"}
    assert attributes["ObjectSize"] == 5 * MIB + 1
    assert attributes["StorageClass"] == "STANDARD"
    parts = attributes["ObjectParts"]
    assert (parts["TotalPartsCount"], parts["IsTruncated"]) == (2, False)
    assert [part["ChecksumSHA256"] for part in parts["Parts"]] == [sha256(data) for data in datas]


def test_a_composite_needs_every_parts_checksum(s3, bucket, refused):
    asked = upload(s3, bucket, [b"x"], ChecksumAlgorithm="CRC32")
    del asked["MultipartUpload"]["Parts"][0]["ChecksumCRC32"]
    refused("InvalidRequest", s3.complete_multipart_upload, **asked)


@pytest.mark.parametrize(("algorithm", "kind"), [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")])
def test_kinds_that_an_algorithm_does_not_have(s3, bucket, refused, algorithm, kind):
    asked = {"Bucket": bucket, "Key": "k", "ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    refused("InvalidRequest", s3.create_multipart_upload, **asked)


def test_a_part_must_have_the_uploads_checksum(s3, bucket, refused):
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    asked = {"Bucket": bucket, "Key": "k", "UploadId": begun, "PartNumber": 1, "Body": b"x"}
    refused("InvalidRequest", s3.upload_part, **asked, ChecksumAlgorithm="CRC32")


def test_an_upload_that_named_no_checksum_still_has_one(server, s3, bucket):
    quiet = server.client("s3", request_checksum_calculation="when_required")
    asked = {"Bucket": bucket, "Key": "k"}
    created = quiet.create_multipart_upload(**asked)
    assert "ChecksumAlgorithm" not in created
    asked["UploadId"] = created["UploadId"]
    sent = quiet.upload_part(**asked, PartNumber=1, Body=b"hello")
    answer = quiet.complete_multipart_upload(
        **asked, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
    )
    assert (answer["ChecksumCRC64NVME"], answer["ChecksumType"]) == ("M3eFcAZSQlc=", "FULL_OBJECT")


def test_the_crc_is_really_that_of_the_bytes(s3, bucket):
    answer = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="CRC32")
    assert base64.b64decode(answer["ChecksumCRC32"]) == zlib.crc32(b"hello").to_bytes(4, "big")


def test_the_checksum_of_a_part_is_verified_though_the_upload_named_none(s3, bucket, refused):
    asked = upload(s3, bucket, [b"x"])
    right = asked["MultipartUpload"]["Parts"][0]["ChecksumCRC32"]
    asked["MultipartUpload"]["Parts"][0]["ChecksumCRC32"] = "AAAAAA=="
    refused("InvalidPart", s3.complete_multipart_upload, **asked)
    asked["MultipartUpload"]["Parts"][0]["ChecksumCRC32"] = right
    assert s3.complete_multipart_upload(**asked)["ChecksumType"] == "FULL_OBJECT"
