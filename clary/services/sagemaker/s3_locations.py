"""S3 URIs, and what is stored at them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from clary.services.s3 import inside as s3
from clary.services.sagemaker.errors import ValidationException

if TYPE_CHECKING:
    from clary.wire import Rooms

_HOST = re.compile(r"(?:(?P<bucket>.+)\.)?s3[.-](?:[a-z0-9-]+\.)*amazonaws\.[a-z.]+")


class Location(NamedTuple):
    """A bucket, and a key or key prefix in it."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """s3://bucket/key."""
        return f"s3://{self.bucket}/{self.key}" if self.key else f"s3://{self.bucket}"


def parse(uri: str, member: str) -> Location:
    """The location an s3:// or https:// URI names; ValidationException, naming `member`, where it names none."""
    scheme, _, rest = uri.partition("://")
    host, _, path = rest.partition("/")
    if scheme == "s3" and host:
        return Location(host, path)
    match = _HOST.fullmatch(host) if scheme == "https" else None
    if match and match["bucket"]:
        return Location(match["bucket"], path)
    bucket, _, key = path.partition("/")
    if match and bucket:
        return Location(bucket, key)
    raise ValidationException(f"{member}: {uri!r} is not an S3 URI; it should read s3://bucket/key.")


def bucket_exists(rooms: Rooms, bucket: str) -> bool:
    """Whether there is a bucket of that name."""
    return s3.bucket_exists(rooms, bucket)


def has_objects(rooms: Rooms, location: Location) -> bool:
    """Whether the key of any object begins with the location's; False where there is no such bucket."""
    return s3.first_key(rooms, location.bucket, location.key) is not None


def object_exists(rooms: Rooms, location: Location) -> bool:
    """Whether there is an object of exactly this key."""
    return bool(location.key) and s3.first_key(rooms, location.bucket, location.key) == location.key
