"""What the server hands to a job's supervisor: `plan.json`, the last thing that staging writes."""

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
    isolated: bool = False
    """The hosts share a network of their own that reaches nothing else."""
    archive: bool = True
    """Pack model.tar.gz and output.tar.gz, or leave the files as they are."""


class End(msgspec.Struct, kw_only=True, frozen=True):
    """How a run ended: `end.json`, the last thing that a supervisor writes."""

    outcome: str
    """Completed, Failed, Stopped or MaxRuntimeExceeded."""
    time: float
    """When the last host had ended."""
    reason: str = ""
    internal: bool = False
    """The platform failed, not the job: another attempt may be made."""
    model: str = ""
    """The archive; "." where files are to be uploaded as they are; empty where there is nothing to upload."""
    output: str = ""
    """The same for output/data."""
