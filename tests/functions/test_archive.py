"""Archives: kept under their hash, unpacked over each other, removed when nothing needs them."""

import io
import zipfile

import pytest

from clary.functions.archive import UNZIPPED_BYTES, Archives, BadArchive


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


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


def test_a_bomb_is_not_unpacked(tmp_path):
    bomb = zipped(a=bytes(UNZIPPED_BYTES // 2), b=bytes(UNZIPPED_BYTES // 2 + 1))
    assert len(bomb) < 1 << 20
    archives = Archives(tmp_path)
    with pytest.raises(BadArchive, match="Unzipped size must be smaller than 262144000 bytes"):
        archives.store(bomb)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
