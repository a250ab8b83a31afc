"""Versions over the wire: what each operation says of them, as S3 was seen to say it."""

import pytest

from clary.services.s3 import inside


@pytest.fixture
def versioned(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def put(s3, bucket, key="k", body=b"x", **options):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **options).get("VersionId")


def read(s3, bucket, key="k", **options):
    return s3.get_object(Bucket=bucket, Key=key, **options)["Body"].read()


def listed(s3, bucket, **options):
    """(key, version, latest) of the versions, and of the delete markers."""
    answer = s3.list_object_versions(Bucket=bucket, **options)
    kinds = (answer.get("Versions", []), answer.get("DeleteMarkers", []))
    return tuple([(item["Key"], item["VersionId"], item["IsLatest"]) for item in kind] for kind in kinds)


def test_the_setting(s3, bucket, refused):
    put_setting = s3.put_bucket_versioning
    put_setting(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
    put_setting(Bucket=bucket, VersioningConfiguration={"Status": "Enabled", "MFADelete": "Disabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    refused("MalformedXML", put_setting, Bucket=bucket, VersioningConfiguration={"Status": "enabled"})
    refused("IllegalVersioningConfigurationException", put_setting, Bucket=bucket, VersioningConfiguration={})
    asked = {"Status": "Enabled", "MFADelete": "Enabled"}
    refused("NotImplemented", put_setting, Bucket=bucket, VersioningConfiguration=asked, MFA="a b")


def test_every_write_is_a_version(s3, bucket):
    assert put(s3, bucket, body=b"0") is None
    assert "VersionId" not in s3.get_object(Bucket=bucket, Key="k")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.head_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    first, second = put(s3, bucket, body=b"1"), put(s3, bucket, body=b"2")
    assert (read(s3, bucket), read(s3, bucket, VersionId=first), read(s3, bucket, VersionId="null")) == (
        b"2",
        b"1",
        b"0",
    )
    assert s3.head_object(Bucket=bucket, Key="k", VersionId=first)["VersionId"] == first
    expected = [("k", second, True), ("k", first, False), ("k", "null", False)]
    assert listed(s3, bucket) == (expected, [])
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert put(s3, bucket, body=b"3") is None
    assert listed(s3, bucket)[0] == [("k", "null", True), ("k", second, False), ("k", first, False)]
    assert (
        s3.get_object_attributes(Bucket=bucket, Key="k", VersionId=first, ObjectAttributes=["ObjectSize"])["VersionId"]
        == first
    )


def test_delete_markers(s3, versioned, refused):
    kept = put(s3, versioned)
    answer = s3.delete_object(Bucket=versioned, Key="k")
    marker = answer["VersionId"]
    assert answer["DeleteMarker"] is True
    for call in (s3.get_object, s3.get_object_tagging):
        code = "NoSuchKey" if call == s3.get_object else "MethodNotAllowed"
        headers = refused(code, call, Bucket=versioned, Key="k")["ResponseMetadata"]["HTTPHeaders"]
        assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", marker)
    answer = refused("MethodNotAllowed", s3.get_object, Bucket=versioned, Key="k", VersionId=marker)
    assert (answer["Error"]["Method"], answer["Error"]["ResourceType"]) == ("GET", "DeleteMarker")
    assert refused("405", s3.head_object, Bucket=versioned, Key="k", VersionId=marker)
    assert listed(s3, versioned) == ([("k", kept, False)], [("k", marker, True)])
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    answer = refused("BucketNotEmpty", s3.delete_bucket, Bucket=versioned)
    assert "all versions" in answer["Error"]["Message"]
    answer = s3.delete_object(Bucket=versioned, Key="k", VersionId=marker)
    assert (answer["DeleteMarker"], answer["VersionId"]) == (True, marker)
    assert read(s3, versioned) == b"x"
    answer = s3.delete_object(Bucket=versioned, Key="k", VersionId=kept)
    assert (answer.get("DeleteMarker"), answer["VersionId"]) == (None, kept)
    s3.delete_object(Bucket=versioned, Key="k", VersionId=kept)  # it is gone already
    refused("NoSuchVersion", s3.get_object, Bucket=versioned, Key="k", VersionId=kept)
    refused("InvalidArgument", s3.get_object, Bucket=versioned, Key="k", VersionId="HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD")
    s3.delete_bucket(Bucket=versioned)


def test_delete_objects_names_markers_and_versions(s3, versioned):
    kept = put(s3, versioned)
    deleted = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "k"}, {"Key": "none"}]})["Deleted"]
    markers = {item["Key"]: item.pop("DeleteMarkerVersionId") for item in deleted}
    assert deleted == [{"Key": "k", "DeleteMarker": True}, {"Key": "none", "DeleteMarker": True}]
    wanted = [{"Key": "k", "VersionId": kept}, {"Key": "k", "VersionId": markers["k"]}, {"Key": "k", "VersionId": "?"}]
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": wanted})
    marker = {"DeleteMarker": True, "DeleteMarkerVersionId": markers["k"]}
    assert answer["Deleted"] == [wanted[0], wanted[1] | marker]
    assert [(item["Code"], item["VersionId"]) for item in answer["Errors"]] == [("NoSuchVersion", "?")]
    assert listed(s3, versioned) == ([], [("none", markers["none"], True)])


