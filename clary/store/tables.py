"""Every module that declares tables: imported before a database is made, so that it has them all."""

from clary.store import catalog, logs, metrics, object_rows, outbox, records

__all__ = ["catalog", "logs", "metrics", "object_rows", "outbox", "records"]
