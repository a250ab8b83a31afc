"""From a channel to files: which objects it has, what they are called on a host, and who gets which."""

import errno
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clary.errors import ClientError, ServiceError
from clary.jobs.host import Host
from clary.jobs.manifests import read_augmented, read_manifest, split_uri
from clary.jobs.plan import NAMES, FeedPlan
from clary.jobs.spec import ChannelSpec

TEXT = ("text/", "application/jsonlines", "application/x-jsonlines")
NAME_MAX = 255
FAILED = "Data download failed:"

Check = Callable[[], None]
"""Called between objects; raises when the job is to stop."""


@dataclass(frozen=True, slots=True)
class Item:
    """An object of a channel and where it stands below the channel's folder."""

    bucket: str
    key: str
    path: str


class Staging:
    """Brings a job's channels into its folder, by hard links where the store can."""

    def __init__(self, host: Host, role: str, region: str, scratch: Path, check: Check) -> None:
        self._host = host
        self._role = role
        self._region = region
        self._scratch = scratch
        self._check = check

    def find(self, channel: ChannelSpec) -> list[Item]:
        """The objects of a channel in File, FastFile or Pipe mode, in the order of their keys or of its manifest."""
        refuse_unfit(channel)
        items = self._listed(channel) if channel.source == "S3Prefix" else self._named(channel)
        if channel.mode != "Pipe":
            refuse_collisions(channel.name, items)
        if channel.shuffle_seed is not None and channel.mode != "Pipe":
            random.Random(channel.shuffle_seed).shuffle(items)
        return items

    def link(self, items: list[Item], folder: Path, *, own: bool = False) -> int:
        """Put objects below a channel's folder, under their names; how many bytes they have.

        Files that are `own` may be changed: they share nothing with the store.
        """
        folder.mkdir(parents=True, exist_ok=True)
        size = 0
        for item in items:
            target = folder / item.path
            with _worded(f"{FAILED}{item.key!r} stands where another input has something: {item.path}"):
                target.parent.mkdir(parents=True, exist_ok=True)
                self._fetch(item.bucket, item.key, target)
            if own:
                make_own(target)
            size += target.stat().st_size
        return size

    def number(self, items: list[Item], folder: Path) -> None:
        """Put objects into a folder as 0, 1, 2 ...: what a feeder reads; names of keys play no part."""
        folder.mkdir(parents=True)
        for place, item in enumerate(items):
            self._fetch(item.bucket, item.key, folder / str(place))
        _write_names(folder, [f"s3://{item.bucket}/{item.key}" for item in items])

    def augment(self, channel: ChannelSpec, folder: Path) -> int:
        """Put the attributes of an augmented manifest's lines into a folder as 0, 1, 2 ...; how many lines."""
        rows = read_augmented(self._read(channel.uri), channel.uri, channel.attributes)
        folder.mkdir(parents=True)
        cells = [cell for row in rows for cell in row]
        for place, cell in enumerate(cells):
            if isinstance(cell, str):
                self._fetch(*split_uri(cell), folder / str(place))
            else:
                (folder / str(place)).write_bytes(cell)
        _write_names(folder, [cell if isinstance(cell, str) else channel.uri for cell in cells])
        return len(rows)

    def _listed(self, channel: ChannelSpec) -> list[Item]:
        bucket, prefix = split_uri(channel.uri)
        items = []
        with _worded(self._nothing_found(channel.uri)):
            for found in self._host.list_objects(bucket, prefix):
                if found.key.endswith("/") and not found.size:
                    continue  # a console's folder marker
                path = path_below(prefix, found.key) if channel.mode != "Pipe" else ""
                items.append(Item(bucket, found.key, path))
        if not items:
            raise ClientError(self._nothing_found(channel.uri))
        return items

    def _named(self, channel: ChannelSpec) -> list[Item]:
        prefix, suffixes = read_manifest(self._read(channel.uri), channel.uri)
        items = []
        for suffix in suffixes:
            bucket, key = split_uri(prefix + suffix)
            items.append(Item(bucket, key, path_of(suffix, key) if channel.mode != "Pipe" else ""))
        return items

    def _read(self, uri: str) -> bytes:
        target = self._scratch / "manifest"
        self._fetch(*split_uri(uri), target)
        data = target.read_bytes()
        target.unlink()
        return data

    def _fetch(self, bucket: str, key: str, target: Path) -> None:
        self._check()
        with _worded(self._nothing_found(f"s3://{bucket}/{key}")):
            self._host.fetch_object(bucket, key, target)

    def _nothing_found(self, uri: str) -> str:
        return (
            f'{FAILED}No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the'
            f" bucket exists in the selected region ({self._region}), that objects exist under that S3 prefix, and"
            f' that the role "{self._role}" has "s3:ListBucket" permissions on bucket "{split_uri(uri)[0]}".'
        )


