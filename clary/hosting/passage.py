"""The way of one request through the containers of an instance: each fed with the answer of the one before."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import NamedTuple, TypeVar

from clary.hosting.connection import Response, WorkerLost, compose
from clary.hosting.fleet import Instance, container_name
from clary.hosting.invocation import Answer, BrokenStream, Invocation, ModelFailure, StreamedAnswer
from clary.hosting.model_cache import ModelRefused
from clary.hosting.readings import INVOCATIONS, MICROSECONDS, Readings, Series
from clary.hosting.sending import send, send_for_stream
from clary.hosting.spec import VariantSpec
from clary.hosting.streaming import Streamed, StreamTimeout
from clary.hosting.targets import containers_for
from clary.hosting.worker import Worker
from clary.jobs.host import Scope

STREAM_SECONDS = 480.0
_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_INFERENCE_ID = "x-amzn-sagemaker-inference-id"
_TARGET_MODEL = "x-amzn-sagemaker-target-model"
_NOT_LOADED = 404

_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container {}. Review the latency metrics for each "
    "container in Amazon CloudWatch, resolve the issue, and try again."
)
_LOST = (
    "Amazon SageMaker could not get a response from the {} endpoint. This can occur when CPU or memory utilization is "
    "high. To check your utilization, see Amazon CloudWatch. To fix this problem, use an instance type with more CPU "
    "capacity or memory."
)

Answered = TypeVar("Answered", Response, Streamed)
Sender = Callable[[Worker, bytes, float], Awaitable[Answered]]


class Way(NamedTuple):
    """What a request goes through."""

    scope: Scope
    endpoint: str
    variant: VariantSpec
    instance: Instance
    readings: Readings


class Passage:
    """One request on its way; TargetRefused at once where it names what is not there."""

    def __init__(self, way: Way, request: Invocation, seconds: float) -> None:
        self._way = way
        self._request = request
        self._end = time.monotonic() + seconds
        self.places = containers_for(way.endpoint, way.variant, request)

    async def answer(self) -> Answer:
        """The answer of the last container; TargetRefused, ModelNotReady, ModelFailure."""
        given = self._given()
        for place in self.places:
            given = await self._through(place, given)
        return given

    async def stream(self, held: AsyncExitStack) -> StreamedAnswer:
        """The same, its body as it comes; what is held goes when that has ended, or was closed, or not even begun."""
        async with held:
            given = self._given()
            for place in self.places[:-1]:
                given = await self._through(place, given)
            place = self.places[-1]
            with self._failing(place):
                streamed = await self._ask(place, given, send_for_stream, held)
            if not 200 <= streamed.status < 300:
                with self._failing(place):
                    body = await streamed.read(self._end - time.monotonic())
                raise self._failure(place, streamed.status, body)
            kept = held.pop_all()
        headers = streamed.headers
        parts = _parts(streamed, kept)
        return StreamedAnswer(parts, headers.get("content-type", ""), given.variant, headers.get(_ATTRIBUTES, ""))

    def _given(self) -> Answer:
        """What the first container gets."""
        request = self._request
        return Answer(request.body, request.content_type, self._way.variant.name, request.custom_attributes)

    async def _through(self, place: int, given: Answer) -> Answer:
        """Give a container what the one before answered."""
        started = time.perf_counter()
        async with AsyncExitStack() as held:
            with self._failing(place):
                response = await self._ask(place, given, send, held)
        if len(self.places) > 1:
            self._note_latency(place, started)
        if not 200 <= response.status < 300:
            raise self._failure(place, response.status, response.body)
        headers = response.headers
        return Answer(response.body, headers.get("content-type", ""), given.variant, headers.get(_ATTRIBUTES, ""))

    async def _ask(self, place: int, given: Answer, sender: Sender[Answered], held: AsyncExitStack) -> Answered:
        """Send it; a model that is asked for is loaded first, and kept as long as `held`."""
        worker, cache = self._way.instance.workers[place], self._way.instance.caches.get(place)
        if cache is None:
            return await sender(worker, self._message("/invocations", place, given), self._end)
        while True:
            pool = worker.pool
            path = await held.enter_async_context(cache.holding(self._request.target_model, self._end))
            response = await sender(worker, self._message(path, place, given), self._end)
            if response.status != _NOT_LOADED or worker.pool is pool:
                return response  # else it was started anew meanwhile, and has yet to load the model

    def _message(self, path: str, place: int, given: Answer) -> bytes:
        request, multi_model = self._request, self._way.variant.containers[place].multi_model
        headers = [
            ("Content-Type", given.content_type),
            ("Accept", request.accept if place == self.places[-1] else ""),
            (_ATTRIBUTES, given.custom_attributes),
            (_INFERENCE_ID, request.inference_id),
            (_TARGET_MODEL, request.target_model if multi_model else ""),
        ]
        return compose("POST", path, headers, given.body)

    @contextmanager
    def _failing(self, place: int) -> Iterator[None]:
        """What went wrong between here and a container, as a failure of the model."""
        try:
            yield
        except ModelRefused as refused:
            raise self._failure(place, refused.response.status, refused.response.body) from None
        except TimeoutError:
            raise self._failure(place, 0, _TIMED_OUT.format(self._name(place)).encode()) from None
        except WorkerLost:
            raise self._failure(place, 0, _LOST.format(self._way.endpoint).encode()) from None

    def _failure(self, place: int, status: int, body: bytes) -> ModelFailure:
        message = body.decode("utf-8", "replace")
        return ModelFailure(status, message, self._name(place), self._way.instance.log_stream)

    def _name(self, place: int) -> str:
        return container_name(self._way.variant, place)

    def _note_latency(self, place: int, started: float) -> None:
        way = self._way
        dimensions = {
            "EndpointName": way.endpoint,
            "VariantName": way.variant.name,
            "ContainerName": self._name(place),
        }
        series = Series(way.scope, INVOCATIONS, tuple(dimensions.items()), "ContainerLatency", MICROSECONDS)
        way.readings.add(series, (time.perf_counter() - started) * 1e6)


async def _parts(streamed: Streamed, held: AsyncExitStack) -> AsyncGenerator[bytes, None]:
    """The pieces of an answer; BrokenStream where it ends before its end."""
    async with held:
        parts = streamed.parts(STREAM_SECONDS)
        try:
            async for part in parts:
                yield part
        except StreamTimeout:
            raise BrokenStream(
                "ModelInvocationTimeExceeded",
                "The model failed to finish sending the response within the timeout period allowed by Amazon "
                "SageMaker.",
            ) from None
        except WorkerLost:
            raise BrokenStream(
                "StreamBroken", "The TCP connection between the client and the model was reset or closed."
            ) from None
        finally:
            await parts.aclose()
