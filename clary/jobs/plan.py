"""What the server hands to a job's supervisor: `plan.json`, the last thing that staging writes."""

import random
from itertools import islice
from pathlib import Path

import msgspec

from clary.sandbox import Program

NAMES = "names"
"""The file in a feed's folder that says in its n-th line what file n - 1 is called, for error messages."""


class FeedPlan(msgspec.Struct, kw_only=True, frozen=True):
    """What one host's Pipe channel is fed with: files `0 .. items * group - 1` of a folder, `group` to an item."""

    channel: str
    folder: str
    pipes: str
    """Where the FIFOs `<channel>_<epoch>` are made."""
    items: int
    group: int = 1
    share: int = 0
    """This host takes the items whose place in the epoch's order is `share` modulo `shares`."""
    shares: int = 1
    seed: int | None = None
    wrap: bool = False
    gunzip: bool = False
    lines: bool = False
    """Text whose rows end with a newline: a file that lacks the last one gets it before the next file."""

    def items_of_epoch(self, epoch: int) -> list[int]:
        """Which items this host gets in an epoch, in their order: the same for the same seed."""
        order = list(range(self.items))
        if self.seed is not None:
            random.Random(f"{self.seed}/{epoch}").shuffle(order)
        return order[self.share :: self.shares]

    def name(self, place: int) -> str:
        """What a file is called outside: the URI of its object."""
        with (Path(self.folder) / NAMES).open() as file:
            return next(islice(file, place, None), "an attribute of the manifest").rstrip("\n")

    def objects(self, epoch: int) -> str:
        """What an epoch's FIFO carries, in a few words: its object, or the first and the last."""
        items = self.items_of_epoch(epoch)
        if not items:
            return "no object"
        first, last = self.name(items[0] * self.group), self.name(items[-1] * self.group)
        if len(items) == 1:
            return first
        return f"{len(items)} objects in one, from {first} to {last}"


class HostPlan(msgspec.Struct, kw_only=True, frozen=True):
    """One host: its program, its /opt/ml on this machine, its Pipe channels."""

    name: str
    ml: str
    program: Program
    feeds: list[FeedPlan] = msgspec.field(default_factory=list)


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """A run of a job."""

    hosts: list[HostPlan]
    max_seconds: float
    stop_grace: float
    stop_file: str
    """Appears when the job is to stop; holds the seconds of grace."""
    interrupt_file: str = ""
    """Appears when a spot job is to leave the machine; holds the seconds of grace."""
    overtime: str = "MaxRuntimeExceeded"
    """How the job ends when `max_seconds` are over."""
    isolated: bool = False
    """The hosts share a network of their own that reaches nothing else."""
    archive: bool = True
    """Pack model.tar.gz and output.tar.gz, or leave the files as they are."""
    artefacts: bool = True
    """Whether there are a model and output/data to keep at all."""


class End(msgspec.Struct, kw_only=True, frozen=True):
    """How a run ended: `end.json`, the last thing that a supervisor writes."""

    outcome: str
    """Completed, Failed, Stopped, Interrupted, MaxRuntimeExceeded or MaxWaitTimeExceeded."""
    time: float
    """When the last host had ended."""
    reason: str = ""
    internal: bool = False
    """The platform failed, not the job: another attempt may be made."""
    model: str = ""
    """The archive; "." where files are to be uploaded as they are; empty where there is nothing to upload."""
    output: str = ""
    """The same for output/data."""
