"""Archives: kept under their hash, unpacked over each other, removed when nothing needs them."""

import io
import os
import stat
import zipfile

import pytest

from clary.functions import archive
from clary.functions.archive import Archives, BadArchive


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in files.items():
            written.writestr(name, content)
    return buffer.getvalue()


def test_others_may_read_what_is_unpacked_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        archives = Archives(tmp_path)
        folder = archives.unpacked([archives.store(zipped(**{"a/b/c.py": "1"}))])
    finally:
        os.umask(before)
    modes = {path.relative_to(folder).as_posix(): oct(path.stat().st_mode & 0o777) for path in folder.rglob("*")}
    assert modes == {"a": "0o755", "a/b": "0o755", "a/b/c.py": "0o644"}
    assert folder.stat().st_mode & 0o777 == 0o755


def test_later_archives_lie_over_earlier_ones(tmp_path):
    archives = Archives(tmp_path)
    first, second = archives.store(zipped(a="1", b="1")), archives.store(zipped(b="2", c="2"))
    folder = archives.unpacked([first, second])
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "1", "b": "2", "c": "2"}
    assert (archives.unpacked([first]) / "b").read_text() == "1"


def test_files_and_folders_of_one_name_take_each_others_place(tmp_path):
    archives = Archives(tmp_path)
    first = archives.store(zipped(**{"a": "file", "b/c/d": "deep", "e": "same"}))
    second = archives.store(zipped(**{"a/x": "1", "b": "file"}))
    assert archives.unzipped_size([first, second]) == 4 + 4 + 4 + 1 + 4
    folder = archives.unpacked([first, second])
    found = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert found == {"a/x": "1", "b": "file", "e": "same"}
    back = archives.unpacked([second, first])
    found = {path.relative_to(back).as_posix(): path.read_text() for path in back.rglob("*") if path.is_file()}
    assert found == {"a": "file", "b/c/d": "deep", "e": "same"}


@pytest.mark.parametrize("target", ["loop", "a\0b", "", "x" * 5000])
def test_links_that_can_not_be_made_or_followed_are_told(tmp_path, target):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        link = zipfile.ZipInfo("loop")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        written.writestr(link, target)
        written.writestr("loop/x", "")
    with pytest.raises(BadArchive) as caught:
        Archives(tmp_path).store(buffer.getvalue())
    assert str(tmp_path) not in str(caught.value)


def test_an_archive_outlives_the_server_and_is_unpacked_anew(tmp_path):
    content = zipped(a="1")
    name = Archives(tmp_path).store(content)
    again = Archives(tmp_path)
    assert (again.unpacked([name]) / "a").read_text() == "1"
    assert (again.read(name), again.size(name)) == (content, len(content))
    again.keep_only(lambda: {name})
    assert again.read(name) == content
    again.keep_only(set)
    with pytest.raises(FileNotFoundError):
        again.read(name)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "UNZIPPED_BYTES", 1000)
    archives = Archives(tmp_path)
    with pytest.raises(BadArchive, match="Unzipped size must be smaller than 1000 bytes"):
        archives.store(zipped(a=bytes(500), b=bytes(501)))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
