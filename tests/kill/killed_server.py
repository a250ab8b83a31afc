"""A `clary serve` that is there to be killed."""

import os
import signal
import socket
import subprocess
import sys

import boto3
from botocore.config import Config

from clary.store.lock import DataFolderLock
from tests.main_job import wait_until
from tests.test_cli import children_of


class Server:
    """A `clary serve` of its own that can be killed and started again on the same folder and port."""

    def __init__(self, folder, **variables):
        self.folder, self._variables, self._process = folder / "data", variables, None
        self._log = folder / "server.log"
        self._clients = {}
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        self.start()

    def start(self):
        command = [sys.executable, "-m", "clary", "serve", "--port", str(self._port), "--data-dir", str(self.folder)]
        with self._log.open("ab") as log:
            environment = {**os.environ, **self._variables}
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        lock = DataFolderLock(self.folder)

        def listens():
            assert self._process.poll() is None, self._log.read_text()
            holder = lock.holder()
            return holder and holder.port

        wait_until(listens, "the server never listened")

    def client(self, service):
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=f"http://127.0.0.1:{self._port}",
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"max_attempts": 0}),
            )
        return self._clients[service]

    def processes(self):
        """Everything that runs for the server, jobs and endpoints included."""
        return children_of(self._process.pid)

    def kill(self, *more):
        """SIGKILL, to other processes too."""
        for pid in (self._process.pid, *more):
            os.kill(pid, signal.SIGKILL)
        self._process.wait(30)

    def stop(self):
        """Ctrl-C; what the server said in all its lives."""
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(60) == 0
        return self._log.read_text()

    def close(self):
        """End what may still run."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)
