"""The models of a multi-model container on one instance: fetched and loaded on first use, unloaded when memory ends.

The container says when a model does not fit (507); then the model that was asked least recently makes room. Belongs to
the event loop on which requests are served.
"""

import asyncio
import hashlib
import itertools
import json
import shutil
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from clary.hosting.connection import Response, WorkerLost, compose
from clary.hosting.invocation import ModelNotReady, TargetRefused
from clary.hosting.model_data import ModelDataError, ModelMissingError, fetch_model
from clary.hosting.readings import MICROSECONDS, NONE
from clary.hosting.sending import wait_until_up
from clary.hosting.spec import ContainerSpec
from clary.hosting.worker import Worker
from clary.jobs.host import Host

LOAD_SECONDS = 360.0
_LOOK_SECONDS = 0.02
_FREE_DISK = 0.1  # of the disk: below, models that are not loaded are deleted from it
_NO_ROOM, _LOADED_ALREADY, _OK = 507, 409, 200

Note = Callable[[str, str, float], None]
"""(metric, unit, value)."""


class ModelRefused(Exception):
    """The container did not load the model: what it answered."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class _Model:
    """A model that is loaded, or about to be."""

    def __init__(self, target: str, name: str) -> None:
        self.target = target
        self.name = name
        self.users = 0
        self.loading: asyncio.Task[None]

    @property
    def loaded(self) -> bool:
        return self.loading.done()  # those that failed are forgotten


class ModelCache:
    """`holding` a model makes sure that it is loaded, and stays so."""

    def __init__(self, host: Host, container: ContainerSpec, worker: Worker, folder: Path, note: Note) -> None:
        self._host = host
        self._container = container
        self._worker = worker
        self._pool = worker.pool
        self._folder = folder
        self._note = note
        self._models: dict[str, _Model] = {}  # the one asked least recently comes first
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()
        self._unloading: set[asyncio.Task[None]] = set()
        self.on_close: Callable[[], None] = lambda: None

    def has(self, target: str) -> bool:
        """Whether a model is loaded."""
        model = self._models.get(target)
        return model is not None and model.loaded

    def count(self) -> int:
        """How many models are loaded."""
        return sum(model.loaded for model in list(self._models.values()))

    @asynccontextmanager
    async def holding(self, target: str, end: float) -> AsyncGenerator[str, None]:
        """The container's path to ask a model at, which is loaded first where it is not.

        TargetRefused, ModelNotReady at `end` (monotonic), ModelRefused, WorkerLost.
        """
        started = time.perf_counter()
        await wait_until_up(self._worker, end)
        self._forget_if_restarted()
        hit = self.has(target)
        model = self._take(target)
        self._note("ModelCacheHit", NONE, float(hit))
        try:
            if not hit:
                await _loaded(model, end)
                self._note_time("ModelLoadingWaitTime", started)
            yield f"/models/{model.name}/invoke"
        finally:
            model.users -= 1
            if not self._container.cache_models and not model.users and model.loaded:
                self._drop(model)

    def _take(self, target: str) -> _Model:
        """The model, from now on the one that was asked last."""
        model = self._models.pop(target, None)
        if model is None:
            model = _Model(target, self._name(target))
            model.loading = asyncio.create_task(self._load(model))
            model.loading.add_done_callback(lambda task: task.cancelled() or task.exception())  # none may wait for it
        self._models[target] = model
        model.users += 1
        return model

    def _name(self, target: str) -> str:
        """What the container calls it; one that isn't kept is another each time, so that none takes it for the last."""
        name = hashlib.sha256(target.encode()).hexdigest()[:24]
        return name if self._container.cache_models else f"{name}-{next(self._numbers)}"

    def _forget_if_restarted(self) -> None:
        """A container that was started anew has no models; what is being loaded goes to the new one."""
        if self._pool is not self._worker.pool:
            self._pool = self._worker.pool
            self._models = {target: model for target, model in self._models.items() if not model.loaded}

    async def _load(self, model: _Model) -> None:
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                if not (self._folder / model.name).exists():
                    await self._download(model)
                async with self._turn:
                    await self._load_from_disk(model)
        except BaseException:
            if self._models.get(model.target) is model:
                del self._models[model.target]
            shutil.rmtree(self._folder / model.name, ignore_errors=True)  # there may be a better one by the next time
            raise

    async def _download(self, model: _Model) -> None:
        """Bring it to the folder that the container sees; what is there under its name is whole."""
        started = time.perf_counter()
        prefix = self._container.model_uri.rstrip("/")
        uri = f"{prefix}/{model.target.lstrip('/')}"
        arriving = self._folder / f"{model.name}.arriving"
        try:
            await asyncio.to_thread(self._fetch, uri, arriving)
        except ModelMissingError:
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            raise TargetRefused(
                f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an object "
                "located at the URL and that the role passed to CreateModel has permissions to download the model."
            ) from None
        except ModelDataError as error:
            raise TargetRefused(str(error)) from None
        arriving.rename(self._folder / model.name)
        self._note_time("ModelDownloadingTime", started)

    def _fetch(self, uri: str, folder: Path) -> None:
        self._free_disk()
        shutil.rmtree(folder, ignore_errors=True)
        fetch_model(self._host, msgspec.structs.replace(self._container, model_uri=uri), folder)

    def _free_disk(self) -> None:
        """Delete models from the disk while it is nearly full, but none that is loaded or about to be."""
        for folder in sorted(self._folder.iterdir()):
            disk = shutil.disk_usage(self._folder)
            if disk.free >= _FREE_DISK * disk.total:
                return
            if folder.name.partition(".")[0] not in {model.name for model in list(self._models.values())}:
                shutil.rmtree(folder, ignore_errors=True)

    async def _load_from_disk(self, model: _Model) -> None:
        """Have the container load it; while it has no room, unload others."""
        wanted = {"model_name": model.name, "url": f"/opt/ml/models/{model.name}/model"}
        headers = [("Content-Type", "application/json"), ("Accept", "application/json")]
        message = compose("POST", "/models", headers, json.dumps(wanted).encode())
        while True:
            started = time.perf_counter()
            response = await self._worker.pool.request(message, LOAD_SECONDS)
            if response.status != _NO_ROOM or not await self._make_room():
                break
        if response.status not in (_OK, _LOADED_ALREADY):
            raise ModelRefused(response)
        self._note_time("ModelLoadingTime", started)

    async def _make_room(self) -> bool:
        """Unload the model that was asked least recently, or wait while all answer; False where none is loaded."""
        loaded = [model for model in self._models.values() if model.loaded]
        idle = [model for model in loaded if not model.users]
        if idle:
            del self._models[idle[0].target]
            await self._unload(idle[0])
        elif loaded:
            await asyncio.sleep(_LOOK_SECONDS)
        return bool(loaded)

    async def _unload(self, model: _Model) -> None:
        started = time.perf_counter()
        await self._worker.pool.request(compose("DELETE", f"/models/{model.name}", []), LOAD_SECONDS)
        self._note_time("ModelUnloadingTime", started)

    def _drop(self, model: _Model) -> None:
        """Unload a model and delete it from the disk, in the background."""
        if self._models.get(model.target) is model:
            del self._models[model.target]
        task = asyncio.create_task(self._unload_and_delete(model))
        self._unloading.add(task)
        task.add_done_callback(self._unloading.discard)

    async def _unload_and_delete(self, model: _Model) -> None:
        with suppress(WorkerLost, TimeoutError):  # it ends, and the model with it
            await self._unload(model)
        await asyncio.to_thread(shutil.rmtree, self._folder / model.name, ignore_errors=True)

    def _note_time(self, metric: str, started: float) -> None:
        self._note(metric, MICROSECONDS, (time.perf_counter() - started) * 1e6)


async def _loaded(model: _Model, end: float) -> None:
    """Wait for a model; it goes on loading when the one who asked must no longer wait."""
    try:
        await asyncio.wait_for(asyncio.shield(model.loading), end - time.monotonic())
    except TimeoutError:
        raise ModelNotReady(f"Model {model.target} is not ready for inference serving. Please try again.") from None
