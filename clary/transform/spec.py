"""What a batch transform is: all that its folder's `job.json` must say to run it, after a restart too."""

from typing import Literal

import msgspec

from clary.hosting.spec import ContainerSpec
from clary.jobs.instances import Capacity, capacity_of

Content = Literal["", "csv", "lines", "document"]


class TransformSpec(msgspec.Struct, kw_only=True, frozen=True):
    """A transform job."""

    id: str
    """The ARN."""
    account: str
    region: str
    name: str
    role: str = ""
    containers: list[ContainerSpec]
    """The model's; the environment of each is the job's too."""
    network_isolation: bool = False
    source_uri: str
    source: Literal["S3Prefix", "ManifestFile"] = "S3Prefix"
    gunzip: bool = False
    content_type: str = ""
    split: Literal["None", "Line", "RecordIO"] = "None"
    strategy: Literal["", "MultiRecord", "SingleRecord"] = ""
    """"" leaves it to the container, as 0 does with the two that follow."""
    max_payload_mb: int = 0
    max_concurrent: int = 0
    timeout: float = 600.0
    """Seconds that the model has for a request."""
    retries: int = 3
    output_uri: str
    accept: str = ""
    assemble: Literal["None", "Line"] = "None"
    input_filter: str = "$"
    output_filter: str = "$"
    join: bool = False
    inference_ids: bool = False
    """Whether each record of the output gets an id and the time at which the transform began."""
    capture_uri: str = ""
    """Where manifests of what went in and came out belong; "" for nowhere."""
    input_content: Content = ""
    """The form of the records: "" where they are never looked into."""
    output_content: Content = ""
    instance_type: str = "ml.m5.large"
    instances: list[str]
    """What each instance is called in the names of its log streams."""
    log_group: str = "/aws/sagemaker/TransformJobs"

    @property
    def wanted(self) -> Capacity:
        """Cores and memory for all instances, as their type has them."""
        each, count = capacity_of(self.instance_type), len(self.instances)
        return Capacity(each.cores * count, each.memory_gib * count)
