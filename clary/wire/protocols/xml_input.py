"""XML request bodies by an input shape, as dicts."""

import base64
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from clary.errors import ServiceError
from clary.wire.model import Reference, ServiceModel, Shape
from clary.wire.protocols.scalars import parse_scalar

Read = Callable[[ET.Element], Any]


class MalformedXML(ServiceError):
    """The body is not XML, or not the XML that the operation takes."""

    code = "MalformedXML"
    status = 400

    def __init__(self) -> None:
        super().__init__("The XML you provided was not well-formed or did not validate against our published schema")


def parse_xml(content: bytes) -> ET.Element:
    """The root element; raises MalformedXML, also for a document type, which no client needs."""
    if b"<!DOCTYPE" in content:
        raise MalformedXML
    try:
        return ET.fromstring(content)  # noqa: S314 - no document type, so no entities
    except (ET.ParseError, ValueError, LookupError):
        raise MalformedXML from None


def local_name(element: ET.Element) -> str:
    """The tag without its namespace."""
    return element.tag.rpartition("}")[2]


class XmlInput:
    """The readers of one service's shapes."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._readers: dict[Reference, Read] = {}

    def of(self, reference: Reference) -> Read:
        """The function for a shape as it is used here."""
        if reference not in self._readers:
            self._readers[reference] = lambda element: self._readers[reference](element)
            self._readers[reference] = self._compile(self.model.shapes[reference.shape])
        return self._readers[reference]

    def _compile(self, shape: Shape) -> Read:
        if shape.type == "structure":
            return self._structure(shape)
        if shape.type == "list":
            assert shape.member is not None
            reader, expected = self.of(shape.member), shape.member.location_name or "member"
            return lambda element: [reader(_named(child, expected)) for child in element]
        if shape.type == "map":
            return self._map(shape)
        return lambda element: _scalar(shape.type, element.text or "")

    def _structure(self, shape: Shape) -> Read:
        plain: dict[str, tuple[str, Read]] = {}
        repeated: dict[str, tuple[str, Read]] = {}
        attributes = {}
        for name, member in shape.members.items():
            if member.xml_attribute:
                attributes[member.location_name.rpartition(":")[2]] = name
            elif not member.location:
                target = self.model.shapes[member.shape]
                if target.type == "list" and (member.flattened or target.flattened):
                    assert target.member is not None
                    element_name = target.member.location_name or member.location_name or name
                    repeated[element_name] = (name, self.of(target.member))
                    # Clients write the elements under the member's own name where the two differ.
                    repeated.setdefault(member.location_name or name, (name, self.of(target.member)))
                else:
                    plain[member.location_name or name] = (name, self.of(member))

        def read(element: ET.Element) -> dict[str, Any]:
            value: dict[str, Any] = {}
            for label, text in element.attrib.items():
                if (name := attributes.get(label.rpartition("}")[2])) is not None:
                    value[name] = text
            for child in element:
                tag = local_name(child)
                if tag in plain:
                    name, reader = plain[tag]
                    value[name] = reader(child)
                elif tag in repeated:
                    name, reader = repeated[tag]
                    value.setdefault(name, []).append(reader(child))
                else:
                    raise MalformedXML
            return value

        return read

    def _map(self, shape: Shape) -> Read:
        assert shape.key is not None
        assert shape.value is not None
        key_name, value_name = shape.key.location_name or "key", shape.value.location_name or "value"
        read_key, read_value = self.of(shape.key), self.of(shape.value)

        def read(element: ET.Element) -> dict[str, Any]:
            value = {}
            for entry in element:
                parts = {local_name(part): part for part in entry}
                if parts.keys() != {key_name, value_name}:
                    raise MalformedXML
                value[read_key(parts[key_name])] = read_value(parts[value_name])
            return value

        return read


def _named(element: ET.Element, expected: str) -> ET.Element:
    if local_name(element) != expected:
        raise MalformedXML
    return element


def _scalar(kind: str, text: str) -> Any:
    try:
        if kind == "blob":
            return base64.b64decode(text, validate=True)
        return text if kind == "string" else parse_scalar(kind, text.strip())
    except ValueError:
        raise MalformedXML from None
