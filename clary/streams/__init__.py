"""Streams: records in the order they came, kept in files until they are too old; knows nothing of AWS's wire."""

from clary.streams.entries import Entry
from clary.streams.log import ShardClosed, StreamGone, StreamLog
from clary.streams.room import Streams

__all__ = ["Entry", "ShardClosed", "StreamGone", "StreamLog", "Streams"]
