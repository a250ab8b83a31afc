"""Amazon Data Firehose: records that are put are delivered in batches to S3 or an HTTP endpoint, really transformed."""

from clary.services.firehose.host import host
from clary.services.firehose.life import recover, running

__all__ = ["host", "recover", "running"]
