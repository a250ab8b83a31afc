"""A program in a container of Podman's or Docker's, as the program that stands for it in a job or a worker."""

import os
from collections.abc import Mapping

import msgspec

from clary.sandbox import Mount, Program

_OURS = ("PATH", "HOME", "LANG", "CLARY_SOCKET")
"""Variables of a sandbox; a container has its image's."""


class Container(msgspec.Struct, kw_only=True, frozen=True):
    """What an image makes of a job or a model: what is run in which engine."""

    engine: str
    """The path of its socket."""
    image: str
    entrypoint: list[str] = []
    """In place of the image's own, where given."""
    arguments: list[str] = []
    port: int = 0
    """Where it serves; 0 for one that does its work and ends."""


class ContainerPlan(msgspec.Struct, kw_only=True, frozen=True):
    """What the relay is told: a container, and what it sees and may use."""

    container: Container
    environment: dict[str, str]
    mounts: list[Mount]
    hostname: str
    hosts: dict[str, str] = {}
    isolated: bool = False
    network: str = ""
    """The name of the network that several isolated hosts share."""
    first: bool = True
    """Whether this host makes it."""
    memory_bytes: int = 0
    processes: int = 0
    threads: int = 0
    socket: str = ""
    """The Unix socket on this machine that stands for its port."""
    failure: str = ""
    """The file that takes the reason where it can't be started."""


def contained(
    program: Program,
    container: Container | None,
    given: Mapping[str, str],
    *,
    isolated: bool,
    network: str = "",
    socket: str = "",
    failure: str = "",
) -> Program:
    """The relay that stands for a program in a container; the program itself where it isn't to run in one.

    `given` are the variables that the request names.
    """
    if container is None:
        return program
    plan = ContainerPlan(
        container=container,
        environment={name: value for name, value in program.environment.items() if name in given or name not in _OURS},
        mounts=[mount for mount in program.mounts if not socket or mount.source != os.path.dirname(socket)],  # noqa: PTH120
        hostname=program.hostname,
        hosts=program.hosts,
        isolated=isolated,
        network=network if program.hosts and isolated else "",
        first=program.hostname == next(iter(program.hosts), program.hostname),
        memory_bytes=program.memory_bytes,
        processes=program.processes,
        threads=program.threads,
        socket=socket,
        failure=failure,
    )
    return Program(
        entry="clary.images.engine_relay:main",
        arguments=[msgspec.json.encode(plan).decode()],
        output=program.output,
        folder=program.folder,
        plain=True,
        die_with_parent=program.die_with_parent,
    )
