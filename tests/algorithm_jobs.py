"""A training job without a server: the /opt/ml tree in a folder, and the entry point called on it in this process."""

import io
import json
import logging
import signal
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from clary.algorithms import train
from clary.formats.recordio import write_records


class Job:
    """An /opt/ml tree; `CLARY_OPT_ML` points to it while the test runs."""

    def __init__(self, folder, monkeypatch, capsys):
        self.root = Path(folder)
        self._capsys = capsys
        monkeypatch.setenv("CLARY_OPT_ML", str(folder))

    @property
    def model(self):
        return self.root / "model"

    @property
    def failure(self):
        path = self.root / "output/failure"
        return path.read_text() if path.exists() else None

    def configure(self, settings, channels, **resources):
        """Write the configuration files; `channels`: name -> content type, or the whole configuration."""
        full = {
            name: {"ContentType": given, "TrainingInputMode": "File"} if isinstance(given, str) else given
            for name, given in channels.items()
        }
        resources = {"current_host": "algo-1", "hosts": ["algo-1"], **resources}
        self.write("input/config/hyperparameters.json", json.dumps(settings))
        self.write("input/config/inputdataconfig.json", json.dumps(full))
        self.write("input/config/resourceconfig.json", json.dumps(resources))

    def write(self, path, content):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    def write_channel(self, name, content, file="part-0"):
        self.write(f"input/data/{name}/{file}", content)

    def train(self, algorithm):
        """The exit status and the log."""
        status = train.main(algorithm)
        return status, self._capsys.readouterr().out


@contextmanager
def job_in(folder, monkeypatch, capsys):
    """A job, and the process as it was afterwards: its log goes nowhere, SIGTERM ends it."""
    handler, log = signal.getsignal(signal.SIGTERM), logging.getLogger("clary.algorithms")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    yield Job(folder, monkeypatch, capsys)
    signal.signal(signal.SIGTERM, handler)
    log.handlers[:], log.level, log.propagate = handlers, level, propagate


def as_csv(features, labels=None):
    """Rows of numbers or of text as CSV, the label first, every digit kept."""
    table = features if labels is None else np.column_stack([labels, features])
    return "".join(",".join(map(str, row)) + "\n" for row in as_lists(table))


def as_lists(table):
    """Rows as lists of text, or of numbers as float32 has them."""
    return (table if table.dtype.kind == "U" else table.astype(np.float32).astype(float)).tolist()


def as_recordio(features, labels=None):
    """Rows as recordIO-protobuf."""
    stream = io.BytesIO()
    write_records(stream, features.astype(np.float32), None if labels is None else labels.astype(np.float32))
    return stream.getvalue()
