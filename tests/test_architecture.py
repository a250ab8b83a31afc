"""The rules of the house that a machine can check: who imports whom, what a start costs, how long things are."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "clary"
FILES = sorted(PACKAGE.rglob("*.py"))

# Each room may import the rooms before its own; `services` may import each other.
LEVELS = [
    {"names", "errors", "config", "clock", "joined", "durable", "schedule"},
    {"formats", "store", "streams", "sandbox"},
    {"algorithms", "images", "cluster", "tables", "sql"},
    {"jobs", "hosting", "tuning", "pipelines", "functions", "delivery", "queries"},
    {"transform"},
    {"access"},
    {"wire"},
    {"services"},
]
LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}
SIDEWAYS = {("hosting", "jobs"), ("config", "errors"), ("config", "names"), ("schedule", "errors"), ("sql", "tables")}

HEAVY = ["torch", "numba", "scipy", "sklearn", "xgboost", "faiss", "pyarrow", "duckdb", "pyspark", "ray", "optuna"]
HEAVY += ["numpy", "fastavro", "jq", "cramjam", "psycopg", "pymysql"]


def imports(path):
    """The rooms of Clary that a file imports, types included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "clary":
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("clary."))


@pytest.mark.parametrize("room", sorted(LEVEL))
def test_rooms_import_only_what_is_below_them(room):
    for path in FILES:
        inside = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if inside != room:
            continue
        for other in imports(path):
            allowed = other == room or LEVEL.get(other, 99) < LEVEL[room] or (room, other) in SIDEWAYS
            # What an operation is given (Rooms) names rooms as types; wire itself calls access alone.
            assert allowed, f"{path.relative_to(ROOT)} may not import clary.{other}"


def test_algorithms_run_alone():
    for path in (PACKAGE / "algorithms").rglob("*.py"):
        assert set(imports(path)) <= {"algorithms", "formats", "errors"}, path


def test_the_rooms_of_work_know_no_service():
    for room in (
        "images",
        "cluster",
        "tables",
        "sql",
        "jobs",
        "hosting",
        "functions",
        "delivery",
        "queries",
        "transform",
    ):
        for path in (PACKAGE / room).rglob("*.py"):
            assert not {"services", "wire", "access"} & set(imports(path)), path


def test_the_search_knows_only_the_hyperparameter_tables():
    for path in (PACKAGE / "tuning").rglob("*.py"):
        assert set(imports(path)) <= {"tuning", "algorithms", "errors"}, path


def test_starting_the_server_imports_nothing_heavy():
    code = "import sys, clary.server; from clary import app; app.Registry.load(app.SERVICES);"
    code += f"print([name for name in {HEAVY} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "[]"


def test_catching_everything_is_for_few_files():
    """A bug must not end what serves others: the wire, lives of jobs and transforms, workers that serve a model.

    The toolkit around a user's script, and what calls a function's handler, tell what became of it.
    """
    catchers = {str(path.relative_to(PACKAGE)) for path in FILES if "except Exception" in path.read_text()}
    toolkit = {f"images/clary_toolkit/{name}.py" for name in ("training", "transformer")}
    own = {"wire/app.py", "jobs/life.py", "transform/life.py", "algorithms/serve.py", "functions/bootstrap.py"}
    own |= {"services/athena/life.py"}  # an execution that meets a bug ends
    assert catchers == {*own, *toolkit}


def test_files_and_functions_stay_readable():
    long = [f"{path.name}: {count}" for path in FILES if (count := len(path.read_text().splitlines())) > 600]
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = node.end_lineno - body[0].lineno + 1 if body else 0
                if lines > 60:
                    long.append(f"{path.name}:{node.name}: {lines}")
    assert not long, long


def test_no_two_files_of_tests_have_one_name():
    """Python would import the first of them for both."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
