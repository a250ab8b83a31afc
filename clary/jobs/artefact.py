"""model.tar.gz and output.tar.gz: packing what the hosts wrote, and where it goes."""

import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from clary.jobs.manifests import split_uri
from clary.jobs.spec import JobSpec

GZIP_LEVEL = 4  # weights hardly shrink: a higher level costs three times as long for a few per cent


def artefact_uri(spec: JobSpec) -> str:
    """What S3ModelArtifacts says of a job."""
    folder = f"{spec.output_uri.rstrip('/')}/{spec.name}/output"
    return f"{folder}/model.tar.gz" if spec.compression == "GZIP" else f"{folder}/model/"


def destination(spec: JobSpec, name: str) -> tuple[str, str]:
    """The bucket and key of something that a job leaves."""
    return split_uri(f"{spec.output_uri.rstrip('/')}/{spec.name}/output/{name}")


def members(folders: list[Path]) -> Iterator[tuple[Path, str]]:
    """All folders, files and links (as links) and their paths there; of two with one path the first folder's.

    A folder that the job replaced by a link has none: a link may lead out of the job's own tree.
    """
    seen: set[str] = set()
    for folder in (folder for folder in folders if not (folder.is_symlink() or folder.parent.is_symlink())):
        for parent, inner, names in os.walk(folder):
            inner.sort()
            for name in (*inner, *sorted(names)):
                path = Path(parent, name)
                inside = path.relative_to(folder).as_posix()
                kind = stat.S_IFMT(path.lstat().st_mode)
                if inside not in seen and kind in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                    seen.add(inside)
                    yield path, inside


def files_of(folders: list[Path]) -> Iterator[tuple[Path, str]]:
    """The regular files among the members."""
    return ((path, inside) for path, inside in members(folders) if stat.S_ISREG(path.lstat().st_mode))


def has_files(folders: list[Path]) -> bool:
    """Whether there is anything to upload."""
    return next(files_of(folders), None) is not None


def pack(folders: list[Path], target: Path) -> None:
    """Write the archive of all that stands in the folders, as one; whole or not at all."""
    target.parent.mkdir(exist_ok=True)
    draft = target.with_name(target.name + ".part")
    try:
        with tarfile.open(draft, "w:gz", compresslevel=GZIP_LEVEL) as archive:
            for path, inside in members(folders):
                archive.inodes.clear()  # type: ignore[attr-defined] # a second name of a file is a file of its own
                member = archive.gettarinfo(path, inside)
                member.uid = member.gid = 0
                member.uname = member.gname = "root"
                if member.isreg():
                    with path.open("rb") as file:
                        archive.addfile(member, file)
                else:
                    archive.addfile(member)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    draft.rename(target)
