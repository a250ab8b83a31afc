"""The node's side: an actor that takes a host's /opt/ml, runs its program in the node's sandbox, and gives back."""

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

import clary
from clary import sandbox
from clary.cluster.plan import RelayPlan, on_node
from clary.cluster.tree import pack, unpack

PIECE = 8 << 20
_PREFIX = "clary-host-"
_SIOCGIFADDR = 0x8915


class About(NamedTuple):
    """What a host's actor says of its node."""

    version: str
    address: str
    port: int
    """Free, as the next one is: the hosts of a job exchange by these two what they learnt."""
    node: str


class NodeHost:
    """One host of a job, on this node. Ray calls its methods one at a time."""

    def __init__(self) -> None:
        self._about = describe_node()
        _sweep()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._program: subprocess.Popen[bytes] | None = None
        self._result: Path | None = None

    def about(self) -> About:
        """Clary's version here, this node, and a port for the job."""
        return self._about

    def receive(self, piece: bytes) -> None:
        """Take the next bytes of the packed /opt/ml."""
        with (self._folder / "ml.tar").open("ab") as file:
            file.write(piece)

    def start(self, encoded: bytes, addresses: dict[str, str], port: int) -> str:
        """Run the program; what is missing on this node for it, where something is."""
        plan = msgspec.json.decode(encoded, type=RelayPlan)
        with (self._folder / "ml.tar").open("rb") as file:
            unpack(file, self._folder / "ml")
        _name_interface(self._folder / "ml", addresses.get(plan.host, ""))
        program = on_node(plan, self._folder, addresses, port)
        for mount in program.mounts:
            if not Path(mount.source).exists():
                return f"the node {socket.gethostname()} has no {mount.source}, which the job's image needs"
        (self._folder / "program.json").write_bytes(msgspec.json.encode(program))
        self._program = subprocess.Popen(  # noqa: S603 - our own entry, on what our own server sent
            [sys.executable, "-m", "clary.cluster.node", os.fspath(self._folder / "program.json")],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        return ""

    def look(self, position: int) -> tuple[bytes, int | None]:
        """What was printed from a position of the log on, and the exit status once there is nothing more to come."""
        assert self._program is not None
        status = self._program.poll()
        data = b""
        with suppress(FileNotFoundError), (self._folder / "log").open("rb") as file:
            file.seek(position)
            data = file.read(PIECE)
        return data, None if data else status

    def signal(self, number: int) -> None:
        """Pass a signal on to the program."""
        if self._program is not None and self._program.poll() is None:
            self._program.send_signal(number)

    def give_back(self, position: int) -> bytes:
        """The next bytes of what the program left in /opt/ml; empty at their end."""
        if self._result is None:
            self._result = self._folder / "result.tar"
            with self._result.open("wb") as file:
                pack(self._folder / "ml", file, without=("input",))
        with self._result.open("rb") as file:
            file.seek(position)
            return file.read(PIECE)

    def close(self) -> None:
        """End what runs and leave nothing behind."""
        if self._program is not None and self._program.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._program.pid, signal.SIGKILL)
            self._program.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _sweep() -> None:
    """Remove the folders of hosts on this node whose actors were killed, and could not."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        if not Path(f"/proc/{folder.name.removeprefix(_PREFIX).partition('-')[0]}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def describe_node() -> About:
    """This node, as Ray knows it."""
    import ray

    address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return About(clary.__version__, address, _free_port(address), ray.get_runtime_context().get_node_id())


def _free_port(address: str) -> int:
    while True:
        with socket.socket() as first, socket.socket() as second, suppress(OSError, OverflowError):
            first.bind((address, 0))
            port: int = first.getsockname()[1]
            second.bind((address, port + 1))
            return port


def _name_interface(ml: Path, address: str) -> None:
    """Say in resourceconfig.json by which interface the other hosts are reached."""
    path = ml / "input" / "config" / "resourceconfig.json"
    found = next((name for _, name in socket.if_nameindex() if _address_of(name) == address), "")
    if found and path.exists():
        config = msgspec.json.decode(path.read_bytes())
        path.unlink()
        path.write_bytes(msgspec.json.encode({**config, "network_interface_name": found}))


def _address_of(interface: str) -> str:
    with socket.socket() as probe:
        try:
            answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))
        except OSError:  # one without an address
            return ""
    return socket.inet_ntoa(answer[20:24])


if __name__ == "__main__":
    sys.exit(sandbox.run(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=sandbox.Program)))
