"""The CloudWatch metrics of workgroups that want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.services.athena import executions
from clary.store.metrics import Datum
from clary.store.records import Key

if TYPE_CHECKING:
    from clary.wire import Rooms

_METRICS = {
    "TotalExecutionTime": "TotalExecutionTimeInMillis",
    "EngineExecutionTime": "EngineExecutionTimeInMillis",
    "QueryQueueTime": "QueryQueueTimeInMillis",
    "QueryPlanningTime": "QueryPlanningTimeInMillis",
    "ServiceProcessingTime": "ServiceProcessingTimeInMillis",
    "ProcessedBytes": "DataScannedInBytes",
}


def publish(rooms: Rooms, key: Key) -> None:
    """The figures of an execution that has ended, if its workgroup publishes any."""
    record = rooms.records.get(key)
    if record is None or record.status not in executions.ENDED:
        return
    body = record.body
    if not body["Settings"].get("PublishCloudWatchMetricsEnabled"):
        return
    dimensions = {"QueryState": record.status, "QueryType": body["StatementType"], "WorkGroup": body["WorkGroup"]}
    now, figures = rooms.clock.now(), body["Statistics"]
    data = [
        Datum(name, dimensions, float(figures[member]), now, "Bytes" if name == "ProcessedBytes" else "Milliseconds")
        for name, member in _METRICS.items()
        if member in figures
    ]
    rooms.metrics.put(key.account, key.region, "AWS/Athena", data)
