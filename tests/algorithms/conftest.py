"""A training job without a server."""

import pytest
from algorithm_jobs import job_in


@pytest.fixture
def job(tmp_path, monkeypatch, capsys):
    with job_in(tmp_path / "ml", monkeypatch, capsys) as found:
        yield found
