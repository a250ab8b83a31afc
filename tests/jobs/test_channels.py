"""Keys become files only where they can; manifests name what is wrong with them."""

import json
import struct

import pytest
from job_house import Buckets

from clary.errors import ClientError
from clary.jobs import ChannelSpec
from clary.jobs.channels import Staging, path_below
from clary.jobs.feeder import wrap_record
from clary.jobs.manifests import read_augmented, read_manifest
from clary.jobs.plan import FeedPlan
from clary.jobs.staging import refuse_too_large


class Keys(Buckets):
    """A staging over a bucket `in`."""

    def __init__(self, folder):
        super().__init__(folder / "buckets")
        self.staging = Staging(self, "role", "us-east-1", folder, lambda: None)

    def paths(self, uri="s3://in/data/", **more):
        return [item.path for item in self.staging.find(ChannelSpec(name="train", uri=uri, **more))]


@pytest.fixture
def keys(tmp_path):
    keys = Keys(tmp_path)
    keys.put("in", "unrelated", "")
    return keys


@pytest.mark.parametrize(
    ("prefix", "key", "path"),
    [
        ("data/", "data/a.csv", "a.csv"),
        ("data", "data/a.csv", "a.csv"),
        ("data/a.csv", "data/a.csv", "a.csv"),
        ("dat", "data/sub/a.csv", "data/sub/a.csv"),
        ("x/dat", "x/data/a.csv", "data/a.csv"),
        ("", "data/a.csv", "data/a.csv"),
        ("data/", "data//a.csv", "a.csv"),
    ],
)
def test_a_key_stands_below_the_folder_of_its_prefix(prefix, key, path):
    assert path_below(prefix, key) == path


@pytest.mark.parametrize("key", ["data/a/../b", "data/..", "data/./a", "data/../../../etc/passwd"])
def test_a_key_that_would_leave_its_folder_is_refused_and_named(keys, key):
    keys.put("in", key, "x")
    with pytest.raises(ClientError, match="can't be a file name") as caught:
        keys.paths()
    assert repr(key) in str(caught.value)


def test_a_key_with_a_part_too_long_for_a_file_is_refused():
    with pytest.raises(ClientError, match="longer than 255 bytes"):
        path_below("data/", "data/" + "é" * 128)


def test_folder_markers_are_no_files_but_content_under_such_a_name_is_refused(keys):
    keys.put("in", "data/", "")
    keys.put("in", "data/sub/", "")
    keys.put("in", "data/sub/a", "1")
    assert keys.paths() == ["sub/a"]
    keys.put("in", "data/sub/", "content")
    with pytest.raises(ClientError, match="ends with '/'"):
        keys.paths()


def test_a_key_that_is_file_and_folder_is_refused_in_file_mode_only(keys):
    keys.put("in", "data/p", "1")
    keys.put("in", "data/p/q", "2")
    with pytest.raises(ClientError, match="'data/p' is a file and a folder"):
        keys.paths()
    assert len(keys.paths(mode="Pipe")) == 2


def test_two_keys_for_one_file_are_refused(keys):
    keys.put("in", "data/a//b", "1")
    keys.put("in", "data/a/b", "2")
    with pytest.raises(ClientError, match="are one file"):
        keys.paths()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"compression": "Gzip"}, "CompressionType Gzip of channel 'train' needs Pipe mode, not File"),
        ({"record_wrapper": "RecordIO", "mode": "FastFile"}, "RecordWrapperType RecordIO .* not FastFile"),
        ({"mode": "FastFile", "source": "ManifestFile"}, "FastFile mode of channel 'train' needs S3Prefix"),
        ({"source": "AugmentedManifestFile", "attributes": ["a"]}, "AugmentedManifestFile .* needs Pipe mode"),
        ({"source": "AugmentedManifestFile", "mode": "Pipe"}, "needs AttributeNames"),
    ],
)
def test_settings_that_the_mode_cannot_honour_are_refused(keys, more, words):
    keys.put("in", "data/a", "1")
    with pytest.raises(ClientError, match=words):
        keys.paths(**more)


