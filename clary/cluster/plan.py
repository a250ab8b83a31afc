"""What a host's relay is told: the program to run on a node, and where the cluster is."""

import os
import sys
from pathlib import Path

import msgspec

from clary.sandbox import Mount, Program

NAMESPACE = "clary"
ML = "/opt/ml"
PATH = f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin"


class RelayPlan(msgspec.Struct, kw_only=True, frozen=True):
    """One host of a job."""

    address: str
    """ray://host:port"""
    job: str
    """The job's ARN and attempt: hosts of one job find each other by it."""
    host: str
    hosts: list[str]
    ml: str
    """The host's /opt/ml on the server's machine: mounts below it move to the node's copy."""
    program: Program

    @property
    def name(self) -> str:
        """What its actor is called on the cluster."""
        return actor_name(self.job, self.host)


def actor_name(job: str, host: str) -> str:
    """The name of a host's actor."""
    return f"{job}/{host}"


def relayed(plan: RelayPlan) -> Program:
    """The program that runs here in place of the one on the node: same log, same /opt/ml."""
    program = plan.program
    return Program(
        entry="clary.cluster.relay:main",
        arguments=[msgspec.json.encode(plan).decode()],
        environment={"PATH": PATH, "HOME": "/tmp", "PYTHONUNBUFFERED": "1", "RAY_USAGE_STATS_ENABLED": "0"},  # noqa: S108
        mounts=[Mount(plan.ml, ML, writable=True)],
        output=program.output,
        folder=program.folder,
        hostname=plan.host,
        processes=program.processes,
        threads=1,
    )


def on_node(plan: RelayPlan, folder: Path, addresses: dict[str, str], port: int) -> Program:
    """The program as the node runs it: its own /opt/ml, log and private folder, the other hosts' addresses."""
    program, ml = plan.program, os.fspath(folder / "ml")
    mounts = [
        msgspec.structs.replace(mount, source=ml + mount.source.removeprefix(plan.ml))
        if mount.source == plan.ml or mount.source.startswith(plan.ml + "/")
        else mount
        for mount in program.mounts
    ]
    environment = {**program.environment, "CLARY_EXCHANGE_PORT": str(port)}
    return msgspec.structs.replace(
        program,
        mounts=mounts,
        environment=environment,
        hosts=addresses,
        output=os.fspath(folder / "log"),
        folder=os.fspath(folder / "private"),
    )
