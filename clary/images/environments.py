"""The managed environments: each built once, under a lock, and moved to its place when it is whole.

<cache_dir>/environments/<framework>-<version>-<hash>/   an environment; `environment.json` in it says what it holds
            /<the same>.log     what pip said when it was built, or why it could not be
            /<the same>.lock    held by whoever builds it
            /<the same>.part-*  a draft
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from clary.config import Settings
from clary.images.image import BuildError, Check, Log
from clary.images.recipes import Recipe
from clary.images.versions import nearest

NOTES = "environment.json"
_LOOK_SECONDS = 0.2
_GENERATION = 1  # of environments: counted up when what is built for a recipe changes
_UNREACHABLE = re.compile(
    r"Failed to establish a new connection|Temporary failure in name resolution|Name or service not known"
    r"|Max retries exceeded|Network is unreachable|ConnectTimeoutError|Connection refused"
)
_FILES, _SHOWN = ("/", "file:", "~"), ("/etc/ssl/", "/etc/pki/", "/usr/")
_PATIENCE = ("--retries", "1", "--disable-pip-version-check", "--no-input")


def folder_of(settings: Settings, recipe: Recipe) -> Path:
    """Where an environment lies, or will lie."""
    name = f"{recipe.framework}-{recipe.pinned or recipe.wanted}"  # tags that come to the same share it
    what = [name, sys.version_info[:2], platform.machine(), sys.base_prefix, _GENERATION]
    digest = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]
    return settings.cache_dir / "environments" / f"{name}-{digest}"


def notes_of(settings: Settings, recipe: Recipe) -> dict[str, Any] | None:
    """What a built environment holds: `version`, `packages`, `seconds`; None where it isn't built."""
    try:
        notes: dict[str, Any] = json.loads((folder_of(settings, recipe) / NOTES).read_text())
    except FileNotFoundError:
        return None
    return notes


def prepare(settings: Settings, recipe: Recipe, log: Log, check: Check) -> Path:
    """The folder of an environment, built by this call or by another that wanted it at once."""
    folder = folder_of(settings, recipe)
    if not (folder / NOTES).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(folder.name + ".lock"), check):
            if not (folder / NOTES).exists():
                log(f"Building the environment {recipe.name}: once on this machine, it takes a minute or more.")
                Build(recipe, folder, check).run()
    notes = json.loads((folder / NOTES).read_text())
    if notes["version"].partition("+")[0] != recipe.wanted:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        log(f"Warning: asked {recipe.framework} {recipe.tag}, got {notes['version']} on Python {python}.")
    return folder


