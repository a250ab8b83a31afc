"""The warm parent's imports: enough for any job, no thread, nothing that only costs time."""

import json
import subprocess
import sys

import pytest

LOOK = """
import json, os, sys
import clary.jobs.preload
threads = len(os.listdir("/proc/self/task"))
heavy = [name for name in ("sklearn", "scipy.stats", "pandas", "sqlalchemy") if name in sys.modules]
import sklearn.base
print(json.dumps([threads, heavy, sorted(sys.modules)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_the_warm_parent_has_all_that_a_job_needs_and_no_thread():
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ":".join(filter(None, sys.path))}
    command = [sys.executable, "-c", LOOK]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120).stdout
    threads, heavy, modules = json.loads(output)
    assert threads == 1
    assert heavy == []
    assert {"xgboost", "pyarrow.csv", "clary.algorithms.kmeans", "clary.algorithms.xgboost"} <= set(modules)
