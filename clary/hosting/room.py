"""The hosting room: all endpoints, and the event loop on which their workers are looked after."""

import asyncio
import concurrent.futures
import fcntl
import itertools
import os
import shutil
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from clary.clock import Clock
from clary.config import Settings
from clary.hosting.backlog import Backlog
from clary.hosting.backlog_report import BacklogReport
from clary.hosting.capture import Captures
from clary.hosting.endpoint import Endpoint
from clary.hosting.fleet import Fleet
from clary.hosting.invocation import Answer, EndpointNotFoundError, Invocation, StreamedAnswer
from clary.hosting.measurements import Measurements
from clary.hosting.queued import Keeper, Ticket
from clary.hosting.rollout import PLAIN, Rollout
from clary.hosting.spec import EndpointSpec
from clary.hosting.worker import Ground
from clary.jobs.host import Host
from clary.sandbox import WarmParent, fresh_folders

_FLUSH_SECONDS = 1.0
_CLOSE_SECONDS = 15.0


class Hosting:
    """Endpoints by their id. What they look like is kept by the service; here are only the processes."""

    def __init__(self, settings: Settings, clock: Clock, host: Host, warm: WarmParent, folder: Path) -> None:
        self._measurements = Measurements(host, clock)
        self._ground = Ground(host, warm, clock, settings, self._measurements.readings)
        self._clock = clock
        self._folder = folder
        self._sockets = fresh_folders(folder)
        self._lock = os.open(self._sockets, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_SH)  # systemd's cleaning of /tmp spares locked folders
        self._endpoints: dict[str, Endpoint] = {}
        self._backlogs: dict[str, tuple[Backlog, concurrent.futures.Future[None]]] = {}
        self._numbers = itertools.count(1)
        self._captures = Captures(host, clock, folder)
        self._pending: set[concurrent.futures.Future[Any]] = set()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hosting", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._put_metrics(), self._loop)
        asyncio.run_coroutine_threadsafe(self._let_rest(settings.serverless_idle_seconds), self._loop)

    def create(self, spec: EndpointSpec) -> None:
        """Start an endpoint; its state comes through the host's `state_changed`."""
        self._add(spec, serving=False)

    def update(self, spec: EndpointSpec, rollout: Rollout = PLAIN) -> None:
        """Start new workers, let them take over, end the old ones; where the new don't come up the old ones stay."""
        self._run(self._endpoints[spec.id].deploy(self._fleet(spec), rollout))

    def resize(self, spec: EndpointSpec) -> None:
        """Start or stop instances until the variants have as many as they shall."""
        self._run(self._endpoints[spec.id].resize(spec))

    def set_weights(self, id: str, weights: Mapping[str, float]) -> None:  # noqa: A002
        """Change the variants' shares of the traffic, from the next request on."""
        self._endpoints[id].set_weights(dict(weights))

    def delete(self, id: str) -> None:  # noqa: A002
        """End an endpoint; from now on it is not found."""
        endpoint = self._endpoints.pop(id, None)
        if endpoint is not None:
            backlog = self._backlogs.pop(id, None)
            if backlog is not None:
                backlog[1].cancel()  # first: a request that a worker's end interrupts has not failed
            self._run(endpoint.delete())
            self._captures.flush_soon()

    async def invoke(self, id: str, request: Invocation) -> Answer:  # noqa: A002
        """Ask the model; EndpointNotFoundError, VariantNotFoundError, ModelFailure."""
        endpoint = self._endpoints.get(id)
        if endpoint is None:
            raise EndpointNotFoundError(id)
        return await endpoint.invoke(request)

    async def invoke_stream(self, id: str, request: Invocation) -> StreamedAnswer:  # noqa: A002
        """The same, the answer as it comes."""
        endpoint = self._endpoints.get(id)
        if endpoint is None:
            raise EndpointNotFoundError(id)
        return await endpoint.invoke_stream(request)

    def attend(self, spec: EndpointSpec, keeper: Keeper, tickets: Sequence[Ticket] = ()) -> None:
        """Answer what is put into the queue of an asynchronous endpoint, and the tickets first."""
        if spec.id not in self._backlogs:
            report = BacklogReport(self._ground, spec, self._measurements.readings)
            backlog = Backlog(self._endpoints[spec.id], keeper, report)
            backlog.add(tickets)
            self._backlogs[spec.id] = backlog, self._run(backlog.run())

    def enqueue(self, id: str, ticket: Ticket) -> None:  # noqa: A002
        """Put a request into the queue of an endpoint that is attended; one that is deleted meanwhile drops it."""
        backlog = self._backlogs.get(id)
        if backlog is not None:
            with suppress(RuntimeError):  # the server ends: the request is there when it is back
                self._loop.call_soon_threadsafe(backlog[0].add, [ticket])

    def backlog_size(self, id: str) -> int:  # noqa: A002
        """How many requests of an endpoint are queued or being processed."""
        backlog = self._backlogs.get(id)
        return backlog[0].size if backlog else 0

    def recover(self, specs: Iterable[EndpointSpec]) -> None:
        """Start the endpoints that were in service before the server ended; invocations wait for them."""
        for spec in specs:
            self._add(spec, serving=True)

    def close(self) -> None:
        """End all workers and the loop; leaves no process and no file behind."""
        if self._closed:
            return
        self._closed = True
        for id in list(self._endpoints):  # noqa: A001
            self.delete(id)
        concurrent.futures.wait(set(self._pending), _CLOSE_SECONDS)
        with suppress(concurrent.futures.TimeoutError):
            asyncio.run_coroutine_threadsafe(_end_tasks(), self._loop).result(_CLOSE_SECONDS)
        self._measurements.flush()
        self._captures.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        os.close(self._lock)
        shutil.rmtree(self._sockets, ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _add(self, spec: EndpointSpec, *, serving: bool) -> None:
        def report(change: dict[str, Any]) -> None:
            self._ground.host.state_changed(spec.id, {**change, "Time": self._clock.now()})

        endpoint = self._endpoints[spec.id] = Endpoint(
            self._ground, spec, report, self._measurements, self._captures, serving=serving
        )
        self._run(endpoint.deploy(self._fleet(spec)))

    def _fleet(self, spec: EndpointSpec) -> Fleet:
        return Fleet(self._ground, spec, self._folder / str(next(self._numbers)), self._sockets)

    def _run(self, work: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None]:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._pending.add(future)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: concurrent.futures.Future[Any]) -> None:
        self._pending.discard(future)
        if not future.cancelled() and (error := future.exception()):
            self._loop.call_exception_handler({"message": "hosting", "exception": error})

    async def _put_metrics(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await asyncio.to_thread(self._measurements.flush)

    async def _let_rest(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            for endpoint in list(self._endpoints.values()):
                await endpoint.let_rest(seconds)


async def _end_tasks() -> None:
    """Cancel what is still to do on this loop and see it end: a loop is closed without tasks."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
