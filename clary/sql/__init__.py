"""Athena's SQL: Trino's queries read, typed and written as DuckDB's, with Trino's meaning."""

from __future__ import annotations

from clary.sql.contract import Catalog, Column, ExternalFunction, Relation, TableUse, Translation
from clary.sql.errors import SqlError
from clary.sql.prepare import prepare
from clary.sql.run_time import run_time_error
from clary.sql.translate import translate
from clary.sql.types import duckdb_to_trino, hive_to_trino, trino_to_duckdb, trino_to_hive

__all__ = [
    "Catalog",
    "Column",
    "ExternalFunction",
    "Relation",
    "SqlError",
    "TableUse",
    "Translation",
    "duckdb_to_trino",
    "hive_to_trino",
    "prepare",
    "run_time_error",
    "translate",
    "trino_to_duckdb",
    "trino_to_hive",
]
