"""A house for jobs whose every word outlives a kill -9: logs in SQLite, objects in a folder, states in a file.

Run as a program it is a server that is there to be killed: it recovers what is in the folder, submits the spec it is
given, and waits.
"""

import json
import os
import sys
import threading
from pathlib import Path
from urllib.parse import quote

import msgspec

from clary.clock import Clock
from clary.config import Settings
from clary.errors import ServiceError
from clary.jobs import ChannelSpec, Host, Jobs, JobSpec
from clary.sandbox import WarmParent
from clary.store.database import Database
from clary.store.logs import Logs
from clary.store.metrics import Metrics

ACCOUNT, REGION = "000000000000", "us-east-1"
ENDS = ("Completed", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded")
WAIT = 60


class NoSuchBucket(ServiceError):
    code, status = "NoSuchBucket", 404


class NoSuchKey(ServiceError):
    code, status = "NoSuchKey", 404


class Found(msgspec.Struct):
    key: str
    size: int
    etag: str = ""


class Buckets:
    """Objects as files whose names are quoted keys."""

    def __init__(self, folder):
        self.folder = folder

    def put(self, bucket, key, data=b""):
        path = self.folder / bucket / quote(key, safe="")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        path.chmod(0o444)

    def get(self, bucket, key):
        return (self.folder / bucket / quote(key, safe="")).read_bytes()

    def keys(self, bucket):
        return [found.key for found in self.list_objects(bucket, "")]

    def list_objects(self, bucket, prefix):
        from urllib.parse import unquote

        if not (self.folder / bucket).exists():
            raise NoSuchBucket("The specified bucket does not exist")
        found = [Found(unquote(path.name), path.stat().st_size) for path in (self.folder / bucket).iterdir()]
        yield from sorted((row for row in found if row.key.startswith(prefix)), key=lambda row: row.key.encode())

    def fetch_object(self, bucket, key, target):
        try:
            os.link(self.folder / bucket / quote(key, safe=""), target)
        except FileNotFoundError:
            raise NoSuchKey("The specified key does not exist.") from None

    def put_object(self, bucket, key, path):
        if not (self.folder / bucket).exists():
            raise NoSuchBucket("The specified bucket does not exist")
        self.put(bucket, key, Path(path).read_bytes())

    def delete_object(self, bucket, key):
        (self.folder / bucket / quote(key, safe="")).unlink(missing_ok=True)


class House:
    """Jobs in a folder, and what they told."""

    def __init__(self, folder, warm, **settings):
        self.folder = folder
        self.buckets = Buckets(folder / "buckets")
        self.database = Database(f"sqlite:///{folder / 'state.db'}")
        self.logs = Logs(self.database, Clock())
        self.metrics = Metrics(self.database, Clock())
        self.told = threading.Condition()
        self.states = folder / "states"
        self.states.touch()
        host = Host(
            list_objects=self.buckets.list_objects,
            fetch_object=self.buckets.fetch_object,
            put_object=self.buckets.put_object,
            delete_object=self.buckets.delete_object,
            append_log=lambda scope, group, stream, events, position: self.logs.append(
                *scope, group, stream, events, position=position
            ),
            log_position=lambda scope, group, stream: self.logs.position(*scope, group, stream),
            put_metrics=lambda scope, namespace, data, source: self.metrics.put(*scope, namespace, data, source=source),
            state_changed=self._state_changed,
            credentials=lambda account, role: {"AWS_ACCESS_KEY_ID": "ASIAJOB", "AWS_SECRET_ACCESS_KEY": "x"},
        )
        self.jobs = Jobs(Settings(data_dir=folder, **settings), Clock(), host, warm, folder / "jobs")

    def _state_changed(self, job, change):
        with self.told, self.states.open("a") as file:
            file.write(json.dumps([job, change]) + "\n")
            file.flush()
            self.told.notify_all()

    def changes(self, name):
        """What was told of a job, a state told again only once."""
        rows = [json.loads(line) for line in self.states.read_text().splitlines()]
        changes = []
        for job, change in rows:
            if job == arn(name) and change not in changes:
                changes.append(change)
        return changes

    def statuses(self, name):
        return [change["SecondaryStatus"] for change in self.changes(name)]

    def wait_for(self, name, *statuses):
        """The change that brought one of these states; a job that ends otherwise fails the test."""

        def seen():
            return next((row for row in self.changes(name) if row["SecondaryStatus"] in (*statuses, *ENDS)), None)

        with self.told:
            assert self.told.wait_for(lambda: seen() is not None, WAIT), self.statuses(name)
        found = seen()
        wanted = [row for row in self.changes(name) if row["SecondaryStatus"] in statuses]
        assert wanted, found
        return wanted[0]

    def end(self, name):
        return self.wait_for(name, *ENDS)

    def streams(self, name):
        return sorted(row.name for row in self.logs.streams(ACCOUNT, REGION, GROUP, prefix=f"{name}/"))

    def lines(self, name, host="algo-1"):
        (stream,) = [row for row in self.streams(name) if f"/{host}-" in row]
        return [event.message for event in read_all(self.logs, stream)]

    def values(self, metric, name):
        buckets = self.metrics.statistics(
            ACCOUNT, REGION, (GROUP, metric, {"TrainingJobName": name}), 0, 1 << 40, 60, samples=True
        )
        return [value for bucket in buckets for value, count in bucket.summary.samples for _ in range(int(count))]

    def close(self):
        self.jobs.close()
        self.database.close()


GROUP = "/aws/sagemaker/TrainingJobs"


def read_all(logs, stream):
    return list(logs.read(ACCOUNT, REGION, GROUP, stream))


def arn(name):
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/{name}"


def make_spec(name, code, *channels, **more):
    """A job that runs a piece of Python."""
    return JobSpec(
        **{
            "id": arn(name),
            "account": ACCOUNT,
            "region": REGION,
            "name": name,
            "command": [sys.executable, "-S", "-u", "-c", code],
            "channels": list(channels),
            "output_uri": "s3://out/models",
            "role": f"arn:aws:iam::{ACCOUNT}:role/Job",
            "cores": 1,
            "memory_gib": 1.0,
            **more,
        }
    )


def pipe(name, uri, **more):
    return ChannelSpec(name=name, uri=uri, mode="Pipe", **more)


def main(folder, spec):
    warm = WarmParent(["clary.jobs.supervisor"], Path(folder) / "warm")
    warm.start()
    house = House(Path(folder), warm, job_cores=4, job_memory_gib=8.0)
    house.jobs.recover()
    if spec:
        house.jobs.submit(msgspec.json.decode(spec, type=JobSpec))
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
