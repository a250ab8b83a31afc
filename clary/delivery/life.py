"""The life of a delivery stream: what waits, when it is due, how it is delivered, what is tried again."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from clary.clock import Clock
from clary.delivery.batch import Batch
from clary.delivery.columns import SchemaProblem, check_columns
from clary.delivery.converter import FATAL, Ended
from clary.delivery.endpoint import FAILED, Undelivered, failed_records, post_request
from clary.delivery.host import Host
from clary.delivery.outputs import Output, Outputs, document_of
from clary.delivery.plan import Plan
from clary.delivery.records import Failed, Record, data_of
from clary.delivery.source import Backlog, Position, Source
from clary.errors import ServiceError
from clary.joined import total_size
from clary.store.records import Key, Records

if TYPE_CHECKING:
    from clary.delivery.converter import Converter, Converters

log = logging.getLogger("clary.delivery")

KIND = "delivery-position"
_FIRST_RETRY, _LAST_RETRY = 5.0, 300.0
_SCHEMA_SECONDS = 300.0  # how long a schema that is missing holds records up before they go to the errors
_CAREFUL_ENDS, _MOST_ENDS = 3, 6  # of a batch's converters: from then on they try records apart, or are tried no more


class State(msgspec.Struct):
    """What a restart must know: where reading goes on; or which files of a batch are to be delivered before that."""

    position: dict[str, int] = {}
    outputs: list[Output] = []
    begun: float = 0.0
    """When the delivery of the output that is first among them began."""
    next: dict[str, int] | None = None
    """The position after the outputs; None while there are none."""


class Life:
    """One delivery stream. `deliver` runs on one thread at a time."""

    def __init__(
        self,
        plan: Plan,
        source: Source,
        host: Host,
        records: Records,
        clock: Clock,
        folder: Path,
        converters: Converters,
    ) -> None:
        self.plan, self.source, self._converters = plan, source, converters
        self._host, self._records, self._clock, self._folder = host, records, clock, folder
        self._working = threading.Lock()
        self._gone = False
        self._retry_at, self._failures = 0.0, 0
        self._problem = ""
        self._schema_missing_since = 0.0
        self._ends = 0  # how often the batch that is next has ended its converter
        self._source_told_at = 0.0
        self._gathered_by: Plan | None = None  # while nothing of what was gathered is delivered
        stored = records.get(self._key)
        self._state = msgspec.convert(stored.body, State) if stored else State()
        position = dict(source.start(self._state.position))
        if position != self._state.position:
            self._store(State(position))
        self._unsure = self._state.next is not None  # an earlier life may have delivered some of the outputs

    @property
    def _key(self) -> Key:
        return Key(KIND, *self.plan.scope, self.plan.id)

    @property
    def position(self) -> Position:
        """Where reading goes on."""
        return self._state.position

    def change(self, plan: Plan) -> None:
        """Deliver by another plan from the next batch on."""
        self.plan, self._ends = plan, 0

    def backlog(self) -> Backlog:
        """What waits: acknowledged and not yet delivered."""
        return self.source.backlog(self._state.position, self.plan.size)

    def due(self) -> float | None:
        """When there is something to do (epoch seconds); None while nothing waits."""
        if self._state.next is not None:
            return self._retry_at
        waiting = self.backlog()
        self._tell_of_source()
        if not waiting.records:
            return None
        full = waiting.bytes >= self.plan.size
        when = 0.0 if full else waiting.oldest / 1000 + self.plan.patience
        return max(when, self._retry_at)

    def problem(self) -> str:
        """Why nothing is delivered at present; empty where nothing hinders it."""
        if (problem := self.source.problem) is not None:
            return f"{problem.code}: {problem.message}"
        return self._problem

    def deliver(self) -> None:
        """Do all that is due."""
        with self._working:
            while not self._gone:
                due = self.due()
                if due is None or due > self._clock.now():
                    return
                if not self._try():
                    return

    def stop(self) -> None:
        """Begin nothing more."""
        self._gone = True

    def close(self, *, delete: bool = False) -> None:
        """Begin nothing more, and wait for what is at hand; forget everything if asked to."""
        self.stop()
        with self._working:
            if delete:
                self._records.delete(self._key)
                shutil.rmtree(self._folder, ignore_errors=True)

    def _try(self) -> bool:
        """Deliver one batch; False when it has to be tried again later."""
        try:
            if self._gathered_by not in (None, self.plan):
                self._store(State(self._state.position))  # by the new plan it may go where the old one failed
            if self._state.next is None:
                self._gather()
            self._hand_over()
        except (ServiceError, OSError) as problem:
            self._ends += isinstance(problem, Ended)
            self._put_off(problem)
            return False
        self._failures, self._retry_at, self._problem = 0, 0.0, ""
        return True

    def _gather(self) -> None:
        """Write a batch's files, and note durably what they are: from then on a restart delivers these very files."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True)
        plan, position = self.plan, dict(self._state.position)
        with (
            self._converter(plan) as converter,
            closing(Batch(plan, self._host, self._clock, self._folder, self._tell, converter)) as batch,
        ):
            for piece in self.source.read(position, plan.size):
                if plan.source:
                    self._count_read(piece.records)
                batch.take(piece.records)
                position |= piece.position
            outputs = batch.finish()
        if self._gone:
            raise InterruptedError("The server is ending.")  # a function that was cut off has failed no record
        self._store(State(dict(self._state.position), outputs, self._clock.now(), position))
        self._gathered_by, self._ends = plan, 0
        self._host.count(plan.scope, plan.name, batch.measurements())

    @contextmanager
    def _converter(self, plan: Plan) -> Iterator[Converter | Failed | None]:
        """What turns records into columns; where that has been impossible for long, how every record has failed."""
        if plan.conversion is None:
            yield None
            return
        if self._ends >= _MOST_ENDS:
            yield self._fail_all(FATAL, f"The process that converts these records has ended {self._ends} times.")
            return
        failed: Failed | None = None
        try:
            columns = self._host.columns(plan.scope, plan.conversion)
            check_columns(columns)
        except SchemaProblem as problem:
            failed = self._refuse_all(problem)
        if failed:
            yield failed
            return
        self._schema_missing_since = 0.0
        with self._converters.lend(careful=self._ends >= _CAREFUL_ENDS) as converter:
            converter.begin(plan.conversion, columns)
            yield converter

    def _refuse_all(self, problem: SchemaProblem) -> Failed:
        """How every record has failed for want of a schema; the problem itself while there may soon be one."""
        now = self._clock.now()
        self._schema_missing_since = self._schema_missing_since or now
        if now < self._schema_missing_since + _SCHEMA_SECONDS:
            raise problem
        return self._fail_all(problem.code, problem.message)

    def _fail_all(self, code: str, message: str) -> Failed:
        self._tell(code, message)
        return Failed(Record(b"", 0), code, message, self._failures + 1)

    def _hand_over(self) -> None:
        """Deliver the files, then note that they are."""
        state = self._state
        assert state.next is not None
        while state.outputs:
            output = state.outputs[0]
            try:
                self._deliver_one(output)
                self._count(output)
                self._gathered_by = None
                del state.outputs[0]
                state.begun = self._clock.now()
            except Undelivered as problem:
                self._gathered_by = None
                state.outputs[:1] = self._give_up(output, problem)
                state.begun = self._clock.now()
                self._store(state)
        self._unsure, self._gathered_by = False, None
        self._store(State(state.next))
        shutil.rmtree(self._folder, ignore_errors=True)
        self.source.forget(self._state.position)

    def _deliver_one(self, output: Output) -> None:
        if not output.bucket:
            post_request(self._host, self.plan, output.key, self._folder / output.file)
            return
        if self._unsure and self._host.object_exists(output.bucket, output.key):
            return
        self._host.put_object(output.bucket, output.key, self._folder / output.file)

    def _give_up(self, output: Output, problem: Undelivered) -> list[Output]:
        """The objects of errors that a request's records become, unless it is still time to try it again."""
        endpoint = self.plan.endpoint
        assert endpoint
        if self._gone or (not problem.final and self._clock.now() < self._state.begun + endpoint.seconds):
            raise problem
        self._tell(problem.code, problem.message)
        shutil.rmtree(self._folder / FAILED, ignore_errors=True)
        (self._folder / FAILED).mkdir()
        outputs, now = Outputs(self.plan, self._folder, self._clock, below=FAILED), self._clock.now()
        failed = failed_records(self._folder / output.file, endpoint, problem, output.oldest)
        documents = (document_of(item._replace(attempts=self._failures + 1), now, {}) for item in failed)
        outputs.errors(self.plan.place, FAILED, documents)
        return outputs.finish()

    def _store(self, state: State) -> None:
        self._records.put(self._key, msgspec.to_builtins(state))
        self._state = state

    def _count(self, output: Output) -> None:
        """Tell CloudWatch what was delivered."""
        where = "DeliveryToHttpEndpoint" if not output.bucket else "BackupToS3" if output.backup else "DeliveryToS3"
        values: dict[str, tuple[float, str]] = {
            f"{where}.Records": (output.records, "Count"),
            f"{where}.Bytes": ((self._folder / output.file).stat().st_size, "Bytes"),
            f"{where}.Success": (1, "Count"),
            f"{where}.DataFreshness": (max(0.0, self._clock.now() - output.oldest / 1000), "Seconds"),
        }
        if self.plan.partitioned and where == "DeliveryToS3":
            values[f"{where}.ObjectCount"] = (1, "Count")
        self._host.count(self.plan.scope, self.plan.name, values)

    def _put_off(self, problem: ServiceError | OSError) -> None:
        self._failures += 1
        wait = min(_FIRST_RETRY * 2 ** (self._failures - 1), _LAST_RETRY)
        self._retry_at = self._clock.now() + wait
        code = problem.code if isinstance(problem, ServiceError) else "InternalError"
        message = str(problem) or code
        self._problem = f"{code}: {message}"
        log.warning("delivery stream %s: %s: %s; tried again in %g s", self.plan.name, code, message, wait)
        self._tell(code, f"{message.rstrip('.')}. The delivery is tried again.")
        where = "DeliveryToHttpEndpoint" if isinstance(problem, Undelivered) else "DeliveryToS3"
        oldest = min((output.oldest for output in self._state.outputs), default=0) or self.backlog().oldest
        values: dict[str, tuple[float, str]] = {}
        if oldest:
            values[f"{where}.DataFreshness"] = (max(0.0, self._clock.now() - oldest / 1000), "Seconds")
        if self._state.next is not None:
            values[f"{where}.Success"] = (0, "Count")
        self._host.count(self.plan.scope, self.plan.name, values)

    def _count_read(self, records: Sequence[Record]) -> None:
        size = total_size(data_of(records))
        values = {"Records": (len(records), "Count"), "Bytes": (size, "Bytes")}
        named = {f"DataReadFromKinesisStream.{name}": value for name, value in values.items()}
        self._host.count(self.plan.scope, self.plan.name, named)

    def _tell_of_source(self) -> None:
        """Say that the stream that is read is not there, and now and then that it still isn't."""
        if (problem := self.source.problem) is None:
            self._source_told_at = 0.0
        elif self._clock.now() >= self._source_told_at + _LAST_RETRY:
            self._source_told_at = self._clock.now()
            log.warning("delivery stream %s: %s: %s", self.plan.name, problem.code, problem.message)
            self._tell(problem.code, problem.message)

    def _tell(self, code: str, message: str) -> None:
        """Write into the stream's log, if it has one."""
        if self.plan.log is None:
            return
        line: dict[str, Any] = {
            "deliveryStreamARN": self.plan.arn,
            "destination": f"arn:aws:s3:::{self.plan.place.bucket}",
            "deliveryStreamVersionId": self.plan.version,
            "message": message,
            "errorCode": code,
        }
        try:
            events = [(self._clock.now(), msgspec.json.encode(line).decode())]
            self._host.append_log(self.plan.scope, *self.plan.log, events)
        except (ServiceError, OSError) as failed:
            log.warning("delivery stream %s: its log can't be written: %s", self.plan.name, failed)
