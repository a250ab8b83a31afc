"""One delivery's records on their way through the stages into files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clary.clock import Clock
from clary.delivery.columns import ColumnSink
from clary.delivery.host import Host
from clary.delivery.outputs import BACKUP, DATA, LongKey, Output, Outputs, document_of
from clary.delivery.partition import NO_PARTITION, Partitioner
from clary.delivery.plan import Plan
from clary.delivery.records import Failed, Record
from clary.delivery.split import end_records, split_records
from clary.delivery.transform import Transformer

if TYPE_CHECKING:
    from clary.delivery.converter import Converter

PROCESSING, CONVERSION = "processing-failed", "format-conversion-failed"
_EXTENSIONS = {"parquet": ".parquet", "orc": ".orc"}


class Batch:
    """Takes records as they were put; what it makes of them lies in a folder, nothing of it delivered.

    `converter` is what turns records into columns; where it is a failure, all that were to be converted have failed so.
    """

    def __init__(
        self,
        plan: Plan,
        host: Host,
        clock: Clock,
        folder: Path,
        tell: Callable[[str, str], None],
        converter: Converter | Failed | None = None,
    ) -> None:
        self._plan, self._clock = plan, clock
        self._outputs = Outputs(plan, folder, clock)
        self._transformer = Transformer(plan, host, clock, tell) if plan.function else None
        self._partitioner = Partitioner(plan, clock) if plan.partitioned else None
        self._make: Callable[[Path], ColumnSink] | None = None
        self._extension = ""
        self._hopeless = converter if isinstance(converter, Failed) else None
        self._sinks: list[ColumnSink] = []
        self._unconverted = [0, 0]
        if plan.conversion and converter and not isinstance(converter, Failed):
            self._make = partial(self._open_columns, converter)
            self._extension = _EXTENSIONS[plan.conversion.output]

    def take(self, records: Sequence[Record]) -> None:
        """Let records pass all stages."""
        if self._plan.backup:
            self._outputs.data(BACKUP, self._plan.backup, records)
        if self._plan.split:
            records, failed = split_records(records, self._plan.split)
            self._fail_processing(failed)
        if self._transformer is None:
            self._write(records)
            return
        for transformed, failed in self._transformer.take(records):
            self._fail_processing(failed, lambda_=True)
            self._write(transformed)

    def finish(self) -> list[Output]:
        """The files, all on disk."""
        if self._transformer:
            transformed, failed = self._transformer.finish()
            self._fail_processing(failed, lambda_=True)
            self._write(transformed)
        self._fail_conversion(self._outputs.drain())
        return self._outputs.finish()

    def close(self) -> None:
        """Let the query's process go, whether or not it was finished."""
        if self._partitioner:
            self._partitioner.close()

    def measurements(self) -> dict[str, tuple[float, str]]:
        """What CloudWatch is told of a finished batch: values with their units by metric."""
        of_partitions = self._partitioner.measurements() if self._partitioner else {}
        if self._plan.conversion is None:
            return of_partitions
        records, size = self._unconverted
        return of_partitions | {
            "SucceedConversion.Records": (max(0, sum(sink.records for sink in self._sinks) - records), "Count"),
            "SucceedConversion.Bytes": (max(0, sum(sink.size for sink in self._sinks) - size), "Bytes"),
            "FailedConversion.Records": (records, "Count"),
            "FailedConversion.Bytes": (size, "Bytes"),
        }

    def _open_columns(self, converter: Converter, path: Path) -> ColumnSink:
        self._sinks.append(ColumnSink(path, converter))
        return self._sinks[-1]

    def _write(self, records: Sequence[Record]) -> None:
        if not records:
            return
        if self._partitioner is None:
            self._write_group(records)
            return
        groups, failed = self._partitioner.group(records)
        self._fail_processing(failed)
        for keys, group in groups.items():
            try:
                self._write_group(group, self._partitioner.values(keys))
            except LongKey as problem:
                self._fail_processing(Failed(record, NO_PARTITION, str(problem)) for record in group)

    def _write_group(self, records: Sequence[Record], keys: Mapping[str, Mapping[str, str]] | None = None) -> None:
        if self._plan.delimiter:
            records = end_records(records, self._plan.delimiter)
        if self._plan.endpoint:
            self._outputs.request(self._plan.endpoint, records)
            if not self._plan.endpoint.all_data:
                return
        if self._hopeless:
            self._fail_conversion(self._hopeless._replace(record=record) for record in records)
            return
        place, extension = self._plan.place, self._extension
        self._fail_conversion(self._outputs.data(DATA, place, records, self._make, extension=extension, keys=keys))

    def _fail_processing(self, failed: Iterable[Failed], *, lambda_: bool = False) -> None:
        more = {"lambdaArn": self._plan.function.arn} if lambda_ and self._plan.function else {}
        now = self._clock.now()
        self._outputs.errors(self._plan.place, PROCESSING, [document_of(item, now, more) for item in failed])

    def _fail_conversion(self, failed: Iterable[Failed]) -> None:
        conversion = self._plan.conversion
        if conversion is None:
            return
        table = {
            "catalogId": conversion.catalog,
            "databaseName": conversion.database,
            "tableName": conversion.table,
            "region": conversion.region,
            "versionId": conversion.table_version,
            "catalogArn": None,
        }
        now, documents = self._clock.now(), []
        for item in failed:
            self._unconverted[0] += 1
            self._unconverted[1] += len(item.record.data)
            more = {
                "lastErrorCode": item.code,  # what AWS's objects really have, beside what its guide says
                "lastErrorMessage": item.message,
                "sequenceNumber": item.record.sequence or None,
                "subSequenceNumber": item.record.sub if item.record.sequence else None,
                "dataCatalogTable": table,
            }
            documents.append(document_of(item, now, more, code="ErrorCode", message="ErrorMessage"))
        self._outputs.errors(self._plan.place, CONVERSION, documents)
