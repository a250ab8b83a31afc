"""Amazon Data Firehose: records that are put are delivered in batches to S3 or an HTTP endpoint, really transformed."""

from clary.services.firehose.host import host
from clary.services.firehose.life import recover, running
from clary.services.firehose.measurements import store as store_measurements

__all__ = ["host", "recover", "running", "store_measurements"]
