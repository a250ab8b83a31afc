"""Archives: kept under their hash, unpacked over each other, removed when nothing needs them."""

import io
import os
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
