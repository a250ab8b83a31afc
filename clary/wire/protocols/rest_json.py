"""rest-json: members in path, query and headers, the rest as a JSON object."""

from typing import TYPE_CHECKING, Any

import msgspec

from clary.wire.model import Reference
from clary.wire.protocols.aws_json import decode_object
from clary.wire.protocols.json_output import JsonOutput
from clary.wire.protocols.rest import RestCodec
from clary.wire.response import Response

if TYPE_CHECKING:
    from clary.wire.registry import Operation


class RestJson(RestCodec):
    """One operation in rest-json."""

    protocol = "rest-json"

    def __init__(self, operation: "Operation") -> None:
        super().__init__(operation)
        output = JsonOutput(self.model)
        self._write_members = output.structure(self._output) if self._output else None
        payload = self._output.members[self._payload_out] if self._output and self._payload_out else None
        self._write_payload = output.of(payload) if payload else None

    def decode_document(self, content: bytes, reference: Reference) -> Any:
        """A JSON object."""
        tidy = self.operation.service.tidying.of(reference.shape)
        document = decode_object(content)
        return tidy(document) if tidy else document

    def decode_members(self, content: bytes) -> dict[str, Any]:
        """A JSON object; members that belong into path, query or headers don't count here."""
        assert self._input is not None
        assert self.operation.model.input is not None
        tidy = self.operation.service.tidying.of(self.operation.model.input.shape)
        document = decode_object(content)
        tidied: dict[str, Any] = tidy(document) if tidy else document
        located = {place.member for place in self._inward}
        return {name: value for name, value in tidied.items() if name not in located}

    def encode_document(self, value: Any, reference: Reference, response: Response) -> bytes:  # noqa: ARG002
        """A JSON object."""
        response.headers.setdefault("content-type", "application/json")
        return msgspec.json.encode(self._write_payload(value) if self._write_payload else value)

    def encode_members(self, value: dict[str, Any], response: Response) -> bytes:
        """A JSON object."""
        response.headers.setdefault("content-type", "application/json")
        assert self._write_members is not None
        return msgspec.json.encode(self._write_members(value))
