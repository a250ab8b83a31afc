"""The house: puts the rooms together. The one place that knows them all."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from clary import __version__
from clary.access import Access
from clary.access.identities import unique_id
from clary.clients import address
from clary.clock import Clock
from clary.config import LOOPBACK, Settings
from clary.delivery import Deliveries
from clary.errors import ServiceError
from clary.functions import FunctionHost, Functions
from clary.hosting import Hosting
from clary.images.register import REGISTER
from clary.jobs import Jobs
from clary.jobs.host import Host, Scope
from clary.names import make_arn, parse_arn
from clary.queries import Desk, Queries
from clary.sandbox import WarmParent
from clary.services import application_autoscaling, athena, firehose, kinesis, lambda_, s3, sagemaker
from clary.services.athena import desk as tables
from clary.services.cloudwatch.alarm_actions import ACTORS
from clary.services.cloudwatch.alarm_state import alarm_state
from clary.services.cloudwatch.alarm_watch import watch as watch_alarms
from clary.services.glue import crawler_life as crawlers
from clary.services.iam.role import ensure_default_role
from clary.services.lambda_ import inside as functions
from clary.services.s3 import inside as objects
from clary.services.s3.cors import answer_headers, preflight
from clary.services.s3.notification import DESTINATIONS, Destination
from clary.services.s3.post import post_object
from clary.store.catalog import Catalog
from clary.store.changes import Changes
from clary.store.database import Database
from clary.store.lock import LOCK_FILE, DataFolderLock
from clary.store.logs import Logs
from clary.store.metrics import Datum, Metrics
from clary.store.objects import Objects
from clary.store.records import Records
from clary.streams import Streams
from clary.tables.infer_crawls import Crawls
from clary.transform import Transforms
from clary.wire import Registry, Rooms
from clary.wire.app import Browsers, WireApp

# Adding a service: its folder under services/ and its name here.
SERVICES = (
    "s3",
    "sagemaker",
    "sagemaker-runtime",
    "sagemaker-metrics",
    "sts",
    "iam",
    "logs",
    "cloudwatch",
    "application-autoscaling",
    "kinesis",
    "glue",
    "firehose",
    "lambda",
    "athena",
)

# Imported once by the warm parent; a job or an endpoint worker forks from it and starts at once.
PRELOAD = ("clary.jobs.preload",)

# What lies in the data folder beside the lock.
KEPT = (
    "state.db",
    "state.db-wal",
    "state.db-shm",
    "objects",
    "jobs",
    "endpoints",
    "transforms",
    "streams",
    "deliveries",
    "queries",
    "functions",
    "warm",
    "crawls",
)

# What services do by themselves: pick up at a server's start what the last one left, tell `clary status` how much of
# it there is, and put it down at the server's end, before the rooms that it stands on are closed.
STARTS = (
    sagemaker.recover,
    watch_alarms,
    application_autoscaling.watch,
    kinesis.recover,
    lambda_.recover,
    firehose.recover,
    s3.deliver_events,
    s3.follow_lifecycles,
    crawlers.recover,
    athena.recover,
)
COUNTS = (
    sagemaker.running,
    kinesis.running,
    lambda_.running,
    firehose.running,
    s3.running,
    crawlers.running,
    athena.running,
)
PROBLEMS = (firehose.problems,)
ENDS = (kinesis.store_measurements, lambda_.store_measurements, crawlers.close)

KEY_SECONDS = 7 * 24 * 3600.0  # the longest job

ACTORS["autoscaling"] = application_autoscaling.act
DESTINATIONS["lambda"] = Destination(functions.check, functions.deliver)

Page = Callable[[Any, Any, Any], Awaitable[None]]


class House:
    """One Clary on one data folder: opened, answering, closed."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self._clock = clock or Clock()
        self._lock = DataFolderLock(settings.data_dir)
        self._lock.acquire()
        self._warm = WarmParent(PRELOAD, settings.data_dir / "warm", settings.kernels_dir, hidden=[settings.data_dir])
        self.rooms = self._furnish()
        self.app = WireApp(
            self.rooms,
            Registry.load(SERVICES),
            pages=self._pages(),
            browsers=Browsers(preflight, answer_headers, post_object),
        )
        self._settle()

    def listens(self) -> None:
        """Note in the data folder where this server answers, and begin to warm up for the first job."""
        self._lock.acquire(self.settings.port)
        self._warm.start()

    def close(self) -> None:
        """Stop jobs and endpoints, close the state, let the data folder go."""
        self.app.close()
        self._clear_out()
        self._warm.close()
        self._lock.release()

    def reset(self) -> None:
        """Forget everything: the folder is emptied and the rooms are furnished anew."""
        self._clear_out()
        empty(self.settings)
        fresh = self._furnish()
        for row in fields(Rooms):
            setattr(self.rooms, row.name, getattr(fresh, row.name))
        self._settle()

    def _furnish(self) -> Rooms:
        settings, clock, folder = self.settings, self._clock, self.settings.data_dir
        self._database = Database(settings.database_url or f"sqlite:///{folder / 'state.db'}")
        records = Records(self._database, clock)
        host = self._host()
        return Rooms(
            settings=settings,
            clock=clock,
            records=records,
            catalog=Catalog(self._database),
            objects=Objects(self._database, folder / "objects", clock),
            logs=Logs(self._database, clock),
            metrics=Metrics(self._database, clock),
            changes=Changes(),
            access=Access(settings, records, clock),
            jobs=Jobs(settings, clock, host, self._warm, folder / "jobs"),
            hosting=Hosting(settings, clock, host, self._warm, folder / "endpoints"),
            transforms=Transforms(settings, clock, host, self._warm, folder / "transforms"),
            streams=Streams(folder / "streams", clock),
            queries=Queries(settings, clock, self._desk(), self._warm, folder / "queries"),
            delivery=Deliveries(clock, firehose.host(lambda: self.rooms), records, folder / "deliveries"),
            functions=Functions(settings, clock, self._function_host(), self._warm, folder / "functions"),
            crawls=Crawls(self._warm, folder / "crawls"),
        )

    def _settle(self) -> None:
        ensure_default_role(self.rooms)
        for start in STARTS:
            start(self.rooms)

    def _clear_out(self) -> None:
        self.rooms.events.close()
        for end in ENDS:
            end(self.rooms)
        self.rooms.background.close()
        self.rooms.jobs.close()
        self.rooms.hosting.close()
        self.rooms.transforms.close()
        self.rooms.queries.close()
        self.rooms.delivery.stop()
        self.rooms.functions.close()
        self.rooms.delivery.close()
        self.rooms.streams.close()
        self.rooms.objects.settle()
        self._database.close()

    def _host(self) -> Host:
        """What jobs and endpoints reach of the other rooms, each looked up when called: a reset replaces them."""

        def append_log(
            scope: Scope, group: str, stream: str, events: Sequence[tuple[float, str]], position: int
        ) -> None:
            self.rooms.logs.append(*scope, group, stream, events, position=position)

        def put_metrics(scope: Scope, namespace: str, data: Sequence[Datum], source: str) -> None:
            self.rooms.metrics.put(*scope, namespace, data, source=source)
            sagemaker.metrics_came(self.rooms, scope, data)

        return Host(
            list_objects=lambda bucket, prefix: objects.list_objects(self.rooms, bucket, prefix),
            fetch_object=lambda bucket, key, target: objects.fetch_object(self.rooms, bucket, key, target),
            put_object=lambda bucket, key, path: objects.put_object_file(self.rooms, bucket, key, path),
            delete_object=lambda bucket, key: objects.delete_object(self.rooms, bucket, key),
            append_log=append_log,
            log_position=lambda scope, group, stream: self.rooms.logs.position(*scope, group, stream),
            put_metrics=put_metrics,
            state_changed=lambda resource, change: sagemaker.state_changed(self.rooms, resource, change),
            credentials=self._credentials,
            alarm_state=lambda scope, name: alarm_state(self.rooms, *scope, name) or "",
        )

    def _desk(self) -> Desk:
        """What queries reach of the other rooms."""

        def invoke(scope: tuple[str, str], function: str, payload: bytes) -> bytes:
            answer = functions.invoke(self.rooms, scope, function, payload)
            if answer.error:
                told = answer.payload.decode("utf-8", "replace")
                raise ServiceError(f"{function} failed: {told}", code="GENERIC_USER_ERROR", status=400)
            return answer.payload

        return Desk(
            table=lambda scope, catalog, database, name: tables.table(self.rooms, scope, catalog, database, name),
            databases=lambda scope, catalog: tables.databases(self.rooms, scope, catalog),
            tables=lambda scope, database: tables.tables(self.rooms, scope, database),
            partitions=lambda scope, database, name: tables.partitions(self.rooms, scope, database, name),
            list_objects=lambda bucket, prefix: objects.list_objects(self.rooms, bucket, prefix),
            fetch_object=lambda bucket, key, target: objects.fetch_object(self.rooms, bucket, key, target),
            invoke=invoke,
            federated=lambda scope, catalog: tables.federated(self.rooms, scope, catalog),
        )

    def _function_host(self) -> FunctionHost:
        """What functions reach of the other rooms."""
        return FunctionHost(
            credentials=self._credentials,
            append_log=lambda scope, group, stream, events: self.rooms.logs.append(*scope, group, stream, events),
        )

    def _credentials(self, account: str, role: str, session_name: str = "SageMaker") -> dict[str, str]:
        """The environment of a job's, endpoint's or function's own AWS calls: temporary keys of its role."""
        arn = parse_arn(role)
        name = arn.resource.rsplit("/", 1)[-1] if arn else role
        session = make_arn("sts", "", account, f"assumed-role/{name}/{session_name}")
        user = f"{unique_id('AROA', name)}:{session_name}"
        keys = self.rooms.access.identities.issue(account, session, user, KEY_SECONDS)
        return {
            "AWS_ENDPOINT_URL": f"http://{address(self.settings.host)}:{self.settings.port}",
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.session_token,
        }

    def _pages(self) -> dict[tuple[str, str], Page]:
        async def health(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
            await _answer(send, 200, await asyncio.to_thread(self.health))

        async def reset(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
            if not self.settings.testing:
                await _answer(send, 403, {"message": "Refused: start the server with --testing to allow a reset."})
                return
            await asyncio.to_thread(self.reset)
            await _answer(send, 200, {"status": "ok"})

        async def interrupt(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
            if not scope["client"] or scope["client"][0] not in LOOPBACK:
                await _answer(send, 403, {"message": "Refused: only this machine may interrupt a job."})
                return
            await _answer(send, *await asyncio.to_thread(self._interrupt, scope["query_string"].decode()))

        return {
            ("GET", "/_clary/health"): health,
            ("POST", "/_clary/spot/interrupt"): interrupt,
            ("GET", lambda_.PAGE): lambda_.download(self.rooms),
            ("POST", "/_clary/reset"): reset,
            ("POST", "/moto-api/reset"): reset,
        }

    def _interrupt(self, query: str) -> tuple[int, dict[str, Any]]:
        """What `clary spot interrupt` asks for: ?job=NAME&grace=SECONDS; the status and the answer."""
        asked = dict(parse_qsl(query))
        try:
            grace = float(asked["grace"]) if "grace" in asked else None
            return 200, {"interrupted": sagemaker.interrupt(self.rooms, asked.get("job", ""), grace)}
        except (ServiceError, ValueError) as problem:
            return 400, {"message": str(problem)}

    def health(self) -> dict[str, Any]:
        """What `clary status` shows."""
        return {
            "version": __version__,
            "pid": os.getpid(),
            "port": self.settings.port,
            "data_dir": str(self.settings.data_dir),
            "services": list(SERVICES),
            "running": {name: count for counts in COUNTS for name, count in counts(self.rooms).items()},
            "problems": [problem for problems in PROBLEMS for problem in problems(self.rooms)],
        }


def empty(settings: Settings) -> list[str]:
    """Delete what Clary keeps, but for the lock; what else lies in the data folder stays, and is named."""
    if settings.database_url:
        database = Database(settings.database_url)
        database.erase()
        database.close()
    strangers = []
    for entry in settings.data_dir.iterdir():
        if entry.name not in KEPT:
            strangers.append(entry.name)
        elif entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return sorted(set(strangers) - {LOCK_FILE, REGISTER})


async def _answer(send: Any, status: int, document: dict[str, Any]) -> None:
    body = msgspec.json.encode(document)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
