"""Model archives, honest and poisoned."""

import io
import tarfile
from pathlib import Path

import pytest

from clary.hosting.model_data import ModelDataError, fetch_model, unpack
from tests.hosting.conftest import House, archive, container


def tar(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                file.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                info.mode = 0o4700
                file.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "outer" / "model"
    folder.mkdir(parents=True)
    return folder


def unpack_bytes(data: bytes, folder: Path) -> None:
    path = folder.parent.parent / "model.tar.gz"
    path.write_bytes(data)
    unpack(path, folder, "s3://models/model.tar.gz")


def test_files_folders_and_links_within(folder: Path) -> None:
    unpack_bytes(tar(("a", b"1"), ("code/b", b"2"), link("code/c", "../a"), link("d", "a", tarfile.LNKTYPE)), folder)
    assert (folder / "code" / "b").read_bytes() == b"2"
    assert (folder / "code" / "c").read_bytes() == (folder / "d").read_bytes() == b"1"
    assert (folder / "a").stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize(
    ("member", "named"),
    [
        (("/etc/cron.d/x", b""), "/etc/cron.d/x"),
        (("../x", b""), "../x"),
        (("a/../../x", b""), "a/../../x"),
        (link("passwd", "/etc/passwd"), "passwd"),
        (link("code/up", "../../x"), "code/up"),
        (link("hard", "../x", tarfile.LNKTYPE), "hard"),
        (link("null", "", tarfile.CHRTYPE), "null"),
        (link("pipe", "", tarfile.FIFOTYPE), "pipe"),
    ],
    ids=["absolute", "parent", "climbing", "link", "climbing link", "hard link", "device", "fifo"],
)
def test_a_member_that_reaches_outside_is_refused_by_name(folder: Path, member: object, named: str) -> None:
    with pytest.raises(ModelDataError, match="its member") as caught:
        unpack_bytes(tar(("good", b"1"), member), folder)
    assert repr(named) in str(caught.value)
    assert "s3://models/model.tar.gz" in str(caught.value)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_write_through_a_link_that_was_unpacked_before(folder: Path) -> None:
    (folder.parent / "target").mkdir()
    with pytest.raises(ModelDataError):
        unpack_bytes(tar(link("a", "b"), link("b", "../target"), ("a/x", b"1")), folder)
    assert not list((folder.parent / "target").iterdir())


@pytest.mark.parametrize("data", [b"no archive", tar(("a", b"1" * 100_000))[:60]], ids=["words", "truncated"])
def test_what_is_no_archive(folder: Path, data: bytes) -> None:
    with pytest.raises(ModelDataError, match=r"valid tar\.gz archive"):
        unpack_bytes(data, folder)


def test_a_model_as_a_prefix(house: House, tmp_path: Path) -> None:
    house.objects |= {("models", "m/a"): b"1", ("models", "m/code/b"): b"2", ("models", "m/"): b""}
    fetch_model(house.host(), container(uri="s3://models/m/", compressed=False), tmp_path / "ml")
    assert (tmp_path / "ml" / "model" / "code" / "b").read_bytes() == b"2"
    house.objects["models", "m/../../x"] = b"3"
    with pytest.raises(ModelDataError, match="outside"):
        fetch_model(house.host(), container(uri="s3://models/m/", compressed=False), tmp_path / "other")
    with pytest.raises(ModelDataError, match="no object below"):
        fetch_model(house.host(), container(uri="s3://models/none/", compressed=False), tmp_path / "third")


def test_an_archive_is_fetched(house: House, tmp_path: Path) -> None:
    house.objects["models", "m.tar.gz"] = archive(name="first")
    fetch_model(house.host(), container(uri="s3://models/m.tar.gz"), tmp_path / "ml")
    assert (tmp_path / "ml" / "model" / "name").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["ml"]
