"""The queue of an asynchronous endpoint: requests are answered in their order, as many at once as its instances take.

A request stays with its keeper until its outcome is in S3, so a server that dies over it does it again at its next
start: once at least, and each output is whole.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from time import perf_counter
from typing import TypeVar

import msgspec

from clary.errors import ServiceError
from clary.hosting.backlog_report import DOWNLOAD, MODEL, MODEL_ERRORS, UPLOAD, BacklogReport, Errand
from clary.hosting.endpoint import Endpoint
from clary.hosting.fleet import Instance, Variant
from clary.hosting.invocation import InvocationRefused, ModelFailure
from clary.hosting.queued import Keeper, Payload, QueuedRequest, Ticket
from clary.jobs.follow import is_passing

log = logging.getLogger("clary.hosting")

_LOOK_SECONDS = 0.05  # between two looks for a free instance
_IDLE_SECONDS = 1.0  # between two looks when nothing waits
_RETRY_SECONDS = 1.0  # after trouble that may pass, such as a full disk

Result = TypeVar("Result")


class Unanswered(Exception):
    """There will be no output; the text says why, `metric` counts such requests."""

    def __init__(self, reason: str, metric: str, status: int = 0, message: str = "") -> None:
        super().__init__(reason)
        self.metric = metric
        self.status = status
        self.message = message  # the model's own

    def document(self, request: QueuedRequest) -> Payload:
        """The failure object."""
        said = {"OriginalStatusCode": self.status, "OriginalMessage": self.message} if self.status else {}
        document = {"InferenceId": request.inference_id, "FailureReason": str(self), **said}
        return Payload(msgspec.json.encode(document), "application/json")


class Backlog:
    """Lives on the hosting room's event loop; its numbers may be read from any thread."""

    def __init__(self, endpoint: Endpoint, keeper: Keeper, report: BacklogReport) -> None:
        self._endpoint = endpoint
        self._keeper = keeper
        self._report = report
        self._waiting: deque[Ticket] = deque()
        self._next_deadline = float("inf")
        self._working: dict[asyncio.Future[None], list[Ticket]] = {}
        self._news = asyncio.Event()

    @property
    def size(self) -> int:
        """How many requests are waiting or being processed."""
        return len(self._waiting) + sum(map(len, list(self._working.values())))

    @property
    def oldest(self) -> float | None:
        """When the oldest of them came."""
        found = [ticket.received for tickets in list(self._working.values()) for ticket in tickets]
        with suppress(IndexError):
            found.append(self._waiting[0].received)
        return min(found, default=None)

    @property
    def instances(self) -> int:
        """How many instances there are for them."""
        return self._endpoint.instances

    def add(self, tickets: Iterable[Ticket]) -> None:
        """Take requests into the queue; call it on the loop."""
        for ticket in tickets:
            self._waiting.append(ticket)
            self._next_deadline = min(self._next_deadline, ticket.deadline)
        self._news.set()

    async def run(self) -> None:
        """Answer them, until this is cancelled."""
        unwatch = self._report.watch(self)
        try:
            while True:
                self._news.clear()
                self._expire()
                while self._waiting and (place := self._endpoint.claim()):
                    ticket = self._waiting.popleft()
                    self._start(self._serve(ticket, *place), [ticket])
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS if self._waiting else _IDLE_SECONDS):
                        await self._news.wait()
        finally:
            unwatch()
            working = list(self._working)
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            await self._report.close()

    def _start(self, work: Awaitable[None], tickets: list[Ticket]) -> None:
        task = asyncio.ensure_future(work)
        self._working[task] = tickets
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Future[None]) -> None:
        del self._working[task]
        self._news.set()
        if not task.cancelled() and (problem := task.exception()):
            asyncio.get_running_loop().call_exception_handler({"message": "backlog", "exception": problem})

    # A request whose turn has come

    async def _serve(self, ticket: Ticket, variant: Variant, instance: Instance) -> None:
        self._report.began(ticket, variant.spec.name)
        try:
            request = await asyncio.to_thread(self._keeper.load, ticket.name)
            if request is not None:
                errand = Errand(ticket, request, variant.spec.name, instance.log_stream)
                await self._conclude(errand, self._answer(errand, variant, instance))
        except (ServiceError, OSError) as problem:
            if not is_passing(problem):
                raise
            log.warning("a request of %s is tried again: %s", self._endpoint.name, problem)
            await asyncio.sleep(_RETRY_SECONDS)
            self._waiting.appendleft(ticket)
        finally:
            self._endpoint.release(instance)

    async def _conclude(self, errand: Errand, work: Awaitable[None]) -> None:
        """Do the work, say how it ended, and only then forget the request."""
        try:
            await work
        except Unanswered as problem:
            await self._say_why(errand.request, problem)
            self._report.failed(errand, str(problem), problem.metric)
        else:
            self._report.succeeded(errand)
        await asyncio.to_thread(self._keeper.forget, errand.ticket.name)

    async def _answer(self, errand: Errand, variant: Variant, instance: Instance) -> None:
        """Fetch the payload, ask the model, upload what it says."""
        request, invocation = errand.request, errand.request.invocation
        if request.source:
            reading = asyncio.to_thread(self._keeper.read, request.source)
            said = f"The request could not be downloaded from {request.source}", "RequestDownloadFailures"
            payload = await self._move(errand, DOWNLOAD, reading, *said)
            content_type = invocation.content_type or payload.content_type
            invocation = invocation._replace(body=payload.body, content_type=content_type)
        try:
            answer = await _timed(errand, MODEL, self._endpoint.ask(variant, instance, invocation))
        except ModelFailure as failure:
            metric = MODEL_ERRORS[not 400 <= failure.status < 500]
            raise Unanswered(explain(failure), metric, failure.status, failure.message) from None
        except InvocationRefused as refused:
            raise Unanswered(str(refused), MODEL_ERRORS[0], refused.status, str(refused)) from None
        writing = asyncio.to_thread(self._keeper.write, request.output, Payload(answer.body, answer.content_type))
        said = f"The response could not be uploaded to {request.output}", "ResponseUploadFailures"
        await self._move(errand, UPLOAD, writing, *said)

    @staticmethod
    async def _move(errand: Errand, step: str, work: Awaitable[Result], trouble: str, metric: str) -> Result:
        """Bring bytes from or to S3; what S3 refuses for good ends the request."""
        try:
            return await _timed(errand, step, work)
        except ServiceError as problem:
            if is_passing(problem):
                raise
            raise Unanswered(f"{trouble}: {problem.code}: {problem.message}", metric) from None

    async def _say_why(self, request: QueuedRequest, problem: Unanswered) -> None:
        """Write the failure object, where one is wanted and can be written."""
        if not request.failure:
            return
        try:
            await asyncio.to_thread(self._keeper.write, request.failure, problem.document(request))
        except ServiceError as trouble:
            if is_passing(trouble):
                raise
            log.error("%s could not be written: %s", request.failure, trouble.message)

    # Those that waited too long

    def _expire(self) -> None:
        """Take out what has waited too long, whether or not there is an instance for it."""
        now = self._report.now()
        if now < self._next_deadline:
            return
        late = [ticket for ticket in self._waiting if ticket.deadline <= now]
        self._waiting = deque(ticket for ticket in self._waiting if ticket.deadline > now)
        self._next_deadline = min((ticket.deadline for ticket in self._waiting), default=float("inf"))
        if late:
            self._start(self._give_up(late), late)

    async def _give_up(self, late: list[Ticket]) -> None:
        variant = self._report.variant
        while late:
            try:
                request = await asyncio.to_thread(self._keeper.load, late[0].name)
                if request is not None:
                    await self._conclude(Errand(late[0], request, variant, variant), _expired())
                late.pop(0)
            except (ServiceError, OSError) as problem:
                if not is_passing(problem):
                    raise
                await asyncio.sleep(_RETRY_SECONDS)


async def _expired() -> None:
    raise Unanswered("The request was in the queue for longer than its RequestTTLSeconds.", "ExpiredRequests")


async def _timed(errand: Errand, step: str, work: Awaitable[Result]) -> Result:
    started = perf_counter()
    try:
        return await work
    finally:
        errand.spent[step] = (perf_counter() - started) * 1e6


def explain(failure: ModelFailure) -> str:
    """A model's failure in AWS's words."""
    if not failure.status:
        return failure.message
    side = "client" if 400 <= failure.status < 500 else "server"
    return f'Received {side} error ({failure.status}) from {failure.container} with message "{failure.message}".'
