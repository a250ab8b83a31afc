"""Both SageMaker SDKs and clients of Athena, unmodified, each in its own environment: every flow that Clary supports.

All flows of an SDK run in one process beside each other (its import takes seconds, its waits half a minute); each is
reported as a test of its own.
"""

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from clary import clients

HERE = Path(__file__).parent
SECONDS = 600


def flows_in(*modules):
    """The names of the flows in these modules, which can't be imported here: their SDK isn't."""
    return [
        name for module in modules for name in re.findall(r"^def ([a-z]\w*)", (HERE / module).read_text(), re.MULTILINE)
    ]


@pytest.fixture(scope="module")
def flow_results(server, sdk_environment, tmp_path_factory):
    """`flow_results("v2")`: name -> what became of each flow of that SDK; they run when first asked for."""
    found = {}

    def results(sdk):
        if sdk not in found:
            found[sdk] = _run(server, sdk_environment(sdk), sdk, tmp_path_factory.mktemp(sdk))
        return found[sdk]

    return results


def _run(server, programs, sdk, folder):
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    variables = clients.variables(server.settings, server.settings.port, {})
    output = folder / "output"
    with output.open("w") as written, contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [programs / "python", HERE / f"{sdk}_flows.py"],
            env={**inherited, "HOME": str(folder), **variables},
            cwd=folder,
            stdout=written,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
    text = output.read_text(errors="replace")
    lines = [json.loads(line) for line in re.findall(r"^FLOW (.*)$", text, re.MULTILINE)]
    return {"": text, **{line["name"]: line["error"] for line in lines}}


def _check(results, flow):
    assert flow in results, results[""][-5000:]
    assert results[flow] is None, results[flow]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.xdist_group("sdk-v2")
@pytest.mark.parametrize("flow", flows_in("v2_algorithms.py", "v2_jobs.py", "v2_hosting.py"))
def test_sdk_v2(flow_results, flow):
    _check(flow_results("v2"), flow)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.xdist_group("sdk-v2")
def test_sdk_v2_prints_the_logs(flow_results):
    assert re.search(r"^.*\[39\].*validation-logloss:0\.", flow_results("v2")[""], re.MULTILINE)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.xdist_group("sdk-v3")
@pytest.mark.parametrize("flow", flows_in("v3_jobs.py", "v3_hosting.py"))
def test_sdk_v3(flow_results, flow):
    _check(flow_results("v3"), flow)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("flow", flows_in("lake_flows.py"))
@pytest.mark.xdist_group("sdk-lake")
def test_clients_of_the_lake(flow_results, flow):
    _check(flow_results("lake"), flow)