class Build:
    """One try at an environment."""

    def __init__(self, recipe: Recipe, folder: Path, check: Check) -> None:
        self._recipe = recipe
        self._folder = folder
        self._log = folder.with_name(folder.name + ".log")
        self._check = check

    def run(self) -> None:
        """Build and move to its place; BuildError with pip's own reason."""
        started = time.monotonic()
        self._log.write_text("")
        for draft in self._folder.parent.glob(f"{self._folder.name}.part-*"):  # of builders that were killed
            shutil.rmtree(draft, ignore_errors=True)
        self._draft = Path(tempfile.mkdtemp(prefix=f"{self._folder.name}.part-", dir=self._folder.parent))
        try:
            self._call("venv failed", sys.executable, "-I", "-m", "venv", str(self._draft))
            version = self._install_nearest()
            packages = {row["name"]: row["version"] for row in self._list()}
            self._finish(packages[self._recipe.package(version)], packages, time.monotonic() - started)
        finally:
            shutil.rmtree(self._draft, ignore_errors=True)

    def _install_nearest(self) -> str:
        """Install the version itself, or what comes nearest of those that pip names when it hasn't got it."""
        wanted = self._recipe.pinned or self._recipe.wanted
        try:
            self._install(wanted)
            return wanted
        except BuildError:
            named = re.search(rf"requirement \S+=={re.escape(wanted)} \(from versions: (.+?)\)", self._printed)
            version = nearest(wanted, named[1].split(", ")) if named and not self._recipe.pinned else ""
            if not version:
                raise
        self._install(version)
        return version

    def _install(self, version: str) -> None:
        constraints = self._draft / "constraints.txt"
        constraints.write_text("".join(f"{name}<0\n" for name in self._recipe.unwanted))
        only = ("--only-binary", ":all:", "--constraint", str(constraints))
        self._pip("install", *only, *self._recipe.requirements(version))

    def _list(self) -> list[dict[str, str]]:
        lines = self._pip("list", "--format", "json").splitlines()
        found: list[dict[str, str]] = json.loads(next(line for line in lines if line.startswith("[")))
        return found

    def _finish(self, version: str, packages: dict[str, str], seconds: float) -> None:
        """Let its scripts name the place where it will be, then move it there."""
        for script in (self._draft / "bin").iterdir():
            if script.is_file() and not script.is_symlink():
                with suppress(UnicodeDecodeError):
                    script.write_text(script.read_text().replace(str(self._draft), str(self._folder)))
        notes = {"name": self._recipe.name, "version": version, "packages": packages, "seconds": round(seconds, 1)}
        (self._draft / NOTES).write_text(json.dumps(notes, indent=1))
        self._draft.chmod(0o755)  # the user of a sandbox reads it
        shutil.rmtree(self._folder, ignore_errors=True)
        self._draft.rename(self._folder)

    def _pip(self, command: str, *arguments: str) -> str:
        return self._call(
            "pip failed", str(self._draft / "bin" / "python3"), "-I", "-m", "pip", command, *_PATIENCE, *arguments
        )

    def _call(self, what: str, *command: str) -> str:
        """Run a command to its end; what it printed."""
        start = self._log.stat().st_size
        with self._log.open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, umask=0o022)  # noqa: S603
            try:
                while process.poll() is None:
                    self._check()
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_LOOK_SECONDS)
            finally:
                process.kill()
                process.wait()
        self._printed = self._log.read_bytes()[start:].decode(errors="replace")
        if process.returncode:
            raise BuildError(self._word(what, self._printed))
        return self._printed

    def _word(self, what: str, printed: str) -> str:
        name = self._recipe.name
        if _UNREACHABLE.search(printed):
            return (
                f"The environment {name} is not built on this machine and pip can't reach a package index. Build it "
                f"ahead where it can: clary image build {name}"
            )
        if any(f"{package}<0" in printed for package in self._recipe.unwanted):
            return (
                f"The environment {name} can't be built: the index has it with gigabytes of CUDA only, and this "
                "machine has no GPU. Let pip find a build for CPUs (extra-index-url or find-links in its settings), "
                f"then: clary image build {name}"
            )
        lines = [line for line in printed.splitlines() if line.startswith(("ERROR:", "Error:"))] or [printed.strip()]
        return f"The environment {name} can't be built: {what}: {' '.join(lines)[:600]} (the whole log: {self._log})"


@contextmanager
def _locked(path: Path, check: Check) -> Iterator[None]:
    """Hold a lock, waiting for others; the lock of a builder that died is free."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                check()
                time.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(handle)


@cache
def pip_variables() -> dict[str, str]:
    """pip's settings of this machine as variables, so that a script's requirements come from the same indexes.

    What names a file stays out, but for certificates of the system: a sandbox shows none of the others.
    """
    command = (sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check")
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    return dict(_as_variables(answer.stdout.splitlines()))


def _as_variables(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition("=")
        scope, _, key = name.rpartition(".")
        words = [word for word in value.strip("'\"").split() if word.startswith(_SHOWN) or not word.startswith(_FILES)]
        if scope in ("global", "install", ":env:") and words:
            yield f"PIP_{key.upper().replace('-', '_')}", " ".join(words)
