"""Bring a model's data to the folder that its workers see as /opt/ml: fetched, unpacked, nothing outside of it."""

import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from clary.errors import ServiceError
from clary.hosting.dressing import source_place, source_uri
from clary.hosting.spec import ContainerSpec
from clary.jobs.host import Host


class ModelDataError(Exception):
    """The model's data can't be had or can't be unpacked; the message becomes FailureReason."""


class ModelMissingError(ModelDataError):
    """There is nothing to be had where the model's data should lie."""


def fetch_model(host: Host, container: ContainerSpec, folder: Path) -> None:
    """Fill `folder`/model from where the container's model lies."""
    model = folder / "model"
    model.mkdir(parents=True)
    if source := source_uri(container):
        _fetch_source(host, source, folder)
    if not container.model_uri:
        return
    try:
        _fetch(host, container, folder, model)
    except (ServiceError, OSError) as error:
        raise ModelMissingError(
            f'Failed to download model data from URL: "{container.model_uri}" ({error}). '
            "Please ensure that there is an object located at the URL."
        ) from None


def _fetch_source(host: Host, uri: str, folder: Path) -> None:
    """The script's archive, which is unpacked in the sandbox."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        host.fetch_object(bucket, key, source_place(folder, uri))
    except (ServiceError, OSError) as error:
        raise ModelMissingError(f'Failed to download source code from URL: "{uri}" ({error}).') from None


def _fetch(host: Host, container: ContainerSpec, folder: Path, model: Path) -> None:
    bucket, _, key = container.model_uri.removeprefix("s3://").partition("/")
    if not container.compressed:
        return _fetch_prefix(host, bucket, key, model)
    archive = folder.with_suffix(".tar.gz")
    host.fetch_object(bucket, key, archive)
    unpack(archive, model, container.model_uri)
    return archive.unlink()


def unpack(archive: Path, folder: Path, name: str) -> None:
    """Unpack a tar archive, gzipped or not; a member that would leave the folder or isn't a file is refused."""
    room = shutil.disk_usage(folder).free
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _check(member, name)
                room -= member.size
                if room < 0:
                    raise ModelDataError(f'Failed to extract model data archive from URL "{name}": no space left')
                tar.extract(member, folder, filter=_plain)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise ModelDataError(
            f'Failed to extract model data archive from URL "{name}": {error}. '
            "Please ensure that the object located at the URL is a valid tar.gz archive."
        ) from None


def _check(member: tarfile.TarInfo, name: str) -> None:
    """Refuse what could reach outside of the folder."""
    link = ""
    if member.issym():
        link = str(PurePosixPath(member.name).parent / member.linkname)
    elif member.islnk():
        link = member.linkname
    if not (member.isreg() or member.isdir() or link):
        problem = "is neither a file nor a folder"
    elif _leaves(member.name):
        problem = "would be written outside of the model folder"
    elif _leaves(link):
        problem = f"links to {member.linkname!r}, outside of the model folder"
    else:
        return
    raise ModelDataError(f'Refused model data archive from URL "{name}": its member {member.name!r} {problem}.')


def _leaves(path: str) -> bool:
    """Whether a relative path ever climbs above its start; an absolute one does."""
    depth = 0
    for part in PurePosixPath(path).parts:
        depth += -1 if part == ".." else 1
        if depth < 0 or part.startswith("/"):
            return True
    return False


def _plain(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """The standard library's own checks (it knows links through links), and rights that let any worker read."""
    checked = tarfile.data_filter(member, folder)
    return checked.replace(mode=0o755 if member.isdir() else 0o644, deep=False)


def _fetch_prefix(host: Host, bucket: str, prefix: str, folder: Path) -> None:
    """The objects below a prefix, each under its remaining name."""
    found = False
    for item in host.list_objects(bucket, prefix):
        name = item.key.removeprefix(prefix).lstrip("/") or PurePosixPath(item.key).name
        if item.key.endswith("/"):
            continue
        if _leaves(name):
            raise ModelDataError(f"Refused the object {item.key!r}: it would be written outside of the model folder.")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        host.fetch_object(bucket, item.key, target)
        found = True
    if not found:
        raise ModelDataError(f"Failed to download model data: no object below s3://{bucket}/{prefix}.")
