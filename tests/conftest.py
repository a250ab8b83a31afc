"""A real server on a free port, and boto3 clients of it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
import uvicorn
from botocore.config import Config

from clary.config import Settings

# Nothing of the machine's own AWS set-up may reach a test.
for name in [name for name in os.environ if name.startswith(("AWS_", "CLARY_", "BOTOCORE_"))]:
    del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


class RunningServer:
    """A house that answers on a thread of this process."""

    def __init__(self, house):
        self.house = house
        self.settings = house.settings
        self.url = f"http://127.0.0.1:{house.settings.port}"

    def client(self, service, *, region="us-east-1", key="test", secret="test", token=None, **config):
        """An unmodified boto3 client."""
        config = {"retries": {"max_attempts": 1}, "parameter_validation": True, **config}
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
        try:
            yield RunningServer(house)
        finally:
            uvicorn_server.should_exit = True
            thread.join(timeout=30)
            assert not thread.is_alive()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server for the whole run; tests name their resources so that they don't meet."""
    folder = tmp_path_factory.mktemp("clary")
    with running(Settings(port=0, data_dir=folder / "data", testing=True)) as found:
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


@pytest.fixture
def fresh_server(tmp_path):
    """A server of the test's own."""
    with running(Settings(port=0, data_dir=tmp_path / "data", testing=True)) as found:
        yield found
