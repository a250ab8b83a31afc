"""The user's source code: brought to /opt/ml/code, its requirements installed."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from .errors import ClientError, CommandError

STAGED = "source"
"""The folder below `input` or beside `model` that holds an archive from S3: the server has fetched it."""


def bring(location: str, staged: Path, code: Path) -> None:
    """Unpack an archive, or copy a folder, to `code`; one in S3 lies in the folder `staged`."""
    source = next(staged.iterdir()) if location.startswith("s3://") else Path(location.removeprefix("file://"))
    if source == code:
        return
    code.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, code, dirs_exist_ok=True)
        return
    try:
        with tarfile.open(source) as archive:
            archive.extractall(code, filter="data")
    except (OSError, tarfile.TarError) as problem:
        raise ClientError(f"The source code {location} can't be unpacked: {problem}") from None


def install(code: Path, program: str) -> None:
    """Install what the code needs: requirements.txt, or all of it where it is a package."""
    has_requirements = (code / "requirements.txt").exists()
    if is_package(code, program):
        extra = ["-r", "requirements.txt"] if has_requirements else []
        _pip(code, "InstallModuleError", "Installing module.", ".", *extra)
    elif has_requirements and program.endswith(".py"):
        what = "Installing dependencies from requirements.txt"
        _pip(code, "InstallRequirementsError", what, "-r", "requirements.txt")


def is_package(code: Path, program: str) -> bool:
    """Whether the entry point is a module of a package with a setup.py."""
    return not program.endswith(".sh") and (code / "setup.py").exists()


def _pip(code: Path, kind: str, what: str, *arguments: str) -> None:
    print(what, flush=True)
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-cache-dir", *arguments]
    answer = subprocess.run(command, cwd=code, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603
    sys.stderr.write(answer.stderr)
    if answer.returncode:
        raise CommandError(kind, command, answer.returncode, answer.stderr)
