"""One attempt of a job as a folder: made by the server before the start, read by it afterwards.

plan.json  lock  journal  end.json  supervisor.log        what the server and the supervisor tell each other
hosts/algo-1/{ml, log, private}                           /opt/ml, stdout and stderr, the sandbox's own
feeds/<number>/{0, 1, 2 ..., names}                       the objects of a Pipe channel
artefact/{model,output}.tar.gz
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from clary.cluster.plan import RelayPlan, relayed
from clary.durable import write_whole
from clary.errors import ClientError
from clary.images.contained import contained
from clary.jobs import channels, tree
from clary.jobs.channels import Staging
from clary.jobs.checkpoints import Checkpoints, mounts_of
from clary.jobs.host import Host
from clary.jobs.instances import Capacity
from clary.jobs.journal import Entry, read_journal, read_small
from clary.jobs.plan import End, FeedPlan, HostPlan, Plan
from clary.jobs.spec import JobSpec
from clary.sandbox import Program

PROCESSES = 4096  # enough for any data loader, and the end of a fork bomb
GIB = 1 << 30


class Attempt:
    """The folder of one attempt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read_to = 0

    @property
    def staged(self) -> bool:
        """Whether all that the supervisor needs is there."""
        return (self.folder / "plan.json").exists()

    @property
    def begun(self) -> bool:
        """Whether a supervisor has ever taken this attempt."""
        return (self.folder / "journal").exists()

    def end(self) -> End | None:
        """How it ended, once it has."""
        data = read_small(self.folder / "end.json")
        return msgspec.json.decode(data, type=End) if data else None

    def news(self) -> list[Entry]:
        """What the supervisor has noted since the last call."""
        entries, self.read_to = read_journal(self.folder / "journal", self.read_to)
        return entries

    def log_of(self, host: str) -> Path:
        """The file that takes a host's output."""
        return self.folder / "hosts" / host / "log"

    def is_held(self) -> bool:
        """Whether a supervisor lives: it holds the lock until it dies, however it dies."""
        try:
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False


def stage(
    attempt: Attempt,
    spec: JobSpec,
    host: Host,
    granted: Capacity,
    *,
    seconds: float,
    overtime: str,
    stop_file: Path,
    interrupt_file: Path,
    allow_unsandboxed: bool,
    compute: str,
    check: Callable[[], None],
) -> None:
    """Bring in the channels and write the plan, from nothing; `check` is called between objects and may raise.

    Raises ClientError for what the data or the settings did.
    """
    remove_tree(attempt.folder)
    attempt.folder.mkdir(parents=True)
    for name in spec.hosts:
        tree.make_tree(attempt.folder / "hosts" / name / "ml", spec, name)
    if spec.notes:
        attempt.log_of(spec.hosts[0]).write_text("".join(f"{note}\n" for note in spec.notes))
    staging = Staging(host, spec.role, spec.region, attempt.folder, check)
    feeds = _bring_channels(attempt, spec, staging)
    Checkpoints(host, spec, attempt.folder).bring(staging)
    credentials = {} if spec.network_isolation or not spec.role else host.credentials(spec.account, spec.role)
    environment = tree.describe_environment(spec, credentials)
    programs = {
        name: _make_program(attempt, spec, name, environment, granted, allow_unsandboxed) for name in spec.hosts
    }
    if compute:
        programs = {name: relayed(_relay_plan(attempt, spec, name, programs[name], compute)) for name in spec.hosts}
    plan = Plan(
        hosts=[
            HostPlan(name=name, ml=os.fspath(_ml_of(attempt, name)), program=programs[name], feeds=feeds[name])
            for name in spec.hosts
        ],
        max_seconds=seconds,
        overtime=overtime,
        stop_grace=spec.stop_grace,
        stop_file=os.fspath(stop_file),
        interrupt_file=os.fspath(interrupt_file),
        isolated=spec.network_isolation,
        archive=spec.compression == "GZIP",
        artefacts=spec.kind == "training",
    )
    write_whole(attempt.folder / "plan.json", msgspec.json.encode(plan))


def _ml_of(attempt: Attempt, host: str) -> Path:
    return attempt.folder / "hosts" / host / "ml"


