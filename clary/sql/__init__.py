"""Athena's SQL: Trino's queries read, typed and written as DuckDB's, with Trino's meaning.

Nothing is imported here: the server needs the statements alone, and only a query's process what translates.
"""
