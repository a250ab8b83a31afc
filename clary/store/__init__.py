"""Records, objects, logs and metrics; knows nothing of AWS's wire.

All modules that declare tables are imported here, so that a Database creates every one of them.
"""

from clary.store import logs, metrics, object_rows, records

__all__ = ["logs", "metrics", "object_rows", "records"]
