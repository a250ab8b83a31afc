"""Amazon Data Firehose: records that are put are delivered in batches to S3 or an HTTP endpoint, really transformed."""

from clary.services.firehose.host import host
from clary.services.firehose.life import problems, recover, running
from clary.services.firehose.measurements import store as store_measurements

__all__ = ["host", "problems", "recover", "running", "store_measurements"]
