"""rest-xml as S3 speaks it."""

from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.wire.body import StreamedBody
from clary.wire.identifiers import host_id
from clary.wire.model import Reference
from clary.wire.protocols.rest import Place, RestCodec
from clary.wire.protocols.xml_input import MalformedXML, XmlInput, local_name, parse_xml
from clary.wire.protocols.xml_output import DECLARATION, WriteMembers, XmlOutput, namespace_attribute
from clary.wire.response import Response

if TYPE_CHECKING:
    from clary.wire.registry import Operation

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

# The root elements that differ from the model's name of the output shape without its suffix.
ROOTS = {
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}

# What the SDK for C++, which pyarrow's S3 is made with, writes in lower case.
ANY_CASE = {"ChecksumMode"}

# What S3 answers to a header whose value is in no list of the model's; InvalidArgument otherwise.
ENUM_REFUSALS = {
    "StorageClass": ("InvalidStorageClass", "The storage class you specified is not valid"),
    "ServerSideEncryption": (
        "InvalidEncryptionAlgorithmError",
        "The encryption request you specified is not valid. The valid value is AES256.",
    ),
    "ChecksumAlgorithm": (
        "InvalidRequest",
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
        "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
    ),
    "EncodingType": ("InvalidArgument", "Invalid Encoding Method specified in Request"),
    "MetadataDirective": ("InvalidArgument", "Unknown metadata directive."),
    "TaggingDirective": ("InvalidArgument", "Unknown tagging directive."),
}


class RestXml(RestCodec):
    """One operation in rest-xml."""

    protocol = "rest-xml"

    def __init__(self, operation: "Operation") -> None:
        super().__init__(operation)
        self._xml_input = XmlInput(self.model)
        self._xml_output = XmlOutput(self.model, milliseconds=True)
        self._enumerated = [place for place in self._inward if self._is_enumerated(place)]
        self._root = ROOTS.get(operation.name) or f"{operation.name}Result"

    def decode(self, request: Any, labels: dict[str, str]) -> dict[str, Any]:
        """As all REST services, and the encodings of an object without the framing of its transfer."""
        found = super().decode(request, labels)
        for place in self._enumerated:
            if place.member in ANY_CASE and place.member in found:
                found[place.member] = found[place.member].upper()
            if place.member in found:
                self._check_enum(place, found[place.member])
        if "aws-chunked" in found.get("ContentEncoding", ""):
            encodings = (name.strip() for name in found.pop("ContentEncoding").split(","))
            if kept := ",".join(name for name in encodings if name != "aws-chunked"):
                found["ContentEncoding"] = kept
        return found

    def attach_stream(self, values: dict[str, Any], body: StreamedBody) -> None:
        """Put the streaming input member into a validated request; a transfer's length is not the content's."""
        super().attach_stream(values, body)
        values.pop("ContentLength", None)
        if body.length is not None:
            values["ContentLength"] = body.length

    def decode_document(self, content: bytes, reference: Reference) -> Any:
        """An XML document with the root that the model names."""
        root = parse_xml(content)
        shape = self.model.shapes[reference.shape]
        if local_name(root) not in (reference.location_name, shape.location_name, reference.shape):
            raise MalformedXML
        return self._xml_input.of(reference)(root)

    def decode_members(self, content: bytes) -> dict[str, Any]:
        """An XML document, members in any root."""
        if not content or self.operation.model.input is None:
            return {}
        found: dict[str, Any] = self._xml_input.of(self.operation.model.input)(parse_xml(content))
        return found

    def encode_document(self, value: Any, reference: Reference, response: Response) -> bytes:
        """An XML document named as the model's member is."""
        shape = self.model.shapes[reference.shape]
        root = reference.location_name or shape.location_name or reference.shape
        return self._document(root, self._xml_output.members(shape), value, response)

    def encode_members(self, value: dict[str, Any], response: Response) -> bytes:
        """An XML document of the members that are in no header."""
        assert self._output is not None
        return self._document(self._root, self._xml_output.members(self._output), value, response)

    def _document(self, root: str, write: WriteMembers, value: dict[str, Any], response: Response) -> bytes:
        response.headers.setdefault("content-type", "application/xml")
        out = [DECLARATION, f"<{root}{namespace_attribute(NAMESPACE)}>"]
        if self.operation.name == "GetBucketLocation":  # its root holds the value itself
            out.append(value.get("LocationConstraint") or "")
        else:
            write(out, value)
        out.append(f"</{root}>")
        return "".join(out).encode()

    def id_headers(self, request_id: str) -> dict[str, str]:
        """S3 has two ids."""
        return {"x-amz-request-id": request_id, "x-amz-id-2": host_id(request_id)}

    def bad_value(self, place: Place, text: str) -> ServiceError | None:
        """InvalidArgument; but a date that a condition can't be held against is no condition (RFC 9110)."""
        if place.shape.type == "timestamp" and "if-" in place.name:
            return None
        return invalid_argument(place.name, text, _wrong_value(place))

    def refusal(self, found: list[str]) -> ServiceError:
        """What S3 answers to a request that breaks the model; it doesn't say what is wrong with a document."""
        missing = (
            found[0].removeprefix("Value null at '").partition("'")[0] if found[0].startswith("Value null") else ""
        )
        for place in self._inward:
            if missing == place.member[:1].lower() + place.member[1:]:
                message = f"Missing required header for this request: {place.name}"
                return ServiceError(message, code="InvalidRequest", status=400)
        if missing and self._input and missing.lower() == self._input.payload.lower():
            return ServiceError("Request Body is empty", code="MissingRequestBodyError", status=400)
        for place in self._inward:
            if any(f" at '{place.member[:1].lower()}{place.member[1:]}' failed" in problem for problem in found):
                return ServiceError(_wrong_value(place), code="InvalidArgument", status=400)
        return MalformedXML()

    def _is_enumerated(self, place: Place) -> bool:
        element = self.model.shapes[place.shape.member.shape] if place.shape.member else place.shape
        return bool(element.enum)

    def _check_enum(self, place: Place, value: str | list[str]) -> None:
        element = self.model.shapes[place.shape.member.shape] if place.shape.member else place.shape
        for text in value if isinstance(value, list) else [value]:
            if element.enum and text not in element.enum:
                code, message = ENUM_REFUSALS.get(place.member, ("InvalidArgument", f"Invalid value for {place.name}"))
                raise invalid_argument(place.name, text, message, code=code)


def _wrong_value(place: Place) -> str:
    if place.shape.type == "integer":
        return f"Provided {place.name} not an integer or within integer range"
    return f"Invalid value for {place.name}"


def invalid_argument(name: str, value: str, message: str, *, code: str = "InvalidArgument") -> ServiceError:
    """A header or parameter that S3 doesn't take."""
    fields = {"ArgumentName": name, "ArgumentValue": value}
    return ServiceError(message, code=code, status=400, fields=fields)
