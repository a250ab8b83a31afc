"""Runs many flows of one SDK at once, since most of each is the SDK's own sleep, and prints a line for each.

Runs in the SDK's own environment, so it imports nothing of Clary's.
"""

import inspect
import json
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

MARK = "FLOW "
TOGETHER = 32

# While a pipeline is being put together the SDK writes what all threads upload for that pipeline.
ALONE = {"pipeline"}


def flows_of(*modules):
    """Name -> function: what a module defines itself is a flow, unless its name begins with an underscore."""
    return {
        name: function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }


def check_schema_once(schema):
    """Spare the flows what costs an SDK most: each look into its defaults checks its own schema, 0.2 s every time."""
    import jsonschema  # which not every environment has

    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    validator.check_schema = classmethod(lambda cls, schema: None)


def run(flows, wanted):
    """The wanted flows, or all; each prints its result when it has one."""
    with ThreadPoolExecutor(TOGETHER) as pool:
        for name, function in flows.items():
            if name in wanted:
                pool.submit(_run_here, name, function)
            elif not wanted:
                pool.submit(*((_run_in_its_own_process, name) if name in ALONE else (_run_here, name, function)))


def _run_here(name, function):
    begun, error = time.perf_counter(), None
    try:
        function()
    except Exception:  # noqa: BLE001 - whatever it is, it is the flow's result
        error = traceback.format_exc()
    result = {"name": name, "seconds": round(time.perf_counter() - begun, 1), "error": error}
    sys.stdout.write(f"\n{MARK}{json.dumps(result)}\n")
    sys.stdout.flush()


def _run_in_its_own_process(name):
    subprocess.run([sys.executable, *sys.argv[:1], name], check=False)
