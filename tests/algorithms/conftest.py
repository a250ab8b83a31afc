"""A training job without a server."""

import socket

import pytest
from algorithm_jobs import job_in

from clary.algorithms import exchange


@pytest.fixture
def job(tmp_path, monkeypatch, capsys):
    with job_in(tmp_path / "ml", monkeypatch, capsys) as found:
        yield found


@pytest.fixture
def exchange_port(monkeypatch):
    """A free port on which hosts that are threads of this process find each other, without long waits."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("CLARY_EXCHANGE_PORT", str(server.getsockname()[1]))
    monkeypatch.setattr(exchange, "PATIENCE", 0.01)