def test_tags_and_copies_of_one_version(s3, versioned):
    first = put(s3, versioned, body=b"1", Tagging="n=1")
    second = put(s3, versioned, body=b"2", Tagging="n=2")
    tags = {"TagSet": [{"Key": "n", "Value": "3"}]}
    assert s3.put_object_tagging(Bucket=versioned, Key="k", VersionId=first, Tagging=tags)["VersionId"] == first
    answer = s3.get_object_tagging(Bucket=versioned, Key="k", VersionId=first)
    assert (answer["TagSet"], answer["VersionId"]) == (tags["TagSet"], first)
    assert s3.get_object_tagging(Bucket=versioned, Key="k")["TagSet"] == [{"Key": "n", "Value": "2"}]
    answer = s3.copy_object(Bucket=versioned, Key="copy", CopySource=f"{versioned}/k?versionId={first}")
    assert answer["CopySourceVersionId"] == first
    assert (read(s3, versioned, "copy"), s3.head_object(Bucket=versioned, Key="copy")["VersionId"]) == (
        b"1",
        answer["VersionId"],
    )
    # An old version copied over the current one is the way to restore it.
    s3.copy_object(Bucket=versioned, Key="k", CopySource=f"{versioned}/k?versionId={first}")
    assert read(s3, versioned) == b"1"
    assert len(listed(s3, versioned, Prefix="k")[0]) == 3
    assert read(s3, versioned, VersionId=second) == b"2"


def test_an_upload_in_parts_is_one_version(s3, versioned):
    before = put(s3, versioned)
    upload = s3.create_multipart_upload(Bucket=versioned, Key="k")["UploadId"]
    source = {"Bucket": versioned, "Key": "k", "VersionId": before}
    part = s3.upload_part_copy(Bucket=versioned, Key="k", UploadId=upload, PartNumber=1, CopySource=source)
    assert part["CopySourceVersionId"] == before
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]}
    answer = s3.complete_multipart_upload(Bucket=versioned, Key="k", UploadId=upload, MultipartUpload=parts)
    assert listed(s3, versioned)[0] == [("k", answer["VersionId"], True), ("k", before, False)]
    assert read(s3, versioned, PartNumber=1, VersionId=answer["VersionId"]) == b"x"


def test_pages_of_versions(s3, versioned, refused):
    versions = {key: [put(s3, versioned, key) for _ in range(2)][::-1] for key in ("a/1", "a/2", "b c")}
    everything = [(key, version, not place) for key in versions for place, version in enumerate(versions[key])]
    seen, place = [], {}
    while True:
        answer = s3.list_object_versions(Bucket=versioned, MaxKeys=2, EncodingType="url", **place)
        seen += [(item["Key"], item["VersionId"], item["IsLatest"]) for item in answer["Versions"]]
        if not answer["IsTruncated"]:
            break
        place = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer["NextVersionIdMarker"]}
    assert [(key.replace("%20", " "), *rest) for key, *rest in seen] == everything
    answer = s3.list_object_versions(Bucket=versioned, Delimiter="/", MaxKeys=1)
    assert (answer["CommonPrefixes"], answer["NextKeyMarker"]) == ([{"Prefix": "a/"}], "a/")
    assert "NextVersionIdMarker" not in answer
    assert listed(s3, versioned, Delimiter="/", KeyMarker="a/")[0] == everything[4:]
    refused("InvalidArgument", s3.list_object_versions, Bucket=versioned, VersionIdMarker=versions["a/1"][0])
    refused("InvalidArgument", s3.list_object_versions, Bucket=versioned, KeyMarker="a", VersionIdMarker="?")


def test_conditions_look_at_the_current_version(s3, versioned, refused):
    version = put(s3, versioned)
    etag = s3.head_object(Bucket=versioned, Key="k")["ETag"]
    refused("PreconditionFailed", s3.put_object, Bucket=versioned, Key="k", IfNoneMatch="*")
    s3.delete_object(Bucket=versioned, Key="k")
    refused("NoSuchKey", s3.put_object, Bucket=versioned, Key="k", IfMatch=etag)
    s3.put_object(Bucket=versioned, Key="k", IfNoneMatch="*")
    assert read(s3, versioned, VersionId=version) == b"x"


def test_other_rooms_act_on_the_current_version(server, s3, versioned, tmp_path):
    rooms = server.house.rooms
    for body in (b"1", b"2"):
        inside.put_object_bytes(rooms, versioned, "k", body)
    assert [item.size for item in inside.list_objects(rooms, versioned, "")] == [1]
    assert inside.read_object(rooms, versioned, "k", 10)[0] == b"2"
    inside.delete_object(rooms, versioned, "k")
    versions, markers = listed(s3, versioned)
    assert (len(versions), [latest for *_, latest in markers]) == (2, [True])
    assert list(inside.list_objects(rooms, versioned, "")) == []
