"""What an endpoint consists of, as the sagemaker service describes it; kept by the service, not here."""

import msgspec

from clary.images.contained import Container
from clary.sandbox import Mount


class ContainerSpec(msgspec.Struct, kw_only=True, frozen=True):
    """One container of a model; several form a pipeline, each fed with the answer of the one before."""

    algorithm: str = ""  # a name of clary.algorithms
    image: str = ""  # or the URI of an image that runs here
    command: list[str] = []  # what serves in it: `dress` tells
    mounts: list[Mount] = []
    root: str = ""
    working_folder: str = ""
    port: int = 0
    container: Container | None = None
    allow_unsandboxed: bool = False
    model_uri: str = ""  # s3://bucket/key of a model.tar.gz, or a prefix where not compressed; "" for none
    compressed: bool = True
    environment: dict[str, str] = {}
    hostname: str = ""  # ContainerHostname
    multi_model: bool = False  # model_uri is the prefix of many model.tar.gz
    cache_models: bool = True  # else each is unloaded after its answer


class CaptureSpec(msgspec.Struct, kw_only=True, frozen=True):
    """Which requests and answers are captured, and how they are written down."""

    uri: str  # s3://bucket/prefix
    percentage: int
    input: bool
    output: bool
    csv_types: list[str] = []  # media types that are written as text; all others are in base64
    json_types: list[str] = []


class ServerlessSpec(msgspec.Struct, kw_only=True, frozen=True):
    """Instances that start when they are needed."""

    memory_bytes: int  # that each of them may use
    max_concurrency: int  # instances at most, each with one request
    provisioned: int = 0  # instances at least


class VariantSpec(msgspec.Struct, kw_only=True, frozen=True):
    """One production variant: a model on so many instances, with a share of the traffic."""

    name: str
    containers: list[ContainerSpec]
    weight: float = 1.0
    instance_count: int = 1
    instance_type: str = ""
    startup_seconds: float = 480.0  # ContainerStartupHealthCheckTimeoutInSeconds
    download_seconds: float = 3600.0  # ModelDataDownloadTimeoutInSeconds
    network_isolation: bool = False
    direct: bool = False  # a request goes to the container that it names, not through all
    routing: str = ""  # RoutingStrategy
    accelerator_type: str = ""  # AcceleratorType
    capture: CaptureSpec | None = None
    shadow: bool = False  # it gets copies of another variant's requests, in the ratio of their weights
    serverless: ServerlessSpec | None = None  # `instance_count` is then that of the provisioned ones
    config: str = ""  # the name of the endpoint configuration that it is from
    concurrent: int = 0  # requests that an instance takes from the queue at once; 0 where the endpoint has no queue


class EndpointSpec(msgspec.Struct, kw_only=True, frozen=True):
    """An endpoint."""

    id: str  # its ARN
    account: str
    region: str
    name: str
    variants: list[VariantSpec]

    @property
    def log_group(self) -> str:
        """Where its workers' output goes."""
        return f"/aws/sagemaker/Endpoints/{self.name}"
