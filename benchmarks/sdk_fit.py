"""How long SDK v2's fit(wait=True, logs="All") takes over a job of 20 s: the SDK sleeps and polls, Clary answers.

    .venv/bin/python benchmarks/sdk_fit.py PATH [--repeat 3] [--seconds 20]

PATH is the Python of a virtual environment with `sagemaker==2.257.7`, or its folder. The job is a script that sleeps
and prints a line a second, so its length does not depend on the machine; an untimed job of no length goes first, since
it may build the script's environment. The server is a fresh one. To be reached: at most 27 s.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from job_start import server

from clary import clients
from clary.config import Settings

REACH = 27.0
SCRIPT = """
import argparse, time
parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=int)
for second in range(parser.parse_args().seconds):
    print("second", second, flush=True)
    time.sleep(1)
"""
FIT = """
import sys, time
import sagemaker
from sagemaker.sklearn import SKLearn

seconds, repeat = map(int, sys.argv[1:])
role = sagemaker.get_execution_role()

def fit(seconds):
    job = SKLearn("train.py", "1.2-1", role=role, instance_type="ml.m5.large", hyperparameters={"seconds": seconds})
    begun = time.perf_counter()
    job.fit(wait=True, logs="All")
    took = time.perf_counter() - begun
    found = job.latest_training_job.describe()
    return took, (found["TrainingEndTime"] - found["CreationTime"]).total_seconds()

fit(0)
for _ in range(repeat):
    print("took", *fit(seconds), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    python = arguments.path / "bin" / "python" if arguments.path.is_dir() else arguments.path
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as url:
        (Path(name) / "train.py").write_text(SCRIPT)
        variables = clients.variables(Settings(), int(url.rpartition(":")[2]), {})
        answer = subprocess.run(
            [python.absolute(), "-c", FIT, str(arguments.seconds), str(arguments.repeat)],
            env={**os.environ, **variables},
            cwd=name,
            capture_output=True,
            text=True,
        )
    if answer.returncode:
        sys.exit(answer.stdout + answer.stderr)
    if f"second {arguments.seconds - 1}" not in answer.stdout:
        sys.exit("fit didn't print the job's log")
    lines = [line.split() for line in answer.stdout.splitlines() if line.startswith("took ")]
    fits, jobs = zip(*((float(fit), float(job)) for _, fit, job in lines), strict=True)
    print(f"fit of a job of {arguments.seconds} s, {len(fits)} times: {', '.join(f'{fit:.1f}' for fit in fits)} s")
    print(f"from the job's creation to its end: {', '.join(f'{job:.1f}' for job in jobs)} s")
    print(f"median {statistics.median(fits):.1f} s, to be reached: at most {REACH:.0f} s")


if __name__ == "__main__":
    main()