class _worded:  # noqa: N801 - reads as a statement
    """Turns what the store answers into the sentence a user of AWS knows."""

    def __init__(self, nothing_found: str) -> None:
        self._nothing_found = nothing_found

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, ServiceError) and problem.code in ("NoSuchBucket", "NoSuchKey", "404"):
            raise ClientError(self._nothing_found) from problem
        if isinstance(problem, ServiceError) and problem.status < 500:
            raise ClientError(f"{FAILED}{problem.code}: {problem.message}") from problem
        if isinstance(problem, FileExistsError | NotADirectoryError | IsADirectoryError):
            raise ClientError(self._nothing_found) from problem
        if isinstance(problem, OSError) and problem.errno == errno.ENAMETOOLONG:
            raise ClientError(f"{FAILED}{problem.filename}: the path is too long for a file") from problem


def refuse_unfit(channel: ChannelSpec) -> None:
    """Refuse settings that the channel's mode cannot honour."""
    for what, value in (("CompressionType", channel.compression), ("RecordWrapperType", channel.record_wrapper)):
        if channel.mode != "Pipe" and value != "None":
            raise ClientError(f"{what} {value} of channel {channel.name!r} needs Pipe mode, not {channel.mode}")
    if channel.mode == "FastFile" and channel.source != "S3Prefix":
        raise ClientError(f"FastFile mode of channel {channel.name!r} needs S3Prefix, not {channel.source}")
    if channel.source == "AugmentedManifestFile":
        if channel.mode != "Pipe":
            raise ClientError(f"AugmentedManifestFile of channel {channel.name!r} needs Pipe mode, not {channel.mode}")
        if not channel.attributes:
            raise ClientError(f"AugmentedManifestFile of channel {channel.name!r} needs AttributeNames")


def path_below(prefix: str, key: str) -> str:
    """Where a key found under a prefix stands in the channel's folder, e.g. `a/b/c.csv` under `a/b` -> `c.csv`."""
    folder = prefix if prefix.endswith("/") else prefix + "/"
    if not key.startswith(folder):
        folder = prefix[: prefix.rfind("/") + 1]
    return path_of(key[len(folder) :], key)


def path_of(name: str, key: str) -> str:
    """A relative path that stays where it is put, or a refusal that names the key: keys are not trusted."""
    parts = [part for part in name.split("/") if part]
    shown = key if len(key) <= 200 else key[:197] + "..."
    if name.endswith("/") or not parts:
        raise ClientError(f"{FAILED}the key {shown!r} ends with '/' and has content: it can't be a file")
    for part in parts:
        if part in (".", "..") or "\0" in part:
            raise ClientError(f"{FAILED}the key {shown!r} has a part {part!r}, which can't be a file name")
        if len(part.encode()) > NAME_MAX:
            raise ClientError(f"{FAILED}the key {shown!r} has a part longer than {NAME_MAX} bytes")
    return "/".join(parts)


def refuse_collisions(channel: str, items: list[Item]) -> None:
    """Refuse two keys for one file, and a key that is both a file and a folder."""
    files = {item.path: item.key for item in items}
    if len(files) < len(items):
        twice = next(item for item in items if files[item.path] != item.key or items.count(item) > 1)
        raise ClientError(f"{FAILED}{twice.key!r} and {files[twice.path]!r} are one file in channel {channel!r}")
    for item in items:
        folder = item.path
        while folder := folder.rpartition("/")[0]:
            if folder in files:
                raise ClientError(
                    f"{FAILED}in channel {channel!r} the key {files[folder]!r} is a file and a folder"
                    f" ({item.key!r} stands below it): use Pipe mode or rename one"
                )


def _write_names(folder: Path, names: list[str]) -> None:
    (folder / NAMES).write_text("".join(name.replace("\n", " ") + "\n" for name in names))


def make_own(path: Path) -> None:
    """Make a file that can be written, a copy where it is an object of the store by another name."""
    if path.stat().st_nlink > 1:
        copy = path.with_name(f".{path.name[:200]}.copy")
        shutil.copyfile(path, copy)
        copy.rename(path)
    path.chmod(0o644)


def share(items: list[Item], channel: ChannelSpec, place: int, hosts: int) -> list[Item]:
    """What the host at `place` of `hosts` gets of a channel."""
    return items[place::hosts] if channel.distribution == "ShardedByS3Key" else items


def plan_feed(channel: ChannelSpec, folder: Path, target: Path, items: int, place: int, hosts: int) -> FeedPlan:
    """What the host at `place` of `hosts` is fed with, by FIFOs beside `target`."""
    sharded = channel.distribution == "ShardedByS3Key"
    return FeedPlan(
        channel=target.name,
        folder=os.fspath(folder),
        pipes=os.fspath(target.parent),
        items=items,
        group=len(channel.attributes) if channel.source == "AugmentedManifestFile" else 1,
        share=place if sharded else 0,
        shares=hosts if sharded else 1,
        seed=channel.shuffle_seed,
        wrap=channel.record_wrapper == "RecordIO",
        gunzip=channel.compression == "Gzip",
        lines=channel.content_type.startswith(TEXT) and channel.record_wrapper == "None",
    )