def _bring_channels(attempt: Attempt, spec: JobSpec, staging: Staging) -> dict[str, list[FeedPlan]]:
    """Link each channel's files to where its hosts or feeders find them; what each host is fed with."""
    feeds: dict[str, list[FeedPlan]] = {name: [] for name in spec.hosts}
    found = {
        channel.name: staging.find(channel) for channel in spec.channels if channel.source != "AugmentedManifestFile"
    }
    used = dict.fromkeys(spec.hosts, 0)
    for number, channel in enumerate(spec.channels):
        folder = attempt.folder / "feeds" / str(number)
        count = 0
        if channel.source == "AugmentedManifestFile":
            count = staging.augment(channel, folder)
        elif channel.mode == "Pipe":
            count = len(found[channel.name])
            staging.number(found[channel.name], folder)
        for place, name in enumerate(spec.hosts):
            target = tree.place_of(_ml_of(attempt, name), channel)
            if channel.mode == "Pipe":
                feeds[name].append(channels.plan_feed(channel, folder, target, count, place, len(spec.hosts)))
            else:
                mine = channels.share(found[channel.name], channel, place, len(spec.hosts))
                size = staging.link(mine, target, own=bool(channel.path))
                used[name] += size if channel.mode == "File" else 0
        refuse_too_large(max(used.values()), spec.volume_gib)
    return feeds


def refuse_too_large(size: int, volume_gib: int) -> None:
    """Refuse data that the volume asked for can't hold."""
    if volume_gib and size > volume_gib << 30:
        raise ClientError(
            f"Data download failed:Insufficient disk space: a host's channels hold {size} bytes"
            f" and VolumeSizeInGB is {volume_gib}"
        )


def _make_program(
    attempt: Attempt, spec: JobSpec, name: str, environment: dict[str, str], granted: Capacity, allow_unsandboxed: bool
) -> Program:
    count = len(spec.hosts)
    program = Program(
        entry="clary.algorithms.__main__:main" if spec.algorithm else "",
        command=spec.command,
        arguments=[spec.algorithm, "train"] if spec.algorithm else spec.arguments,
        root=spec.root,
        working_folder=spec.working_folder,
        environment=environment,
        mounts=[*tree.mounts_of(_ml_of(attempt, name), spec), *mounts_of(_ml_of(attempt, name).parent, spec)],
        output=os.fspath(attempt.log_of(name)),
        folder=os.fspath(attempt.folder / "hosts" / name / "private"),
        hostname=name,
        hosts=addresses(spec),
        memory_bytes=int(granted.memory_gib / count * GIB),
        processes=PROCESSES,
        threads=max(1, granted.cores // count),
        allow_unsandboxed=allow_unsandboxed,
    )
    return contained(
        program,
        spec.container,
        spec.environment,
        isolated=spec.network_isolation,
        network=f"clary-{hashlib.sha256(f'{spec.id}/{attempt.folder.name}'.encode()).hexdigest()[:16]}",
        failure=os.fspath(_ml_of(attempt, name) / "output" / "failure"),
    )


def _relay_plan(attempt: Attempt, spec: JobSpec, name: str, program: Program, compute: str) -> RelayPlan:
    return RelayPlan(
        address=compute,
        job=f"{spec.id}/{attempt.folder.name}",
        host=name,
        hosts=spec.hosts,
        ml=os.fspath(_ml_of(attempt, name)),
        program=program,
    )


def addresses(spec: JobSpec) -> dict[str, str]:
    """An address for each of several hosts: a loopback network of this job's own, so that ports of two never meet."""
    if spec.instance_count == 1:
        return {}
    digest = hashlib.sha256(spec.id.encode()).digest()
    network = f"127.{64 + digest[0] % 64}.{digest[1]}"
    return {name: f"{network}.{number}" for number, name in enumerate(spec.hosts, 1)}


def remove_tree(folder: Path) -> None:
    """Delete a folder, those included that a program has made unreadable."""

    def allow(_function: Any, path: str, _problem: Any) -> None:
        with suppress(OSError):
            Path(path).parent.chmod(0o700)
            Path(path).chmod(0o700)
            shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink()

    if folder.exists():
        shutil.rmtree(folder, onerror=allow)
