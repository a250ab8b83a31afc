"""Encryption of what is stored: there is none."""

from typing import Any

from clary.services.firehose import stream_record
from clary.services.firehose.errors import InvalidKMSResourceException
from clary.wire import Call, operation


@operation
def start_delivery_stream_encryption(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Refused: there are no keys here, and records that are not encrypted must not be called so."""
    stream_record.require(call, request)
    raise InvalidKMSResourceException("Clary has no KMS and stores delivery streams without encryption.")


@operation
def stop_delivery_stream_encryption(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Nothing to do: no delivery stream is encrypted."""
    stream_record.require(call, request)
    return {}
