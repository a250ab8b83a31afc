"""What is run in a sandbox, and the error of one that can't be set up."""

from typing import Literal

import msgspec


class SandboxError(Exception):
    """The sandbox could not be set up or the program could not be started; the message says which step failed."""


class Mount(msgspec.Struct, frozen=True):
    """A folder or file of the host that is seen inside; the writable ones come to belong to the sandbox's user."""

    source: str
    target: str
    writable: bool = False


class Program(msgspec.Struct, kw_only=True):
    """One program and everything it may see and use."""

    entry: str = ""  # "package.module:function", called with `arguments`: the imports of this process stay warm
    command: list[str] = []  # or an argv that is exec'd
    arguments: list[str] = []
    environment: dict[str, str] = {}  # all of it: nothing is inherited
    mounts: list[Mount] = []
    root: str = ""  # a folder on the host that is seen, read-only, in place of the system and the Python environment
    working_folder: str = ""  # inside; empty for /tmp
    port: int = 0  # of its own network, which is cut then; who connects to the socket `port_socket` reaches it
    port_socket: str = ""
    output: str  # takes stdout and stderr, appended
    folder: str  # on the host; holds the private /tmp and the mount point of the root
    hostname: str = "algo-1"
    hosts: dict[str, str] = {}  # further names and addresses for /etc/hosts
    network: Literal["host", "none"] = "host"
    network_of: int = 0  # pid of a running sandbox whose network is joined
    memory_bytes: int = 0  # 0: no limit
    processes: int = 0
    threads: int = 0  # 0: as many as there are cores
    die_with_parent: bool = True
    plain: bool = False  # run an `entry` that is to reach what a sandbox hides as a plain process
    allow_unsandboxed: bool = False  # run `command` even where the kernel refuses namespaces
