"""HTTP in, HTTP out, driven by botocore's models."""

from clary.wire.call import Call, FileSlice, JsonParts, Reply, RequestBody, Rooms
from clary.wire.operation import operation
from clary.wire.registry import Registry

__all__ = ["Call", "FileSlice", "JsonParts", "Registry", "Reply", "RequestBody", "Rooms", "operation"]
