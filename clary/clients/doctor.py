"""What `clary doctor` looks at: all that must hold for AWS's clients to reach this server and for jobs to run."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from clary import __version__, clients
from clary.config import Settings
from clary.sandbox import namespaces_available
from clary.store.lock import DataFolderLock

LEAST_FREE = 2 << 30
"""Bytes of disk below which jobs and uploads soon fail."""
TESTED = {"sagemaker": ("2.257", "3.27")}
PACKAGES = ("boto3", "botocore", "sagemaker", "awscli", "awswrangler")
LOOK = f"""
import importlib.metadata as metadata, importlib.util, json, sys
found = {{}}
for name in {PACKAGES!r}:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps({{
    "python": sys.version.split()[0],
    "packages": found,
    "loads_plugins": "botocore" in found and importlib.util.find_spec("botocore.plugin") is not None,
    "has_plugin": importlib.util.find_spec("clary_botocore") is not None,
}}))
"""


class Finding(NamedTuple):
    """One thing that was looked at; `mend` says how to put it right, empty where it is."""

    what: str
    mend: str = ""


def examine(settings: Settings, python: str, environment: dict[str, str]) -> Iterator[Finding]:
    """Everything, one after the other; `python` is the interpreter that runs the user's own code."""
    yield Finding(f"Clary {__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}")
    yield sandboxes()
    yield from data_folder(settings.data_dir)
    yield from server(settings, environment)
    yield from variables(settings, environment)
    yield from client_libraries(python, environment)


def sandboxes() -> Finding:
    """Whether jobs run in namespaces of their own."""
    if namespaces_available():
        return Finding(f"jobs run in namespaces of their own, on {os.cpu_count()} cores")
    mend = (
        "built-in algorithms run as plain processes, other code is refused: allow user namespaces (on Ubuntu "
        "`sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`), or set CLARY_ALLOW_UNSANDBOXED=true"
    )
    return Finding("the kernel refuses namespaces", mend if platform.system() == "Linux" else mend.split(":")[0])


def data_folder(folder: Path) -> Iterator[Finding]:
    """Whether there is room for what Clary keeps, and whether it may be written."""
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(parent, os.W_OK):
        yield Finding(f"{parent} can't be written", "choose another folder with --data-dir or CLARY_DATA_DIR")
        return
    free = shutil.disk_usage(parent).free
    mend = "" if free >= LEAST_FREE else "make room, or choose another folder with --data-dir or CLARY_DATA_DIR"
    yield Finding(f"the data folder {folder} has {free / (1 << 30):.1f} GiB left", mend)


def server(settings: Settings, environment: dict[str, str]) -> Iterator[Finding]:
    """Whether a server runs on the data folder, and whether the clients' endpoint is a Clary."""
    from clary.server import port_holder

    holder = DataFolderLock(settings.data_dir).holder()
    if holder:
        yield Finding(f"a server runs on the data folder: process {holder.pid}, port {holder.port}")
    elif taken := port_holder(settings.port):
        yield Finding(
            f"port {settings.port} is taken by {taken}", "end it, or start Clary elsewhere: clary serve --port 0"
        )
    else:
        yield Finding(f"no server runs on {settings.data_dir}", "start one: clary serve")
    url = environment.get("AWS_ENDPOINT_URL", "")
    if url and (health := clients.health(url)) is not None:
        yield Finding(f"{url} answers: Clary {health['version']}")
    elif url:
        yield Finding(f"{url}, where AWS's clients are led, is no running Clary", 'eval "$(clary env)"')


def variables(settings: Settings, environment: dict[str, str]) -> Iterator[Finding]:
    """Whether the shell has what `clary env` exports, and nothing that leads elsewhere."""
    port = urlsplit(environment.get("AWS_ENDPOINT_URL", "")).port or settings.port
    wanted = clients.variables(settings, port, environment)
    missing = [name for name, value in wanted.items() if environment.get(name) != value]
    if "AWS_ENDPOINT_URL" in missing and "AWS_ENDPOINT_URL" not in environment:
        yield Finding("this shell doesn't lead AWS's clients to Clary", 'eval "$(clary env)"')
    elif missing:
        yield Finding(f"not set as Clary needs it: {', '.join(missing)}", 'eval "$(clary env)"')
    else:
        yield Finding("the variables of `clary env` are set")
    if left := [name for name in clients.CLEARED if environment.get(name)]:
        yield Finding(f"{', '.join(left)} would lead clients astray", f"unset {' '.join(left)}")
    for warning in clients.warnings(environment):
        yield Finding(warning, f"unset {warning.split()[0]}")


def client_libraries(python: str, environment: dict[str, str]) -> Iterator[Finding]:
    """Which of AWS's libraries the user's Python has, and whether Clary's plugin reaches them."""
    try:
        answer = subprocess.run([python, "-c", LOOK], env=environment, capture_output=True, timeout=60, check=True)  # noqa: S603
        found: dict[str, Any] = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        yield Finding(f"{python} can't be run: {error}", "name the Python of your code: clary doctor --python PATH")
        return
    packages = found["packages"]
    listed = ", ".join(f"{name} {version}" for name, version in packages.items()) or "none of AWS's libraries"
    mend = "" if "boto3" in packages or "awscli" in packages else f"{python} -m pip install boto3"
    yield Finding(f"{python} (Python {found['python']}) has {listed}", mend)
    if "botocore" in packages and not found["loads_plugins"]:
        yield Finding(
            f"botocore {packages['botocore']} loads no plugins, so the SageMaker SDK would call the real STS",
            f"{python} -m pip install --upgrade botocore boto3",
        )
    elif "botocore" in packages and not found["has_plugin"]:
        yield Finding("Clary's botocore plugin is not to be found there", 'eval "$(clary env)"')
    sagemaker = packages.get("sagemaker", "")
    if sagemaker and _parts(sagemaker) not in [_parts(version) for version in TESTED["sagemaker"]]:
        tested = " and ".join(TESTED["sagemaker"])
        yield Finding(f"sagemaker {sagemaker} should work; tested are {tested}")


def default_python() -> str:
    """The Python that the shell would run."""
    return shutil.which("python3") or shutil.which("python") or sys.executable


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
