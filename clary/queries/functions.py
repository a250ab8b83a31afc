"""Functions in Python that a query calls: a batch of Arrow columns at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


def make_function(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    function: Callable[..., Any],
    arguments: Sequence[str],
    result: str,
    *,
    varies: bool = False,
) -> None:
    """Let SQL call `function(*columns)`, whose columns are Arrow arrays; types are DuckDB's. Nulls come to it too."""
    # DuckDB wants a function with as many parameters as there are arguments.
    names = ", ".join(f"c{number}" for number in range(len(arguments)))
    exact = eval(f"lambda {names}: function({names})", {"function": function})  # noqa: S307 - names of ours
    connection.create_function(
        name, exact, list(arguments), result, type="arrow", null_handling="special", side_effects=varies
    )
