"""A folder that a job writes and its place in S3, and that no link leads out of the job's own tree."""

import os
from pathlib import Path

import pytest

from clary.errors import ClientError, ServiceError
from clary.jobs import sync
from clary.jobs.artefact import members
from clary.jobs.written import files_below, read_beginning


@pytest.fixture
def ml(tmp_path):
    (tmp_path / "ml" / "out" / "deep").mkdir(parents=True)
    return tmp_path / "ml"


@pytest.fixture
def desk(ml, tmp_path, monkeypatch):
    """A sync whose looks need no pause, and what it stored."""
    monkeypatch.setattr(sync, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(sync, "PAUSE_PER_WORK", 0.0)
    stored = []
    found = sync.Sync(ml, "out", lambda name, path: stored.append((name, path.read_bytes())), tmp_path / "scratch")
    found.stored = stored
    return found


def test_a_file_goes_up_once_it_has_come_to_rest_and_again_when_it_changed(ml, desk):
    file = ml / "out" / "deep" / "a"
    file.write_text("1")
    desk.look()
    assert not desk.stored
    file.write_text("1 and more")
    desk.look()
    assert not desk.stored
    desk.look()
    desk.look()
    assert desk.stored == [("deep/a", b"1 and more")]
    file.write_text("new")
    desk.finish()
    desk.finish()
    assert desk.stored[1:] == [("deep/a", b"new")]


def test_a_file_that_changes_while_it_is_copied_waits(ml, tmp_path, monkeypatch, desk):
    file = ml / "out" / "a"
    file.write_text("half")
    desk.look()
    copy = sync.shutil.copyfile

    def copy_and_change(source, target):
        copy(source, target)
        file.write_text("halves")

    monkeypatch.setattr(sync.shutil, "copyfile", copy_and_change)
    desk.look()
    assert not desk.stored
    assert not (tmp_path / "scratch").exists()


def test_what_stands_in_the_way_is_told_at_the_end_only(ml, desk):
    (ml / "out" / "a").write_text("1")
    (ml / "out" / os.fsdecode(b"\xff")).write_text("2")
    (ml / "out" / os.fsdecode(b"a\xff")).mkdir()
    (ml / "out" / "z").write_text("3")
    desk.look()
    desk.look()
    assert desk.stored == [("a", b"1"), ("z", b"3")]
    with pytest.raises(ClientError, match="can't be the key of an object"):
        desk.finish()


def test_links_lead_nowhere(ml, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (ml / "out" / "file").symlink_to(secret / "key")
    (ml / "out" / "folder").symlink_to(secret)
    (ml / "other").symlink_to(secret)
    os.mkfifo(ml / "out" / "pipe")
    (ml / "out" / "real").write_text("mine")
    assert [file.inside for file in files_below(ml, "out", [])] == ["real"]
    assert [file.inside for file in files_below(ml, "other", [])] == []
    assert [file.inside for file in files_below(ml, "nothing/there", [])] == []
    assert [path for path, _ in members([ml / "other", ml / "other" / "data"])] == []
    assert read_beginning(ml, "other/key", 10) == b""
    assert read_beginning(ml, "out/file", 10) == b""
    assert read_beginning(ml, "out/pipe", 10) == b""
    assert read_beginning(ml, "out/real", 2) == b"mi"


def test_no_handle_stays_open(ml):
    (ml / "out" / "deep" / "a").write_text("1")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        list(files_below(ml, "out", []))
        read_beginning(ml, "out/deep/a", 1)
        next(files_below(ml, "out", []))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


class Refused(ServiceError):
    code, status = "InternalError", 500


@pytest.fixture
def bucket():
    """What S3 has."""
    return {}


@pytest.fixture
def mirror(ml, tmp_path, monkeypatch, bucket):
    """Makes syncs that delete too and remember what S3 has."""
    monkeypatch.setattr(sync, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(sync, "PAUSE_PER_WORK", 0.0)

    def make(put=lambda name, path: bucket.__setitem__(name, path.read_text())):
        state = tmp_path / "state"
        return sync.Sync(
            ml, "out", put, tmp_path / "scratch", delete=bucket.__delitem__, state=state, ignored=(".tmp",)
        )

    return make


def test_what_is_deleted_in_the_folder_is_deleted_in_s3_by_the_next_server_too(ml, mirror, bucket):
    bucket["a stranger's"] = "stays"
    for name in ("a", "b", "c.tmp"):
        (ml / "out" / name).write_text(name)
    mirror().finish()
    assert bucket == {"a": "a", "b": "b", "a stranger's": "stays"}
    (ml / "out" / "a").unlink()
    mirror().look()
    assert bucket == {"b": "b", "a stranger's": "stays"}


def test_a_file_in_the_place_of_another_of_its_size_and_age_goes_up(ml, mirror, bucket):
    (ml / "out" / "a").write_text("1")
    mirror().finish()
    (ml / "out" / "new").write_text("2")
    os.utime(ml / "out" / "new", ns=(0, (ml / "out" / "a").stat().st_mtime_ns))
    (ml / "out" / "new").rename(ml / "out" / "a")
    mirror().finish()
    assert bucket == {"a": "2"}


def test_what_a_dying_server_had_begun_to_upload_is_known_to_the_next(ml, mirror, bucket):
    def put_and_die(name, path):
        bucket[name] = path.read_text()
        raise KeyboardInterrupt

    (ml / "out" / "a").write_text("1")
    with pytest.raises(KeyboardInterrupt):
        mirror(put_and_die).finish()
    (ml / "out" / "a").unlink()
    mirror().finish()
    assert bucket == {}


def test_a_store_that_refuses_one_file_takes_the_others_and_that_one_later(ml, mirror, bucket):
    refuses = ["a"]

    def put(name, path):
        if name in refuses:
            raise Refused("not now")
        bucket[name] = path.read_text()

    for name in "ab":
        (ml / "out" / name).write_text(name)
    found = mirror(put)
    with pytest.raises(Refused):
        found.finish()
    assert bucket == {"b": "b"}
    refuses.clear()
    found.finish()
    assert bucket == {"a": "a", "b": "b"}
