"""A process of this machine that stands for a container: its log, signals, end and socket are the container's.

It runs outside a sandbox, since it is to reach the engine; a program of the user's it is not. A guardian beside it
removes the container however the relay ends, by SIGKILL too.
"""

import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from clary.images import recipes
from clary.images.contained import ContainerPlan
from clary.images.engine import Engine, EngineError
from clary.sandbox import limits, ports

LOOK_SECONDS = 0.1
NETWORK_SECONDS = 60.0
_PUBLISHED = "127.0.0.1"


def main(arguments: Sequence[str]) -> int:
    """Run the container that the first argument describes; its exit status."""
    plan = msgspec.json.decode(arguments[0], type=ContainerPlan)
    relay = Relay(plan)
    guardian = _leave_guardian(relay)
    try:
        return relay.run()
    except EngineError as problem:
        text = f"ClientError: The image {plan.container.image} can't be run: {problem}"
        print(text, flush=True)
        if plan.failure and not relay.started:  # afterwards a link may lie there
            Path(plan.failure).write_text(text)
        return 1
    finally:
        relay.clear_away()
        with suppress(BrokenPipeError):  # it was killed
            os.write(guardian, b"done")


class Relay:
    """One container."""

    def __init__(self, plan: ContainerPlan) -> None:
        self._plan = plan
        self._engine = Engine(plan.container.engine)
        self._name = f"clary-{secrets.token_hex(8)}"
        self._publishes = False  # its port as one of this machine's
        self._network = plan.network or (self._name if plan.isolated and plan.socket else "")
        self.started = False
        self._asked: list[int] = []

    def run(self) -> int:
        """From the container's creation to its end."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        self._publishes = bool(self._plan.socket) and self._engine.hides_addresses()
        self._make_network()
        self._engine.create(self._name, self._describe())
        self._engine.start(self._name)
        self.started = True
        while self._asked:
            self._pass_on(self._asked.pop(0))
        if self._plan.socket:
            self._stand_for_port()
        printed = self._print(self._engine.log(self._name))
        status = self._engine.wait(self._name)
        # Podman may end what it lets one follow before the last lines of a container that has just ended.
        self._print(self._engine.log(self._name, follow=False), after=printed)
        return status

    def _print(self, pieces: Iterable[bytes], after: int = 0) -> int:
        """Print what comes after so many bytes; how many came in all."""
        count = 0
        for piece in pieces:
            rest = memoryview(piece)[max(0, after - count) :]
            while rest:
                rest = rest[os.write(sys.stdout.fileno(), rest) :]
            count += len(piece)
        return count

    def clear_away(self) -> None:
        """Remove the container and its network, as far as they are there; the last of several hosts removes theirs."""
        with suppress(EngineError):
            self._engine.remove(self._name)
        if self._network:
            with suppress(EngineError):
                self._engine.remove_network(self._network)

    def _on_signal(self, number: int, _: Any) -> None:
        if self.started:
            self._pass_on(number)
        else:
            self._asked.append(number)

    def _pass_on(self, number: int) -> None:
        with suppress(EngineError):  # it has just ended
            self._engine.signal(self._name, number)

    def _make_network(self) -> None:
        if not self._network:
            return
        if self._plan.socket and self._publishes:
            raise EngineError("a rootless engine, or one in a virtual machine, lets nobody reach it without a network")
        if self._plan.first:
            self._engine.create_network(self._network)
        end = time.monotonic() + NETWORK_SECONDS
        while not self._engine.has_network(self._network):
            if time.monotonic() > end:
                raise EngineError("the network of its hosts did not come up")
            time.sleep(LOOK_SECONDS)

    def _describe(self) -> dict[str, Any]:
        plan, container = self._plan, self._plan.container
        environment = {**limits.thread_variables(plan.threads), **plan.environment}
        described: dict[str, Any] = {
            "Image": container.image,
            "Hostname": plan.hostname,
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "Labels": {"clary": str(os.getpid())},
            "HostConfig": self._describe_host(),
        }
        if container.entrypoint:
            described["Entrypoint"] = container.entrypoint
        if container.arguments:
            described["Cmd"] = container.arguments
        if os.geteuid() and not self._engine.is_rootless():  # else what it writes could not be read or deleted
            described["User"] = f"{os.geteuid()}:{os.getegid()}"
        if plan.network:
            described["NetworkingConfig"] = {"EndpointsConfig": {plan.network: {"Aliases": [plan.hostname]}}}
        if self._plan.socket:
            described["ExposedPorts"] = {self._port: {}}
        return described

    def _describe_host(self) -> dict[str, Any]:
        plan = self._plan
        host: dict[str, Any] = {
            "Binds": [f"{row.source}:{row.target}:{'rw' if row.writable else 'ro'}" for row in plan.mounts],
            "NetworkMode": self._network_mode(),
            "Memory": plan.memory_bytes,
            "PidsLimit": plan.processes or None,
            "LogConfig": {"Type": "json-file"},
            "SecurityOpt": ["label=disable"],  # SELinux would hide /opt/ml
        }
        if plan.memory_bytes:
            host["ShmSize"] = plan.memory_bytes // 2
        if plan.hosts and not plan.network:
            host["ExtraHosts"] = [f"{name}:{address}" for name, address in plan.hosts.items()]
        if self._publishes:
            host["PortBindings"] = {self._port: [{"HostIp": _PUBLISHED, "HostPort": ""}]}
        if recipes.has_gpu() and self._engine.is_podman():
            host["Devices"] = [{"PathOnHost": "nvidia.com/gpu=all"}]
        elif recipes.has_gpu():
            host["DeviceRequests"] = [{"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}]
        return host

    def _network_mode(self) -> str:
        if self._network:
            return self._network
        if self._plan.isolated:
            return "none"
        return "bridge" if self._plan.socket else "host"

    @property
    def _port(self) -> str:
        return f"{self._plan.container.port}/tcp"

    def _stand_for_port(self) -> None:
        settings = self._engine.inspect(self._name)["NetworkSettings"]
        if self._publishes:
            address, port = _PUBLISHED, int(settings["Ports"][self._port][0]["HostPort"])
        else:
            (network,) = settings["Networks"].values()
            address, port = network["IPAddress"], self._plan.container.port
        listener = ports.listen(self._plan.socket)
        threading.Thread(target=ports.stand_for, args=(listener, port, address), daemon=True).start()


def _leave_guardian(relay: Relay) -> int:
    """Fork the guardian; to write into the returned file tells it that there is nothing left to do."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(reader)
        return writer
    status = 1
    try:
        os.setsid()
        os.close(writer)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if not os.read(reader, 16):
            relay.clear_away()
        status = 0
    finally:
        os._exit(status)
