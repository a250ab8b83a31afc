"""SageMaker's functions called directly, on a real store, with jobs and hosting that only note what they are told."""

import asyncio
import inspect
from types import SimpleNamespace

import pytest

from clary.clock import MovedClock
from clary.config import Settings
from clary.hosting import PLAIN
from clary.services.sagemaker import state_changed
from clary.store.changes import Changes
from clary.store.database import Database
from clary.store.metrics import Metrics
from clary.store.objects import Objects
from clary.store.records import Records
from clary.wire import Call, Rooms
from clary.wire.operation import name_of

ACCOUNT, REGION = "000000000000", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ClaryExecutionRole"
KMEANS = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


class NotedJobs:
    """Jobs that never run."""

    def __init__(self):
        self.submitted, self.stopped, self.forgotten, self.recovered, self.fails = [], [], [], 0, None

    def submit(self, spec):
        if self.fails:
            raise self.fails
        self.submitted.append(spec)

    def stop(self, arn):
        self.stopped.append(arn)
        return True

    def forget(self, arn):
        self.forgotten.append(arn)

    def knows(self, arn):
        return arn in [spec.id for spec in self.submitted]

    def recover(self):
        self.recovered += 1


class NotedTransforms:
    """Transforms that never run."""

    def __init__(self):
        self.submitted, self.stopped, self.recovered = [], [], 0

    def submit(self, spec):
        self.submitted.append(spec)

    def stop(self, arn):
        self.stopped.append(arn)
        return True

    def knows(self, arn):
        return arn in [spec.id for spec in self.submitted]

    def recover(self):
        self.recovered += 1


class NotedHosting:
    """Hosting that starts no worker."""

    def __init__(self):
        self.created, self.updated, self.deleted, self.recovered, self.weights = [], [], [], [], {}
        self.resized = []
        self.rollouts = []

    def create(self, spec):
        self.created.append(spec)

    def update(self, spec, rollout=PLAIN):
        self.updated.append(spec)
        self.rollouts.append(rollout)

    def resize(self, spec):
        self.resized.append(spec)

    def delete(self, arn):
        self.deleted.append(arn)

    def set_weights(self, arn, weights):
        self.weights[arn] = weights

    def recover(self, specs):
        self.recovered += specs


class NotedBackground:
    """Background work that waits until a test wants it done."""

    def __init__(self):
        self.waiting, self.later = {}, {}

    def run(self, name, work):
        self.waiting[name] = work

    def run_later(self, name, work, seconds):
        self.later[name] = seconds

    def finish(self):
        while self.waiting:
            self.waiting.pop(next(iter(self.waiting)))()


class Desk:
    """Where a test calls operations, as `desk(create_training_job, TrainingJobName=...)`."""

    def __init__(self, rooms):
        self.rooms, self.clock = rooms, rooms.clock
        self.jobs, self.hosting = rooms.jobs, rooms.hosting

    def call(self, operation="", user_agent=""):
        return Call(
            rooms=self.rooms,
            service="sagemaker",
            operation=operation,
            account=ACCOUNT,
            region=REGION,
            identity=SimpleNamespace(account=ACCOUNT),
            request_id="request",
            headers={"user-agent": user_agent},
            source_ip="127.0.0.1",
            base_url="http://127.0.0.1:4566",
        )

    def __call__(self, function, user_agent="", **request):
        answer = function(self.call(name_of(function), user_agent), request)
        return asyncio.run(answer) if inspect.isawaitable(answer) else answer

    def tell(self, arn, **change):
        state_changed(self.rooms, arn, {"Time": self.clock.now(), **change})

    def store(self, bucket, *keys):
        if self.rooms.objects.buckets.get(bucket) is None:
            self.rooms.objects.buckets.create(bucket, ACCOUNT, REGION, {})
        for key in keys:
            with self.rooms.objects.incoming() as incoming:
                incoming.write([b"1,2\n"])
                self.rooms.objects.put(bucket, key, incoming.finish(), {}, lambda found: None)


@pytest.fixture
def desk(tmp_path):
    settings, clock = Settings(data_dir=tmp_path), MovedClock()
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    rooms = Rooms(
        settings=settings,
        clock=clock,
        records=Records(database, clock),
        objects=Objects(database, tmp_path / "objects", clock),
        logs=None,
        metrics=Metrics(database, clock),
        changes=Changes(),
        access=None,
        jobs=NotedJobs(),
        hosting=NotedHosting(),
        transforms=NotedTransforms(),
        streams=None,
        functions=None,
        catalog=None,
        queries=None,
        delivery=None,
        crawls=None,
        background=NotedBackground(),
    )
    desk = Desk(rooms)
    desk.store("data", "train/part-0.csv", "test/part-0.csv", "model/model.tar.gz")
    desk.store("out")
    yield desk
    database.close()


def training_job(name="job", **changes):
    """A CreateTrainingJob request for K-Means; a member given as None is left out."""
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": KMEANS, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"k": "2", "feature_dim": "2"},
        "InputDataConfig": [channel("train")],
        "OutputDataConfig": {"S3OutputPath": "s3://out/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **changes,
    }
    return {member: value for member, value in request.items() if value is not None}


def channel(name, uri=None, **changes):
    """A channel of CSV files without labels."""
    source = {"S3DataType": "S3Prefix", "S3Uri": uri or f"s3://data/{name}/"}
    source.update(changes.pop("S3DataSource", {}))
    content_type = {"ContentType": "text/csv;label_size=0"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **content_type, **changes}


def model(name="model", **changes):
    """A CreateModel request."""
    container = {"Image": KMEANS, "ModelDataUrl": "s3://data/model/model.tar.gz"}
    return {"ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": ROLE, **changes}


def variant(name="AllTraffic", model="model", **changes):
    """A production variant."""
    return {
        "VariantName": name,
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        **changes,
    }
