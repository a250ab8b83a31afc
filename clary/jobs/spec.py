"""What a job is: all that its folder's `job.json` must say to run it, after a restart too."""

from typing import Any, Literal

import msgspec

from clary.images.contained import Container
from clary.jobs.instances import Capacity, capacity_of
from clary.sandbox import Mount

STOP_GRACE = 120.0  # seconds between SIGTERM and SIGKILL, as the API reference of StoppingCondition has it


class ChannelSpec(msgspec.Struct, kw_only=True, frozen=True):
    """One input channel."""

    name: str
    uri: str
    source: Literal["S3Prefix", "ManifestFile", "AugmentedManifestFile"] = "S3Prefix"
    distribution: Literal["FullyReplicated", "ShardedByS3Key"] = "FullyReplicated"
    mode: Literal["File", "Pipe", "FastFile"] = "File"
    content_type: str = ""
    compression: Literal["None", "Gzip"] = "None"
    record_wrapper: Literal["None", "RecordIO"] = "None"
    shuffle_seed: int | None = None
    attributes: list[str] = msgspec.field(default_factory=list)
    path: str = ""
    """Where a processing job has its own copy, below /opt/ml; a training job sees each channel below input/data."""


class OutputSpec(msgspec.Struct, kw_only=True, frozen=True):
    """A folder of each host whose files go to S3."""

    path: str
    """Below /opt/ml."""
    uri: str
    continuous: bool = False
    """Uploaded while the job runs too, not only at its end."""


class CheckpointSpec(msgspec.Struct, kw_only=True, frozen=True):
    """A folder of each host that is the same as a prefix in S3."""

    uri: str
    path: str = "/opt/ml/checkpoints"


class MetricSpec(msgspec.Struct, frozen=True):
    """A metric and the regular expression whose first group is its value in a log line."""

    name: str
    pattern: str


class JobSpec(msgspec.Struct, kw_only=True, frozen=True):
    """A job; either `algorithm` (a built-in) is given, or `command` (argv), or `image`, or a command in an image."""

    id: str
    """The ARN."""
    account: str
    region: str
    name: str
    kind: Literal["training", "processing"] = "training"
    algorithm: str = ""
    command: list[str] = msgspec.field(default_factory=list)
    image: str = ""
    """The URI of the image that the command runs in; without a command it is the image's own."""
    arguments: list[str] = msgspec.field(default_factory=list)
    """What goes behind the command, or behind the image's own."""
    mounts: list[Mount] = msgspec.field(default_factory=list)
    """What the program sees beside its /opt/ml."""
    root: str = ""
    """The folder that it sees in place of the system."""
    working_folder: str = ""
    container: Container | None = None
    """What runs in Podman or Docker in place of a program of this machine."""
    hyperparameters: dict[str, str] = msgspec.field(default_factory=dict)
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    channels: list[ChannelSpec] = msgspec.field(default_factory=list)
    outputs: list[OutputSpec] = msgspec.field(default_factory=list)
    configuration: dict[str, Any] = msgspec.field(default_factory=dict)
    """What a processing job's config/processingjobconfig.json says."""
    output_uri: str = ""
    """s3://bucket/prefix; a training job's artefact is at <output_uri>/<name>/output/model.tar.gz."""
    compression: Literal["GZIP", "NONE"] = "GZIP"
    instance_type: str = "ml.m5.large"
    instance_count: int = 1
    volume_gib: int = 0
    """What the channels in File mode may take; 0 sets no limit."""
    checkpoints: CheckpointSpec | None = None
    max_seconds: int = 86_400
    spot: bool = False
    """It may be interrupted, and goes on from its checkpoints when there is room again."""
    max_wait_seconds: int = 0
    """How long a spot job may take in all, its waiting included."""
    stop_grace: float = STOP_GRACE
    network_isolation: bool = False
    encrypt_between: bool = False
    metrics: list[MetricSpec] = msgspec.field(default_factory=list)
    log_group: str = "/aws/sagemaker/TrainingJobs"
    metric_namespace: str = "/aws/sagemaker/TrainingJobs"
    metric_dimensions: dict[str, str] = msgspec.field(default_factory=dict)
    max_attempts: int = 1
    """How often the job is started in all; a new attempt follows an internal error only."""
    role: str = ""
    notes: list[str] = msgspec.field(default_factory=list)
    """Lines that the first host's log begins with."""
    cores: int = 0
    """Cores for all hosts together; 0 takes what the instance type has. Capped by what the machine has."""
    memory_gib: float = 0.0
    """Memory for all hosts together; 0 takes what the instance type has. Capped likewise."""

    @property
    def hosts(self) -> list[str]:
        """algo-1 .. algo-n, in the order of their numbers."""
        return [f"algo-{number}" for number in range(1, self.instance_count + 1)]

    @property
    def wanted(self) -> Capacity:
        """Cores and memory for all hosts: what is said, or what the instance type has."""
        each, count = capacity_of(self.instance_type), self.instance_count
        return Capacity(self.cores or each.cores * count, self.memory_gib or each.memory_gib * count)
