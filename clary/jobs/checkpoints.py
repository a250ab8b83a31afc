"""A job's checkpoints: brought from S3 before it starts, kept the same there while it runs and once more at its end."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clary.errors import ClientError, ServiceError
from clary.jobs.channels import Item, Staging, path_below
from clary.jobs.host import Host
from clary.jobs.manifests import split_uri
from clary.jobs.spec import CheckpointSpec, JobSpec
from clary.jobs.sync import Sync
from clary.sandbox import Mount

ML = "/opt/ml/"
IGNORED = (".sagemaker-ignore", ".sagemaker-uploading", ".sagemaker-uploaded")
"""What the open containers call their drafts, and AWS's marks of what it uploads."""


def place_of(checkpoints: CheckpointSpec) -> str:
    """Where the checkpoints lie below a host's folder; those outside /opt/ml in a folder of their own."""
    path = checkpoints.path.rstrip("/")
    return f"ml/{path.removeprefix(ML)}" if path.startswith(ML) else "checkpoints"


def mounts_of(host: Path, spec: JobSpec) -> list[Mount]:
    """What a program has to see of them beside its /opt/ml."""
    if spec.checkpoints is None or spec.checkpoints.path.startswith(ML):
        return []
    return [Mount(os.fspath(host / place_of(spec.checkpoints)), spec.checkpoints.path, writable=True)]


class Checkpoints:
    """Those of one attempt. Each host has its own folder and all share one place in S3, as on AWS."""

    def __init__(self, host: Host, spec: JobSpec, attempt: Path) -> None:
        self._host = host
        self._spec = spec.checkpoints
        self._syncs = [(folder, self._sync_of(folder)) for folder in (attempt / "hosts" / name for name in spec.hosts)]

    def bring(self, staging: Staging) -> None:
        """Before the start: each host gets a copy of what there is."""
        if self._spec is None:
            return
        bucket, prefix = _bucket_and_folder(self._spec)
        found = [row for row in self._host.list_objects(bucket, prefix) if row.size or not row.key.endswith("/")]
        items = [Item(bucket, row.key, path_below(prefix, row.key)) for row in found if not row.key.endswith(IGNORED)]
        for folder, sync in self._syncs:
            config = {"S3Uri": self._spec.uri, "LocalPath": self._spec.path}
            (folder / "ml" / "input" / "config" / "checkpointconfig.json").write_text(json.dumps(config))
            staging.link(items, folder / place_of(self._spec), own=True)
            sync.adopt()

    @contextmanager
    def watched(self, every: float) -> Iterator[None]:
        """Keep S3 the same during the block, on a thread of its own: a slow or refusing store holds up nobody."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(every):
                for _, sync in self._syncs:
                    sync.look()

        thread = threading.Thread(target=watch, name="checkpoints", daemon=True)
        if self._spec:
            thread.start()
        try:
            yield
        finally:
            over.set()
            if self._spec:
                thread.join()

    def finish(self) -> None:
        """All hosts have ended: upload the rest. Raises what stands in the way, and may be called again."""
        problems: list[Exception] = []
        for _, sync in self._syncs if self._spec else []:
            try:
                sync.finish()
            except (ClientError, ServiceError, OSError) as problem:
                problems.append(problem)
        if problems:
            raise problems[0]

    def _sync_of(self, folder: Path) -> Sync:
        spec = self._spec or CheckpointSpec(uri="s3://none")
        bucket, prefix = _bucket_and_folder(spec)
        return Sync(
            folder,
            place_of(spec),
            lambda inside, path: self._host.put_object(bucket, prefix + inside, path),
            folder / "uploading",
            delete=lambda inside: self._host.delete_object(bucket, prefix + inside),
            state=folder / "checkpoints.json",
            ignored=IGNORED,
        )


def _bucket_and_folder(spec: CheckpointSpec) -> tuple[str, str]:
    bucket, prefix = split_uri(spec.uri)
    return bucket, f"{prefix.strip('/')}/".lstrip("/")
