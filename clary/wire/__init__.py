"""HTTP in, HTTP out, driven by botocore's models."""

from clary.wire.call import Call, FileSlice, Reply, RequestBody, Rooms
from clary.wire.operation import operation
from clary.wire.registry import Registry

__all__ = ["Call", "FileSlice", "Registry", "Reply", "RequestBody", "Rooms", "operation"]
