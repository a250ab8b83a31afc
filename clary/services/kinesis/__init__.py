"""Amazon Kinesis Data Streams: streams of records in shards, really durable, with AWS's numbers, ranges and limits."""

from clary.services.kinesis.life import recover, running
from clary.services.kinesis.measurements import store as store_measurements

__all__ = ["recover", "running", "store_measurements"]
