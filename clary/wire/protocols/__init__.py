"""AWS's protocols, each as the codec of one operation."""

from typing import TYPE_CHECKING

from clary.wire.protocols.aws_json import AwsJson
from clary.wire.protocols.codec import Codec
from clary.wire.protocols.query import Query
from clary.wire.protocols.rest_json import RestJson
from clary.wire.protocols.rest_xml import RestXml

if TYPE_CHECKING:
    from clary.wire.registry import Operation

CODECS: dict[str, type[Codec]] = {"json": AwsJson, "query": Query, "rest-json": RestJson, "rest-xml": RestXml}


def make_codec(protocol: str, operation: "Operation") -> Codec:
    """The codec of an operation in a protocol; raises KeyError for a protocol that Clary doesn't speak."""
    return CODECS[protocol](operation)