def test_a_manifest_lists_objects_under_their_own_names(keys):
    keys.put("in", "list", json.dumps([{"prefix": "s3://in/some/"}, "x/b", "a"]))
    assert keys.paths("s3://in/list", source="ManifestFile") == ["x/b", "a"]
    keys.put("in", "list", json.dumps([{"prefix": "s3://in/some/"}, "../a"]))
    with pytest.raises(ClientError, match="can't be a file name"):
        keys.paths("s3://in/list", source="ManifestFile")


def test_a_manifest_that_names_a_missing_object_fails_with_its_name(keys, tmp_path):
    keys.put("in", "list", json.dumps([{"prefix": "s3://in/some/"}, "a"]))
    items = keys.staging.find(ChannelSpec(name="train", uri="s3://in/list", source="ManifestFile"))
    with pytest.raises(ClientError, match='under S3 URL "s3://in/some/a"'):
        keys.staging.link(items, tmp_path / "channel")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "it is not JSON"),
        ("{}", "not an array"),
        ("[]", "it is empty"),
        ('["a"]', 'its first element is "a"'),
        ('[{"prefix": 1}, "a"]', "its first element"),
        ('[{"prefix": "bucket/x"}, "a"]', 'its prefix is "bucket/x", not an S3 URI'),
        ('[{"prefix": "s3://b/"}]', "nothing follows"),
        ('[{"prefix": "s3://b/"}, "a", 3]', "element 2 is 3, not a string"),
    ],
)
def test_each_error_of_a_manifest_is_named(content, words):
    with pytest.raises(ClientError, match=words) as caught:
        read_manifest(content.encode(), "s3://in/list")
    assert "s3://in/list" in str(caught.value)


def test_an_augmented_manifest_gives_objects_and_values_in_the_order_asked_for():
    data = b'{"source-ref": "s3://in/1.png", "label": 3}\n\n{"label": {"a": 1}, "source-ref": "s3://in/2.png"}\n'
    assert read_augmented(data, "s3://in/list", ["label", "source-ref"]) == [
        [b"3", "s3://in/1.png"],
        [b'{"a": 1}', "s3://in/2.png"],
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [(b"x", "line 2: it is not JSON"), (b"[]", "line 2: it is \\[\\]"), (b"{}", "line 2: it has no attribute 'a-ref'")],
)
def test_each_error_of_an_augmented_manifest_names_its_line(line, words):
    with pytest.raises(ClientError, match=words):
        read_augmented(b'{"a-ref": "s3://in/x"}\n' + line, "s3://in/list", ["a-ref"])


def test_data_beyond_the_volume_are_refused():
    refuse_too_large(1 << 30, 1)
    refuse_too_large(1 << 40, 0)
    with pytest.raises(ClientError, match=r"Insufficient disk space.* VolumeSizeInGB is 1"):
        refuse_too_large((1 << 30) + 1, 1)


def test_shuffling_depends_on_seed_and_epoch_alone_and_shards_stay_whole():
    def order(epoch, seed=7, **more):
        return FeedPlan(channel="c", folder="", pipes="", items=20, seed=seed, **more).items_of_epoch(epoch)

    assert order(0) == order(0) != order(1)
    assert order(0, seed=8) != order(0)
    assert order(0, seed=None) == list(range(20))
    for epoch in (0, 1):
        shards = [order(epoch, share=share, shares=3) for share in range(3)]
        assert sorted(item for shard in shards for item in shard) == list(range(20))
    assert sorted(order(0, share=0, shares=3)) != sorted(order(1, share=0, shares=3))  # moved to another host


def test_a_record_is_framed_and_padded():
    assert wrap_record(b"abcde") == struct.pack("<II", 0xCED7230A, 5) + b"abcde\0\0\0"
    assert wrap_record(b"") == struct.pack("<II", 0xCED7230A, 0)
