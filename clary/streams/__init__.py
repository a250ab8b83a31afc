"""Streams: records in the order they came, kept in files until they are too old; knows nothing of AWS's wire."""

from clary.streams.batch import Batch
from clary.streams.log import ShardClosed, StreamGone, StreamLog
from clary.streams.room import Streams
from clary.streams.shard import ShardLog

__all__ = ["Batch", "ShardClosed", "ShardLog", "StreamGone", "StreamLog", "Streams"]
