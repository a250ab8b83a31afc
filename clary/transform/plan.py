"""What the server and a transform's driver tell each other, in the transform's folder.

job.json, stop           what was asked
models/{0 ...}           each container's /opt/ml
plan.json                the last thing that staging writes: the objects
input/{0, 1 ...}         the objects, by hard link where possible
output/{0, 1 ...}        whole outputs that are not in S3 yet; a `.part` is being written
journal                  an entry for each object that is done, its output on disk before it
logs/{0, 1 ...}{,.data}  what each instance printed; what the transform says of its objects
end.json                 how it ended
"""

from pathlib import Path

import msgspec

from clary.jobs.journal import read_small


class Object(msgspec.Struct, kw_only=True, frozen=True):
    """An input object: what messages call it, and the key of its output."""

    name: str
    key: str


class End(msgspec.Struct, kw_only=True, frozen=True):
    """How a transform ended."""

    outcome: str
    """Completed, Failed or Stopped."""
    time: float
    reason: str = ""


def read_plan(folder: Path) -> list[Object]:
    """The objects of a transform that is staged, in the order of their numbers."""
    return msgspec.json.decode((folder / "plan.json").read_bytes(), type=list[Object])


def read_end(folder: Path) -> End | None:
    """How a transform ended, once it has."""
    data = read_small(folder / "end.json")
    return msgspec.json.decode(data, type=End) if data else None
