"""A Podman of the tests' own: its storage and its socket in a temporary folder, an image without a registry."""

import io
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clary.images.engine import Engine
from tests.images.own_images import make_root

IMAGE = "localhost/trial:1"

SETTINGS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
{runtime}
"""
STORAGE = """
[storage]
driver = "vfs"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""

TRAIN = """#!/bin/sh
echo "arguments: $*; host: $(cat /etc/hostname); variable: $WORD; of ours:" $(ls /opt/ml /home 2>/dev/null)
cat /opt/ml/input/config/hyperparameters.json > /opt/ml/model/settings.json
case $(cat /opt/ml/model/settings.json) in
*fail*) echo "it was told to" > /opt/ml/output/failure; exit 3 ;;
*wait*)
    trap "echo stopped; exit 0" TERM
    echo waiting
    while true; do sleep 0.1; done ;;
*hosts*) grep algo- /etc/hosts || true ;;
esac
"""

SERVE = r"""#!/bin/perl
use IO::Socket::INET;
$SIG{TERM} = sub { exit 0 };
open(my $file, "<", "/opt/ml/model/settings.json") or die;
my $model = <$file>;
my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die;
while (my $caller = $server->accept) {
    my ($length, $body) = (0, "");
    while (<$caller>) { last if /^\r?\n$/; $length = $1 if /^content-length:\s*(\d+)/i }
    read($caller, $body, $length) if $length;
    my $answer = "$model $body";
    print $caller "HTTP/1.1 200 OK\r\nContent-Length: " . length($answer) . "\r\nConnection: close\r\n\r\n$answer";
    close $caller;
}
"""


class NoPodman(Exception):
    """Why containers can't be run here."""


@contextmanager
def running(folder: Path) -> Iterator[Engine]:
    """An engine with IMAGE; NoPodman where there is none that works."""
    if not all(map(shutil.which, ("podman", "perl", "ldd"))):
        raise NoPodman("podman is not installed")
    runtime = next((f'runtime = "{name}"' for name in ("runc", "crun") if shutil.which(name)), "")
    (folder / "containers.conf").write_text(SETTINGS.format(runtime=runtime))
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    environment = {
        **os.environ,
        "CONTAINERS_CONF": f"{folder}/containers.conf",
        "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
    }
    socket = folder / "podman.sock"
    with (folder / "log").open("wb") as log:
        command = ["podman", "system", "service", "--time=0", f"unix://{socket}"]
        service = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _import_image(folder, environment)
            engine = Engine(str(socket))
            limit = time.monotonic() + 20
            while not engine.answers():
                if time.monotonic() > limit or service.poll() is not None:
                    raise NoPodman(f"podman does not answer: {(folder / 'log').read_text()[-300:]}")
                time.sleep(0.05)
            yield engine
        finally:
            command = ["podman", "rm", "--all", "--force", "--time=0"]
            subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
            service.terminate()
            service.wait()


def _import_image(folder: Path, environment: dict[str, str]) -> None:
    root = make_root(folder / "root", "perl", "grep")
    for path in subprocess.check_output(["perl", "-e", "print join ' ', @INC"], text=True).split():
        if path.endswith("perl-base"):
            shutil.copytree(path, root / path[1:], dirs_exist_ok=True)
    for name, text in (("train", TRAIN), ("serve", SERVE)):
        (root / "bin" / name).write_text(text)
        (root / "bin" / name).chmod(0o755)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(root, ".")
    for command in (["import", "-", IMAGE], ["run", "--rm", "--network=none", IMAGE, "/bin/sh", "-c", "true"]):
        data = packed.getvalue() if command[0] == "import" else b""
        answer = subprocess.run(
            ["podman", *command], input=data, env=environment, capture_output=True, check=False, timeout=120
        )
        if answer.returncode:
            raise NoPodman(f"podman can't {command[0]}: {answer.stderr.decode()[-300:]}")
