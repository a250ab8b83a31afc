"""Every test here has a server of its own, which it kills."""

import pytest

from tests.kill.killed_server import Server


@pytest.fixture
def server(tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    server = Server(tmp_path)
    yield server
    server.close()
