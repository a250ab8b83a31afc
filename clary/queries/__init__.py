"""The life of an SQL query: a process of its own in a sandbox that asks the server for tables, files and functions."""

from clary.queries.desk import Desk, StoredObject
from clary.queries.room import Queries
from clary.queries.spec import Outcome, QuerySpec, Target, Written

__all__ = ["Desk", "Outcome", "Queries", "QuerySpec", "StoredObject", "Target", "Written"]
