"""Dicts by an output shape as XML, for the rest-xml and query protocols.

A function is compiled for each shape; it appends text to a list.
"""

import base64
import re
from collections.abc import Callable
from typing import Any

from clary.wire.model import Reference, ServiceModel, Shape
from clary.wire.protocols.json_output import write_special_number
from clary.wire.timestamps import iso8601, write_timestamp

Write = Callable[[list[str], str, Any], None]  # (out, element name, value)
WriteMembers = Callable[[list[str], dict[str, Any]], None]

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_SPECIAL = re.compile(r"[&<>\"\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")


def escape(text: str) -> str:
    """Text for an element or attribute; control characters as numbers, as S3 writes them."""
    if not _SPECIAL.search(text):
        return text
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0]) or f"&#x{ord(found[0]):x};", text)


class XmlOutput:
    """The writers of one service's shapes."""

    def __init__(self, model: ServiceModel, *, milliseconds: bool = False) -> None:
        self.model = model
        self._milliseconds = milliseconds
        self._writers: dict[Reference, Write] = {}

    def of(self, reference: Reference) -> Write:
        """The function for a shape as it is used here."""
        if reference not in self._writers:
            # A shape that holds itself calls through the table, where its function stands by then.
            self._writers[reference] = lambda out, name, value: self._writers[reference](out, name, value)
            self._writers[reference] = self._compile(reference, self.model.shapes[reference.shape])
        return self._writers[reference]

    def members(self, shape: Shape) -> WriteMembers:
        """The writer of the members that stand in a body, without an element around them."""
        rows = [
            (name, self.element_name(name, member), self.of(member))
            for name, member in shape.members.items()
            if not member.location and not member.xml_attribute
        ]

        def write(out: list[str], value: dict[str, Any]) -> None:
            for name, element, writer in rows:
                item = value.get(name)
                if item is not None:
                    writer(out, element, item)

        return write

    def element_name(self, name: str, member: Reference) -> str:
        """What a member is called; a flattened list's elements bear the name of its element shape, if it has one."""
        shape = self.model.shapes[member.shape]
        if shape.type == "list" and (member.flattened or shape.flattened) and shape.member.location_name:  # type: ignore[union-attr]
            return shape.member.location_name  # type: ignore[union-attr]
        return member.location_name or name

    def _compile(self, reference: Reference, shape: Shape) -> Write:
        if shape.type == "structure":
            return self._structure(reference, shape)
        if shape.type == "list":
            return self._list(shape, flattened=reference.flattened or shape.flattened)
        if shape.type == "map":
            return self._map(shape, flattened=reference.flattened or shape.flattened)
        text = self._text(reference, shape)
        return lambda out, name, value: out.append(f"<{name}>{text(value)}</{name}>")

    def _structure(self, reference: Reference, shape: Shape) -> Write:
        write = self.members(shape)
        attributes = [(name, member.location_name) for name, member in shape.members.items() if member.xml_attribute]
        namespace = namespace_attribute(reference.xml_namespace or shape.xml_namespace)

        def write_structure(out: list[str], name: str, value: dict[str, Any]) -> None:
            given = "".join(f' {label}="{escape(value[key])}"' for key, label in attributes if value.get(key))
            out.append(f"<{name}{namespace}{given}>")
            write(out, value)
            out.append(f"</{name}>")

        return write_structure

    def _list(self, shape: Shape, *, flattened: bool) -> Write:
        assert shape.member is not None
        element, writer = shape.member.location_name or "member", self.of(shape.member)

        def write_flat(out: list[str], name: str, value: list[Any]) -> None:
            for item in value:
                writer(out, name, item)

        def write_list(out: list[str], name: str, value: list[Any]) -> None:
            out.append(f"<{name}>")
            write_flat(out, element, value)
            out.append(f"</{name}>")

        return write_flat if flattened else write_list

    def _map(self, shape: Shape, *, flattened: bool) -> Write:
        assert shape.key is not None
        assert shape.value is not None
        key_name, value_name = shape.key.location_name or "key", shape.value.location_name or "value"
        write_key, write_value = self.of(shape.key), self.of(shape.value)

        def write_flat(out: list[str], name: str, value: dict[str, Any]) -> None:
            for key, item in value.items():
                out.append(f"<{name}>")
                write_key(out, key_name, key)
                write_value(out, value_name, item)
                out.append(f"</{name}>")

        def write_map(out: list[str], name: str, value: dict[str, Any]) -> None:
            out.append(f"<{name}>")
            write_flat(out, "entry", value)
            out.append(f"</{name}>")

        return write_flat if flattened else write_map

    def _text(self, reference: Reference, shape: Shape) -> Callable[[Any], str]:
        if shape.type == "timestamp":
            form = self.model.timestamp_format(reference, "iso8601")
            if form == "iso8601":
                return lambda seconds: iso8601(seconds, milliseconds=self._milliseconds)
            return lambda seconds: write_timestamp(seconds, form)
        if shape.type == "boolean":
            return lambda value: "true" if value else "false"
        if shape.type == "blob":
            return lambda value: base64.b64encode(value).decode()
        if shape.type in ("float", "double"):
            return lambda value: str(write_special_number(value))
        return lambda value: escape(str(value))


def namespace_attribute(namespace: Any) -> str:
    """` xmlns="..."` from what a model says of a namespace, or the empty string."""
    if not namespace:
        return ""
    if isinstance(namespace, str):
        return f' xmlns="{namespace}"'
    prefix = f":{namespace['prefix']}" if namespace.get("prefix") else ""
    return f' xmlns{prefix}="{namespace["uri"]}"'
